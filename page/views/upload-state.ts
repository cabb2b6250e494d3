/** How an upload stands, in a word. Pure. */

import type { Phase } from '#page/api/phases.ts';
import type { Condition, Upload } from '#page/api/types.ts';
import type { IconName } from '#page/app/components/icon-paths.ts';
import type { Tone } from '#page/app/components/tones.ts';

export type UploadState =
  | 'deleting'
  | 'waiting'
  | 'hindered'
  | 'queued'
  | 'suspended'
  | 'reading'
  | 'loading'
  | 'checking'
  | 'done'
  | 'done-with-mistakes'
  | 'failed'
  | 'cancelled';

export const STATES: Record<UploadState, { tone: Tone | null; icon: IconName }> = {
  deleting: { tone: null, icon: 'clock' },
  waiting: { tone: null, icon: 'clock' },
  hindered: { tone: 'warning', icon: 'warning' },
  queued: { tone: null, icon: 'clock' },
  suspended: { tone: 'warning', icon: 'clock' },
  reading: { tone: 'info', icon: 'sync' },
  loading: { tone: 'info', icon: 'sync' },
  checking: { tone: 'info', icon: 'sync' },
  done: { tone: 'success', icon: 'check' },
  'done-with-mistakes': { tone: 'warning', icon: 'warning' },
  failed: { tone: 'error', icon: 'error' },
  cancelled: { tone: null, icon: 'error' },
};

export function stateOf(upload: Upload): UploadState {
  if (upload.deletedAt !== undefined) return 'deleting';
  switch (upload.phase) {
    case 'Complete':
      return (upload.records?.failed ?? 0) > 0 ? 'done-with-mistakes' : 'done';
    case 'Failed':
      return 'failed';
    case 'Cancelled':
      return 'cancelled';
    case 'Suspended':
      return 'suspended';
    case 'Queued':
      return 'queued';
    default:
      return isHindered(upload) ? 'hindered' : stateOfRunning(upload);
  }
}

function stateOfRunning({ phase, mode }: Upload): UploadState {
  if (phase === 'Planning') return 'reading';
  if (phase === 'Processing') return mode === 'Validate' ? 'checking' : 'loading';
  return 'waiting';
}

/** Does something stand in the way of the upload that time alone does not mend? */
function isHindered(upload: Upload): boolean {
  return (
    conditionOf(upload, 'Accepted')?.status === 'False' ||
    conditionOf(upload, 'Degraded')?.status === 'True' ||
    conditionOf(upload, 'Suspended')?.status === 'True'
  );
}

export function conditionOf({ conditions }: Upload, type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** @returns the share of the records that are done, 0 to 1; null before they are counted */
export function progressOf({ records }: Upload): number | null {
  if (records?.total === undefined) return null;
  return records.total === 0 ? 1 : Math.min(1, (records.processed ?? 0) / records.total);
}

/** @returns the seconds until the upload will be complete; null when nobody knows */
export function secondsLeft({ phase, estimatedCompletionTime }: Upload, now: number): number | null {
  if (phase !== 'Processing' || estimatedCompletionTime === undefined) return null;
  const ms = Date.parse(estimatedCompletionTime) - now;
  return Number.isNaN(ms) || ms <= 0 ? null : ms / 1000;
}

const ENDS: readonly Phase[] = ['Complete', 'Failed', 'Cancelled'];

export const isRunning = ({ phase }: Upload) => !ENDS.includes(phase);
