/** An upload in words for a clerk: what happens now, why, and what to do next. Pure. */

import type { Upload } from '#page/api/types.ts';
import type { Tone } from '#page/app/components/tones.ts';
import type { TextKey } from '#page/texts/text.ts';
import { conditionOf, STATES, stateOf } from './upload-state.ts';

type NowKey = Extract<TextKey, `now.${string}`>;
type NextKey = Extract<TextKey, `next.${string}`>;

export interface UploadExplanation {
  tone: Tone;
  now: NowKey;
  /** The value of `count` in the text `now`, where it has one. */
  count: number;
  next: NextKey;
  /** The operator's own words, which are English: about the file for the person, else for the administrator. */
  message: { text: string; isForPerson: boolean } | null;
  mayRetry: boolean;
  maySendAgain: boolean;
}

interface Words {
  now: NowKey;
  next: NextKey;
  tone?: Tone;
  count?: number;
  message?: { text: string; isForPerson: boolean } | null;
  mayRetry?: boolean;
  maySendAgain?: boolean;
}

/**
 * @param hasKey do records of the schema have a key? null: that is not known
 * @param mayReadErrors may the person see the failed records themselves?
 */
export function explainUpload(upload: Upload, hasKey: boolean | null, mayReadErrors = true): UploadExplanation {
  const words = findWords(upload, hasKey, mayReadErrors);
  return {
    tone: STATES[stateOf(upload)].tone ?? 'info',
    count: 0,
    message: null,
    mayRetry: false,
    maySendAgain: false,
    ...words,
  };
}

function findWords(upload: Upload, hasKey: boolean | null, mayReadErrors: boolean): Words {
  if (upload.deletedAt !== undefined) return { now: 'now.deleting', next: 'next.nothing' };
  switch (upload.phase) {
    case 'Complete':
      return explainComplete(upload, mayReadErrors);
    case 'Failed':
      return explainFailed(upload, hasKey);
    case 'Cancelled':
      return explainCancelled(upload);
    case 'Suspended':
      return { now: 'now.suspended', next: 'next.resume' };
    case 'Queued':
      return TURNS.has(conditionOf(upload, 'Progressing')?.reason ?? '')
        ? { now: 'now.turn', next: 'next.leave' }
        : { now: 'now.queued', next: 'next.queued' };
    default:
      return explainHindrance(upload) ?? explainRunning(upload);
  }
}

/** Reasons of Progressing = False of an upload that waits until others leave room for it. */
const TURNS = new Set(['LimitReached', 'AdmissionPending']);

function explainRunning(upload: Upload): Words {
  if (conditionOf(upload, 'Progressing')?.reason === 'Stopping') return { now: 'now.ending', next: 'next.leave' };
  if (upload.phase === 'Planning') return { now: 'now.reading', next: 'next.leave' };
  if (upload.phase !== 'Processing') return { now: 'now.registered', next: 'next.leave' };
  return { now: upload.mode === 'Validate' ? 'now.checking' : 'now.loading', next: 'next.leave' };
}

/** Reasons of Accepted = False with words of their own; all others say that something is not set up. */
const WAITS: Record<string, Pick<Words, 'now' | 'next' | 'maySendAgain'>> = {
  SchemaNotFound: { now: 'now.schema', next: 'next.administrator' },
  SchemaInvalid: { now: 'now.schema', next: 'next.administrator' },
  ColumnsInvalid: { now: 'now.columns', next: 'next.columns', maySendAgain: true },
  DatabaseUnavailable: { now: 'now.database-away', next: 'next.by-itself' },
};

