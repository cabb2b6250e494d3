/**
 * Makes statuses fit where the CRD in the cluster is of an earlier release than the operator. Such a CRD refuses the
 * whole status for one field or one type of condition that it does not know, and the status would stay as it was for
 * ever. Pure.
 *
 * What the CRD refuses of one upload says nothing of another one: a status also has what is in the upload's ledger row, and whoever
 * may write into that database could otherwise reduce the statuses of everybody. An older CRD costs each upload at most three
 * requests more in {@link AGAIN_MS}.
 */
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import { cutText } from '#common/text.ts';
import { isSchemaRefusal } from '#kube/errors.ts';

/** What the CRD has refused of one upload. */
export interface StatusRefusal {
  /** Says that the CRD is too old. */
  why: UploadExplanation;
  /** How much is left out of a status: see {@link reduceStatus}. */
  level: number;
  /** When a whole status is tried again (monotonic, ms). */
  until: number;
}

/** A whole status is tried again after this time, because somebody may have upgraded the CRD. */
const AGAIN_MS = 300_000;
const WORDS_BYTES = 400;

/** @returns null when no status was refused lately */
export function lastingRefusal(refusal: StatusRefusal | null, now: number): StatusRefusal | null {
  return refusal !== null && now < refusal.until ? refusal : null;
}

/**
 * Leaves out more of a status that was refused.
 * @param level how much was left out of the status
 * @returns null when the CRD is not the cause, or when nothing more can be left out
 */
export function nextRefusal(error: unknown, level: number, now: number): StatusRefusal | null {
  if (!isSchemaRefusal(error) || level >= KEPT.length) return null;
  return { why: crdOutdated((error as Error).message), level: level + 1, until: now + AGAIN_MS };
}

function crdOutdated(words: string): UploadExplanation {
  return {
    reason: 'CrdOutdated',
    message: `The CRD batchuploads.batchupload.dev is older than this operator and refuses a part of the status, which is left out; the upload itself goes on. Upgrade the CRDs: helm upgrade with crds.enabled=true, or kubectl apply --server-side --force-conflicts -f charts/batch-upload/files/crds/. The API server says: ${cutText(words, WORDS_BYTES)}`,
  };
}

/** The types of conditions that every release knows. */
const OLD_TYPES = new Set(['Accepted', 'Planned', 'Progressing', 'Degraded', 'Complete', 'Failed']);

/** What is kept of a status, the most first: a CRD that is older still may not know a field of the first list either. */
const KEPT: readonly (keyof BatchUploadStatus)[][] = [
  ['observedGeneration', 'phase', 'message', 'startTime', 'completionTime', 'records', 'progress'],
  ['observedGeneration', 'phase', 'message', 'startTime', 'completionTime'],
  ['observedGeneration', 'message'],
];

/** The part of a status that an older CRD knows too; nothing is left out at level 0. Pure. */
export function reduceStatus(status: BatchUploadStatus, level: number): BatchUploadStatus {
  const kept = KEPT[level - 1];
  if (kept === undefined) return status;
  const fields = kept.flatMap((field) => (status[field] === undefined ? [] : [[field, status[field]]]));
  return {
    ...Object.fromEntries(fields),
    conditions: (status.conditions ?? []).filter(({ type }) => OLD_TYPES.has(type)),
  };
}
