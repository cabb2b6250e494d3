/** An upload as the API shows it: what senders need, in a form that stays when the resource changes. Pure. */
import { ANNOTATIONS } from '#api/labels.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { UploadView } from './upload-schemas.ts';

export function representUpload({ metadata, spec, status = {} }: BatchUpload): UploadView {
  const { recordsPerSecond } = status;
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    uid: metadata.uid,
    schema: spec.schemaRef.name,
    file: representFile({ spec, status }),
    // The fields that the API server fills in are absent where a test or an old resource has none.
    sourceType: spec.source.type ?? 'Manual',
    mode: spec.mode ?? 'Commit',
    phase: status.phase ?? 'Pending',
    conditions: (status.conditions ?? []).map(({ type, status: holds, reason, message, lastTransitionTime }) => ({
      type,
      status: holds,
      reason,
      message,
      lastTransitionTime,
    })),
    retryGeneration: spec.retryGeneration ?? 0,
    createdAt: metadata.creationTimestamp ?? '',
    ...present({
      message: status.message,
      records: status.records,
      progress: status.progress,
      recordsPerSecond: recordsPerSecond === undefined ? undefined : Math.round(recordsPerSecond),
      estimatedCompletionTime: status.estimatedCompletionTime,
      topErrors: status.topErrors,
      columns: status.columns?.map(({ name, field }) =>
        field === undefined ? { name, ignored: true } : { name, field },
      ),
      columnsOmitted: status.columnsOmitted,
      createdBy: creatorOf({ metadata }),
      startedAt: status.startTime,
      completedAt: status.completionTime,
      deletedAt: metadata.deletionTimestamp,
    }),
  };
}

/** The user that asked the gateway for the upload; undefined for an upload that came another way. */
export function creatorOf({ metadata }: Pick<BatchUpload, 'metadata'>): string | undefined {
  return metadata.annotations?.[ANNOTATIONS.createdBy];
}

/** The id of the file that the gateway has taken for this upload. */
export function fileIdOf({ spec: { source } }: Pick<BatchUpload, 'spec'>): string | undefined {
  return source.type === 'API' || source.type === 'UI' ? source.event?.id : undefined;
}

/** The last part of the key. */
export function fileNameOf({ source }: BatchUpload['spec']): string {
  const { key } = source.s3;
  return key.slice(key.lastIndexOf('/') + 1);
}

function representFile({ spec, status }: Required<Pick<BatchUpload, 'spec' | 'status'>>): UploadView['file'] {
  const { bucket, key, versionId, eTag } = spec.source.s3;
  return {
    name: fileNameOf(spec),
    bucket,
    key,
    ...present({
      id: fileIdOf({ spec }),
      sizeBytes: status.source?.sizeBytes,
      versionId: status.source?.versionId ?? versionId,
      eTag: status.source?.eTag ?? eTag,
    }),
  };
}

/** The fields that have a value. */
function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
