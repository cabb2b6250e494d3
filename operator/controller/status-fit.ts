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
  /** Notes why a status was refused. @returns false when the CRD is not the cause */
  note(error: unknown): boolean;
}

/** A whole status is tried again after this time, because somebody may have upgraded the CRD. */
const AGAIN_MS = 300_000;
const WORDS_BYTES = 400;

export function createStatusFit({ clock, log }: { clock: Clock; log: Logger }): StatusFit {
  let refusal: { why: UploadExplanation; until: number } | null = null;
  return {
    get outdated() {
      return refusal !== null && clock.monotonic() < refusal.until ? refusal.why : null;
    },
    note(error) {
      if (!isSchemaRefusal(error)) return false;
      const { message: words } = error as Error;
      refusal = { why: crdOutdated(words), until: clock.monotonic() + AGAIN_MS };
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

/** The part of a status that every release of the CRD knows. Pure. */
export function reduceStatus(status: BatchUploadStatus): BatchUploadStatus {
  const { observedGeneration, phase, message, startTime, completionTime, records, progress, conditions } = status;
  const kept = { observedGeneration, phase, message, startTime, completionTime, records, progress };
  const present = Object.entries(kept).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(present), conditions: (conditions ?? []).filter(({ type }) => OLD_TYPES.has(type)) };
}
