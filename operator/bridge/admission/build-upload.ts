/** Builds a BatchUpload from a source's template and one version of an object. Pure. */
import { LABELS, labelValue } from '#api/labels.ts';
import type { BatchUpload, UploadSource } from '#kube/custom-resources.ts';
import type { NewObject } from '#kube/types.ts';
import type { ObjectVersion } from '#operator/bridge/storage/storage-calls.ts';

export interface UploadParts {
  name: string;
  schemaName: string;
  key: string;
  version: ObjectVersion;
  event: { id: string | null; time: string | null } | null;
}

const MAX_EVENT_ID = 256;

/**
 * The upload is pinned to the version that admission has seen; in a bucket without versions, to its ETag. The upload
 * has no owner reference, so that it outlives its source.
 */
export function buildUpload({ metadata, spec }: UploadSource, parts: UploadParts): NewObject<BatchUpload> {
  const { name, schemaName, key, version, event } = parts;
  const { bucket, endpoint, region, forcePathStyle, credentialsSecretRef } = spec.s3;
  const { labels, annotations } = spec.template.metadata ?? {};
  const time = event?.time ? toTime(event.time) : null;
  const label = labelValue(metadata.name);
  return {
    apiVersion: 'batchupload.dev/v1alpha1',
    kind: 'BatchUpload',
    metadata: {
      name,
      namespace: metadata.namespace,
      labels: { ...labels, ...(label === undefined ? {} : { [LABELS.uploadSource]: label }) },
      ...(annotations ? { annotations } : {}),
    },
    spec: {
      ...spec.template.spec,
      source: {
        type: spec.sftp ? 'FTP' : 'S3Event',
        event: {
          ...(event?.id ? { id: event.id.slice(0, MAX_EVENT_ID) } : {}),
          ...(time === null ? {} : { time }),
          uploadSource: metadata.name,
        },
        s3: {
          bucket,
          key,
          ...(version.versionId === null ? {} : { versionId: version.versionId }),
          ...(version.eTag ? { eTag: version.eTag } : {}),
          ...(endpoint ? { endpoint } : {}),
          ...(region ? { region } : {}),
          ...(forcePathStyle === undefined ? {} : { forcePathStyle }),
          ...(credentialsSecretRef ? { credentialsSecretRef } : {}),
        },
      },
      schemaRef: { name: schemaName },
    },
  };
}

/** The time in an event may be any text, and the API server refuses a text that is no time. */
function toTime(text: string): string | null {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}
