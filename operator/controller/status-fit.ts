/**
 * Makes statuses fit where the CRD in the cluster is of an earlier release than the operator. Such a CRD refuses the
 * whole status for one field or one type of condition that it does not know, and the status would stay as it was for
 * ever.
 */
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import type { Clock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { cutText } from '#common/text.ts';
import { isSchemaRefusal } from '#kube/errors.ts';

export interface StatusFit {
  /** Says that the CRD is too old; null while the CRD has refused no status lately. */
  readonly outdated: UploadExplanation | null;
  /** How much is left out of a status: 0 for nothing, see {@link reduceStatus}. */
  readonly level: number;
  /**
   * Notes why a status was refused from which so much was left out.
   * @returns false when the CRD is not the cause, or when nothing more can be left out
   */
  note(error: unknown, level: number): boolean;
}

/** A whole status is tried again after this time, because somebody may have upgraded the CRD. */
const AGAIN_MS = 300_000;
const WORDS_BYTES = 400;

export function createStatusFit({ clock, log }: { clock: Clock; log: Logger }): StatusFit {
  let refusal: { why: UploadExplanation; level: number; until: number } | null = null;
  const current = () => (refusal !== null && clock.monotonic() < refusal.until ? refusal : null);
  return {
    get outdated() {
      return current()?.why ?? null;
    },
    get level() {
      return current()?.level ?? 0;
    },
    note(error, level) {
      if (!isSchemaRefusal(error) || level >= KEPT.length) return false;
      const { message: words } = error as Error;
      const next = Math.max(current()?.level ?? 0, level + 1);
      refusal = { why: crdOutdated(words), level: next, until: clock.monotonic() + AGAIN_MS };
      log.error({ err: error }, 'the CRD of BatchUpload is older than this operator and refuses statuses: upgrade it');
      return true;
    },
  };
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
