/**
 * Cuts a file into parts and puts several of them at a time: Uppy, whose every step is one of the gateway's endpoints.
 */
import AwsS3 from '@uppy/aws-s3';
import Uppy from '@uppy/core';
import type { Place, StoredPart } from './gateway-files.ts';
import { PutRefused } from './put-bytes.ts';
import type { CreateTransport, TransportOptions } from './transport.ts';

const PARTS_AT_A_TIME = 4;
/** Before a new signature is asked for in place of an expired one. */
const RETRY_MS = [0, 1_000, 3_000, 5_000, 10_000];

/** All parts that wait while a computer sleeps can expire together, and each is signed again. */
const MOST_EXPIRED = 3 * PARTS_AT_A_TIME;
/** Uppy asks for another signature after an answer of this status. */
const SIGN_AGAIN = { source: { status: 409 } };

type Meta = Record<string, never>;
type Body = Record<string, never>;

export const createUppyTransport: CreateTransport = (options) => {
  const { file, place, isResumed } = options;
  const uppy = new Uppy<Meta, Body>({ autoProceed: false });
  let failure: unknown = null;
  const fail = (error: unknown) => {
    failure ??= error;
    uppy.cancelAll();
  };
  useGateway(uppy, options, fail);
  const id = uppy.addFile({ name: file.name, type: file.type, data: file, source: 'page' });
  // Uppy lists the parts of a file whose place it knows, and puts the others.
  const known = { s3Multipart: { uploadId: place.id, key: place.id } };
  if (isResumed && place.multipart) uppy.setFileState(id, known as object);
  uppy.on('upload-progress', (_file, { bytesUploaded }) => options.onProgress(Number(bytesUploaded)));
  let isCancelled = false;
  return {
    async run() {
      const result = await uppy.upload();
      uppy.destroy();
      if (failure !== null) throw failure;
      if (isCancelled) throw new DOMException('The sending was cancelled.', 'AbortError');
      const [failed] = result?.failed ?? [];
      if (failed) throw new Error(`The parts could not be put: ${failed.error}`);
    },
    pause: () => uppy.pauseAll(),
    resume: () => uppy.resumeAll(),
    cancel() {
      isCancelled = true;
      uppy.cancelAll();
    },
  };
};

function useGateway(uppy: Uppy<Meta, Body>, options: TransportOptions, fail: (error: unknown) => void): void {
  const { file, place, steps } = options;
  const never = new AbortController().signal;
  /** A refusal ends the whole sending at once; what ends a step alone, such as a pause, is Uppy's own affair. */
  let expired = 0;
  const step = async <T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    try {
      return await work(signal ?? never);
    } catch (error) {
      const isExpired = error instanceof PutRefused && error.isExpired && place.multipart !== undefined;
      if (isExpired) expired += 1;
      if (isExpired && expired <= MOST_EXPIRED) throw Object.assign(new Error(error.message), SIGN_AGAIN);
      if (!signal?.aborted) fail(error);
      throw error;
    }
  };
  const put = new Map<number, string>();
  uppy.on('s3-multipart:part-uploaded', (_file, { PartNumber, ETag }) => put.set(PartNumber, ETag));
  uppy.use(AwsS3<Meta, Body>, {
    limit: PARTS_AT_A_TIME,
    retryDelays: RETRY_MS,
    shouldUseMultipart: () => place.multipart !== undefined,
    getChunkSize: () => place.multipart?.partSize ?? file.size,
    // The gateway has made the multipart upload with the place, and completes it when every part is there.
    createMultipartUpload: () => ({ uploadId: place.id, key: place.id }),
    completeMultipartUpload: () => ({}),
    // What was put stays: a person who comes back goes on with it.
    abortMultipartUpload: () => undefined,
    getUploadParameters: () => ({ method: 'PUT', ...place.put! }),
    signPart: (_file, { partNumber, body, signal }) =>
      step(signal, async (each) => ({
        method: 'PUT' as const,
        ...(await steps.signPart({ number: partNumber, body }, each)),
      })),
    listParts: (_file, { signal }) =>
      step(signal, async (each) => {
        for (const { number, eTag } of wholeParts(place, await steps.listParts(each))) put.set(number, eTag);
        return [...put].map(([PartNumber, ETag]) => ({ PartNumber, ETag }));
      }),
    uploadPartBytes: ({ signature, body, signal, onProgress, onComplete }) =>
      step(signal, async (each) => {
        const blob = body as Blob;
        const loaded = (bytes: number) => onProgress({ lengthComputable: true, loaded: bytes });
        const signed = { url: signature.url, headers: signature.headers ?? {} };
        const eTag = await steps.putBytes({ put: signed, body: blob, signal: each, onProgress: loaded });
        loaded(blob.size);
        onComplete(eTag ?? '');
        return { ETag: eTag ?? '' };
      }),
  });
}

/** Some storages list a part that was cut; the part is put again then. */
function wholeParts({ size, multipart }: Place, parts: StoredPart[]): StoredPart[] {
  const { partSize } = multipart!;
  return parts.filter((part) => part.size === Math.min(partSize, size - (part.number - 1) * partSize));
}
