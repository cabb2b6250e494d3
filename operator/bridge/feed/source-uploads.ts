/** The BatchUploads of one UploadSource, as the API server knows them. The cache keeps only what the feed reads. */
import { LABELS } from '#api/labels.ts';
import type { Logger } from '#common/log.ts';
import { BATCH_UPLOADS, type BatchUpload, type UploadSource } from '#kube/custom-resources.ts';
import { keyOf } from '#kube/object-cache.ts';
import { createReflector } from '#kube/reflector.ts';
import type { KubeClient } from '#kube/types.ts';

export type UploadState = 'Active' | 'Suspended' | 'Complete' | 'Failed' | 'Cancelled';

export interface SourceUpload {
  name: string;
  uid: string;
  resourceVersion: string;
  key: string;
  state: UploadState;
  /** Why it has failed, for programs; null when it has not. */
  reason: string | null;
  retryGeneration: number;
  /** Wall clock, ms; the time of its creation while it has not ended. */
  endedAt: number;
}

export interface SourceUploads {
  readonly hasSynced: boolean;
  get(name: string): SourceUpload | undefined;
  all(): SourceUpload[];
  /** Watches until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface SourceUploadsDeps {
  client: KubeClient;
  source: UploadSource;
  log: Logger;
  /** Called when an upload was created or deleted, or has ended or begun again. */
  onChange: () => void;
}

export function createSourceUploads({ client, source, log, onChange }: SourceUploadsDeps): SourceUploads {
  const { name, namespace } = source.metadata;
  const isOwn = ({ spec }: BatchUpload) => spec.source.event?.uploadSource === name;
  const reflector = createReflector({
    client,
    log,
    type: BATCH_UPLOADS,
    namespace,
    labelSelector: `${LABELS.uploadSource}=${name}`,
    trim,
  });
  return {
    get hasSynced() {
      return reflector.hasSynced;
    },
    get(upload) {
      const found = reflector.get(keyOf({ metadata: { namespace, name: upload } }));
      return found && isOwn(found) ? describeUpload(found) : undefined;
    },
    all: () => [...reflector.values()].filter(isOwn).map(describeUpload),
    async run(signal) {
      const unsubscribe = reflector.subscribe({
        onAdd: onChange,
        onUpdate: (upload, previous) => {
          if (stateOf(upload) !== stateOf(previous)) onChange();
        },
        onDelete: onChange,
      });
      try {
        // Without any upload nothing is added, and the first list is a change all the same.
        reflector.synced.then(onChange, () => undefined);
        await reflector.run(signal);
      } finally {
        unsubscribe();
      }
    },
  };
}

function trim({ metadata, spec, status }: BatchUpload): BatchUpload {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const { event, s3 } = spec.source;
  const conditions = (status?.conditions ?? []).filter(({ type }) => type === 'Complete' || type === 'Failed');
  const kept = {
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: {
      source: { event: { uploadSource: event?.uploadSource }, s3: { key: s3.key } },
      retryGeneration: spec.retryGeneration,
      suspend: spec.suspend,
    },
    status: {
      completionTime: status?.completionTime,
      conditions: conditions.map(({ type, status: holds, reason }) => ({ type, status: holds, reason })),
    },
  };
  return kept as unknown as BatchUpload;
}

export function describeUpload(upload: BatchUpload): SourceUpload {
  const { metadata, spec, status } = upload;
  const failed = find(upload, 'Failed');
  return {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion ?? '',
    key: spec.source.s3.key,
    state: stateOf(upload),
    reason: failed?.status === 'True' ? failed.reason : null,
    retryGeneration: spec.retryGeneration ?? 0,
    endedAt: Date.parse(status?.completionTime ?? metadata.creationTimestamp ?? '') || 0,
  };
}

function stateOf(upload: BatchUpload): UploadState {
  if (find(upload, 'Complete')?.status === 'True') return 'Complete';
  const failed = find(upload, 'Failed');
  if (failed?.status === 'True') return failed.reason === 'Cancelled' ? 'Cancelled' : 'Failed';
  return upload.spec.suspend ? 'Suspended' : 'Active';
}

function find({ status }: BatchUpload, type: 'Complete' | 'Failed') {
  return status?.conditions?.find((condition) => condition.type === type);
}

export function hasEnded({ state }: SourceUpload): boolean {
  return state !== 'Active' && state !== 'Suspended';
}

export function hasFailed({ state }: SourceUpload): boolean {
  return state === 'Failed' || state === 'Cancelled';
}
