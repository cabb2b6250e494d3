/** Every label and annotation that the operator sets or reads, once. */

export const LABELS = {
  /** On every Job and pod of ours: what the caches select by. */
  managedBy: 'app.kubernetes.io/managed-by',
  /** metadata.uid of the BatchUpload. */
  uid: 'batchupload.dev/uid',
  /** metadata.name of the BatchUpload where it is a valid label value, for people. */
  name: 'batchupload.dev/name',
  /** `plan`, `process` or `cleanup`. */
  kind: 'batchupload.dev/kind',
  /** Attempt of the upload that the Job works for. */
  attempt: 'batchupload.dev/attempt',
  /** On a BatchUpload that the bridge created: metadata.name of its UploadSource where it is a valid label value. */
  uploadSource: 'batchupload.dev/upload-source',
} as const;

export const MANAGED_BY = 'batch-upload';

/** Selects our Jobs and pods. */
export const MANAGED_SELECTOR = `${LABELS.managedBy}=${MANAGED_BY},${LABELS.uid}`;

export const FINALIZERS = {
  /** On an upload whose file has a copy, until the copy is removed, or 10 minutes at most. */
  workCopy: 'batchupload.dev/work-copy',
} as const;

export const ANNOTATIONS = {
  /** On a Job: how many before it with the same name ended without the ledger's consent. Spaces recreations. */
  recreated: 'batchupload.dev/recreated',
} as const;

/** A label value is at most 63 characters; an object's name may have 253. */
export function labelValue(name: string): string | undefined {
  return name.length <= 63 ? name : undefined;
}