function explainHindrance(upload: Upload): Words | null {
  const accepted = conditionOf(upload, 'Accepted');
  if (accepted?.status === 'False') {
    const words = WAITS[accepted.reason] ?? { now: 'now.set-up', next: 'next.administrator' };
    return { ...words, tone: 'warning', message: { text: accepted.message, isForPerson: false } };
  }
  const suspended = conditionOf(upload, 'Suspended');
  const degraded = conditionOf(upload, 'Degraded');
  if (degraded?.status === 'True') {
    const message = { text: degraded.message, isForPerson: false };
    return { now: 'now.hindered', next: 'next.by-itself', tone: 'warning', message };
  }
  if (suspended?.status !== 'True') return null;
  const message = { text: suspended.message, isForPerson: false };
  return { now: 'now.suspended', next: 'next.administrator', tone: 'warning', message };
}

function explainComplete(upload: Upload, mayReadErrors: boolean): Words {
  const { total = 0, succeeded = 0, failed = 0, duplicate = 0 } = upload.records ?? {};
  if (conditionOf(upload, 'Complete')?.reason === 'AlreadyLoaded') {
    return { now: 'now.already-loaded', next: 'next.already-loaded', tone: 'info', maySendAgain: true };
  }
  if (total === 0) return { now: 'now.no-records', next: 'next.no-records', tone: 'warning', maySendAgain: true };
  if (upload.mode === 'Validate') {
    if (failed === 0) return { now: 'now.checked', next: 'next.checked', maySendAgain: true };
    return { now: 'now.checked-with-mistakes', count: failed, next: 'next.mend-checked', maySendAgain: true };
  }
  if (failed > 0) {
    const next = mayReadErrors ? 'next.mend' : 'next.mend-of-others';
    return { now: 'now.loaded-with-mistakes', count: failed, next, maySendAgain: mayReadErrors };
  }
  if (duplicate > 0) return { now: 'now.loaded-and-duplicates', count: succeeded, next: 'next.nothing' };
  return { now: 'now.all-loaded', count: total, next: 'next.nothing' };
}

function explainCancelled({ records }: Upload): Words {
  const loaded = records?.succeeded ?? 0;
  return loaded > 0
    ? { now: 'now.cancelled-partly', count: loaded, next: 'next.cancelled' }
    : { now: 'now.cancelled', next: 'next.cancelled' };
}

/** Reasons whose cause is the file: another try would end in the same way, and the message is for the person. */
const FILE_FAULTS: Record<string, Pick<Words, 'now' | 'next'>> = {
  HeaderMismatch: { now: 'now.failed-header', next: 'next.header' },
  ColumnsInvalid: { now: 'now.columns', next: 'next.columns' },
  FileDamaged: { now: 'now.failed-damaged', next: 'next.damaged' },
  FormatMismatch: { now: 'now.failed-mismatch', next: 'next.mismatch' },
  FormatNotSupported: { now: 'now.failed-kind', next: 'next.kind' },
  RecordTooLong: { now: 'now.failed-long', next: 'next.quote' },
  UnterminatedQuote: { now: 'now.failed-quote', next: 'next.quote' },
};

function explainFailed(upload: Upload, hasKey: boolean | null): Words {
  const { reason = '', message: text = upload.message ?? '' } = conditionOf(upload, 'Failed') ?? {};
  const file = FILE_FAULTS[reason];
  if (file !== undefined) return { ...file, maySendAgain: true, message: { text, isForPerson: true } };
  const message = { text, isForPerson: false };
  switch (reason) {
    case 'TooManyFailedRecords': {
      const isAppended = hasKey === false && (upload.records?.succeeded ?? 0) > 0 && upload.mode === 'Commit';
      const next = isAppended ? 'next.mend-many-no-key' : 'next.mend-many';
      return { now: 'now.failed-many', next, maySendAgain: !isAppended, message };
    }
    case 'PartlyLoaded':
      return { now: 'now.failed-partly', next: 'next.partly', message };
    case 'SourceChanged':
    case 'ObjectNotFound':
      return { now: 'now.failed-changed', next: 'next.changed', maySendAgain: true, message };
    case 'LedgerClosed':
      return { now: 'now.failed-closed', next: 'next.changed', maySendAgain: true, message };
    default:
      return { now: 'now.failed-other', next: 'next.retry', mayRetry: true, message };
  }
}
