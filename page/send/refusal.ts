/** Why a file is not sent or not registered, in the kinds that a person can do something about. Pure. */
import { ProblemError } from '#page/api/problem-error.ts';
import { PutRefused } from './put-bytes.ts';
import type { SendPhase } from './send-state.ts';

export type RefusalKind =
  /** The bytes are not those that were checked and summed. */
  | 'FileChanged'
  /** No file may have this name. */
  | 'FileName'
  /** The place of the file does not exist any more: a day is over, or somebody deleted the place. */
  | 'PlaceGone'
  /** The schema was deleted or has a mistake; the file is in the storage. */
  | 'Schema'
  /** The columns do not fit the schema, which was changed meanwhile. */
  | 'Columns'
  /** The storage takes no files from pages. */
  | 'StorageClosed'
  /** The storage refuses the bytes. */
  | 'Storage'
  | 'SignedOut'
  | 'Forbidden'
  /** The gateway says why, in its own words. */
  | 'Other';

export interface Refusal {
  kind: RefusalKind;
  /** The gateway's or storage's own words; empty when there are none. */
  detail: string;
  /** Trying again needs another place. */
  isPlaceLost: boolean;
}

/** Words of storages for bytes that are not the declared ones. */
const WRONG_BYTES = new Set(['BadDigest', 'XAmzContentChecksumMismatch', 'InvalidDigest', 'XAmzContentSHA256Mismatch']);

/** Asked before the first byte, because a browser tells no page why a request to another origin failed. */
export class StorageClosed extends Error {
  override readonly name = 'StorageClosed';
}

/**
 * @param phase in which the failure came: the same answer means one thing of a completion, and another of a
 * registration
 */
export function explainFailure(error: unknown, phase: SendPhase): Refusal {
  if (error instanceof StorageClosed) return refusal('StorageClosed', error.message);
  if (error instanceof PutRefused) {
    if (error.code !== null && WRONG_BYTES.has(error.code)) return refusal('FileChanged', '', true);
    return refusal('Storage', error.message, error.status === 403 || error.status === 404);
  }
  if (error instanceof ProblemError) return explainProblem(error, phase);
  const name = (error as { name?: unknown } | null)?.name;
  if (name === 'NotReadableError' || name === 'NotFoundError') return refusal('FileChanged', '', true);
  return refusal('Other', error instanceof Error ? error.message : String(error));
}

function explainProblem({ status, detail, errors }: ProblemError, phase: SendPhase): Refusal {
  const isAbout = (pointer: string) => errors.some((part) => part.pointer?.startsWith(pointer));
  if (status === 401) return refusal('SignedOut', detail);
  if (status === 403) return refusal('Forbidden', detail);
  if (status === 404) return refusal('PlaceGone', detail, true);
  if (isAbout('/name')) return refusal('FileName', detail);
  if (isAbout('/schema')) return refusal('Schema', detail);
  if (isAbout('/format')) return refusal('Columns', detail);
  // The parts together do not have the checksum that was computed before: the gateway refuses a completion for nothing
  // else.
  if (status === 422 && phase === 'Completing') return refusal('FileChanged', detail, true);
  // The object is not the declared file, was removed, or is loaded already: only another place helps.
  return refusal('Other', detail, status === 409);
}

function refusal(kind: RefusalKind, detail: string, isPlaceLost = false): Refusal {
  return { kind, detail, isPlaceLost };
}
