/** Builds a BatchUpload from a request and the file that the request names. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { BatchUploadSpec } from '#api/batch-upload.gen.ts';
import { ANNOTATIONS } from '#api/labels.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { NewObject } from '#kube/types.ts';
import type { PinnedFile } from '#operator/gateway/files/pin-file.ts';
import { bareTag } from '#s3/call-storage.ts';
import type { NewUpload } from './upload-schemas.ts';

/** The same file gives the same name, so that a repeated request finds the upload of the first one. */
export function uploadNameOf({ file, name }: Pick<NewUpload, 'file' | 'name'>): string {
  return name ?? `api-${file}`;
}

/** The part of the spec that the sender decides. The API server fills in the defaults of what is left out. */
export type AskedSpec = Pick<BatchUploadSpec, 'schemaRef'> & Partial<Omit<BatchUploadSpec, 'source' | 'work'>>;

export function askedSpec(request: NewUpload): AskedSpec {
  const { schema, format, mode, reload, chunkRecords, parallelism, errorPolicy, target } = request;
  return {
    schemaRef: { name: schema },
    ...(format && { format }),
    ...(mode && { mode }),
    ...(reload !== undefined && { reload }),
    ...(chunkRecords !== undefined && { chunkRecords }),
    ...(parallelism !== undefined && { parallelism }),
    ...(errorPolicy && { errorPolicy: errorPolicy as NonNullable<BatchUploadSpec['errorPolicy']> }),
    ...(target && { target }),
  };
}

export function buildUpload(
  request: NewUpload,
  { namespace, creator, file }: { namespace: string; creator: string; file: PinnedFile },
): NewObject<BatchUpload> {
  const { id, bucket, key, versionId, eTag } = file;
  return {
    apiVersion: 'batchupload.dev/v1alpha1',
    kind: 'BatchUpload',
    metadata: { name: uploadNameOf(request), namespace, annotations: { [ANNOTATIONS.createdBy]: creator } },
    spec: {
      ...askedSpec(request),
      source: {
        type: request.sourceType ?? 'API',
        event: { id },
        s3: { bucket, key, ...(versionId === null ? {} : { versionId }), eTag },
      },
    } as BatchUploadSpec,
  };
}

/** The fields that nobody can change later, so that they tell whether an upload is the one that a request asks for. */
const FIXED = ['schemaRef', 'format', 'mode', 'reload', 'chunkRecords', 'target'] as const;

/**
 * Is the upload what the request asks for? A field that the request leaves out does not count: the API server has filled
 * in its default.
 */
export function isSameRequest({ spec }: BatchUpload, request: NewUpload): boolean {
  const asked = askedSpec(request);
  const isSameType = request.sourceType === undefined || spec.source.type === request.sourceType;
  const isSameObject = request.eTag === undefined || spec.source.s3.eTag === bareTag(request.eTag);
  return (
    isSameType &&
    isSameObject &&
    FIXED.every((field) => asked[field] === undefined || isDeepStrictEqual(asked[field], spec[field]))
  );
}
