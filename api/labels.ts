/** Every label, annotation and finalizer that the operator sets or reads. */

export const LABELS = {
  /** The label of every Job and pod of the operator, by which the caches select them. */
  managedBy: 'app.kubernetes.io/managed-by',
  /** The metadata.uid of the BatchUpload; of a Job or pod that serves many uploads, the id of its pool. */
  uid: 'batchupload.dev/uid',
  /** The metadata.name of the BatchUpload, where the name is a valid label value; only people read this label. */
  name: 'batchupload.dev/name',
  /** The kind of the Job: `plan`, `process`, `cleanup` or `pool`. */
  kind: 'batchupload.dev/kind',
  /** The attempt of the upload for which the Job works. */
  attempt: 'batchupload.dev/attempt',
  /**
   * The metadata.name of the UploadSource for which the bridge created a BatchUpload, where that is a valid label
   * value.
   */
  uploadSource: 'batchupload.dev/upload-source',
} as const;

export const MANAGED_BY = 'batch-upload';

/** Selects the operator's Jobs and pods. */
export const MANAGED_SELECTOR = `${LABELS.managedBy}=${MANAGED_BY},${LABELS.uid}`;

/** The labels and annotations of Kueue that the operator writes or names. */
export const KUEUE = {
  /** The label of a Job with the name of the LocalQueue in which Kueue queues the Job. */
  queueName: 'kueue.x-k8s.io/queue-name',
  /** The label of a Job with the name of its WorkloadPriorityClass. */
  priorityClass: 'kueue.x-k8s.io/priority-class',
  /** The annotation of a Job with the smallest parallelism with which Kueue may admit the Job. */
  minParallelism: 'kueue.x-k8s.io/job-min-parallelism',
  /** The label of a Workload of Kueue with the metadata.uid of its Job. */
  jobUid: 'kueue.x-k8s.io/job-uid',
} as const;

export const FINALIZERS = {
  /** Holds an upload whose file has a copy until the copy is removed, for a limited time: see cleanup-policy.ts. */
  workCopy: 'batchupload.dev/work-copy',
} as const;

export const ANNOTATIONS = {
  /** The number of earlier Jobs of this name that ended while the ledger still had work; it spaces recreations. */
  recreated: 'batchupload.dev/recreated',
  /** The parallelism that the operator gave to the Job; another value in the Job's spec was set by something else. */
  parallelism: 'batchupload.dev/parallelism',
  /** The number of sessions of the database that each pod of the Job has; a Job of an earlier release has no such note. */
  sessionsPerPod: 'batchupload.dev/sessions-per-pod',
  /** The limits of spec.target.protect that the pods of the Job have; a Job of an earlier release has no such note. */
  protect: 'batchupload.dev/protect',
  /** The chart's values that decide whether the pods of the Job start, as they were when the operator made the Job. */
  settings: 'batchupload.dev/settings',
  /** The spec.queueName with which the operator made the Job; a Job that was made without one has no such note. */
  queueName: 'batchupload.dev/queue-name',
  /** The user that asked the gateway or the bridge for the upload, or nothing where a person applied it. */
  createdBy: 'batchupload.dev/created-by',
} as const;

/**
 * The name as a label value; undefined when it is longer than the 63 characters of a label value (a name may have 253).
 */
export function labelValue(name: string): string | undefined {
  return name.length <= 63 ? name : undefined;
}
