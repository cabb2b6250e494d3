/**
 * Canonical copies of files into whose own bytes chunks cannot point. Copies lie under `work/<upload uid>/`, by attempt and
 * pod. A pod that died may leave a copy or a part of one, so all copies of the attempts that have ended are found by their
 * prefix and removed after the upload's end.
 */
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandInput,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Fault } from '#common/faults.ts';
import { attemptOfWorkKey, workPrefix } from '#common/job-contract.ts';
import { storageFault } from '#s3/fault.ts';
import { headObject } from '#s3/read-object.ts';
import { createStallLimit, type RetryOptions, withRetries } from '#s3/retry.ts';
import type { EndedCopies, WorkCopy, WorkPlace } from './file-store.ts';

/** Two parts are in memory: one is filled while the other one is being sent. */
const PART_BYTES = 8 * 1024 * 1024;
/**
 * The storage is silent while it receives a part, so a part may take four times as long as a read may stall: at least
 * 70 KB/s.
 */
const STALLS_PER_PART = 4;
/** S3's limit for the parts of an object; a copy can have 80 GB. */
const MAX_PARTS = 10_000;

export function createWorkCopy(s3: S3Client, place: WorkPlace, retry: RetryOptions): WorkCopy {
  const object = { Bucket: place.bucket, Key: place.key };
  const send = createSender(s3, place, retry);
  const parts: CompletedPart[] = [];
  let uploadId: string | undefined;
  let part = Buffer.allocUnsafe(PART_BYTES);
  let spare = Buffer.allocUnsafe(PART_BYTES);
  let filled = 0;
  let size = 0;
  let sending: Promise<void> = Promise.resolve();

  async function sendPart(body: Buffer): Promise<void> {
    uploadId ??= (await send((abortSignal) => s3.send(new CreateMultipartUploadCommand(object), { abortSignal })))
      .UploadId!;
    const PartNumber = parts.length + 1;
    if (PartNumber > MAX_PARTS) throw tooLarge();
    const command = new UploadPartCommand({ ...object, UploadId: uploadId, PartNumber, Body: body });
    const { ETag } = await send((abortSignal) => s3.send(command, { abortSignal }));
    parts.push({ PartNumber, ...(ETag ? { ETag } : {}) });
  }

  /** Waits until the part before has arrived, then starts to send the filled one. */
  async function flush(): Promise<void> {
    await sending;
    sending = sendPart(part.subarray(0, filled));
    // The next flush awaits this promise. Until then a fault must not count as an unhandled rejection.
    sending.catch(() => undefined);
    const filledPart = part;
    part = spare;
    spare = filledPart;
    filled = 0;
  }

  return {
    async write(piece) {
      size += piece.length;
      for (let at = 0; at < piece.length; ) {
        const taken = piece.copy(part, filled, at);
        at += taken;
        filled += taken;
        if (filled === PART_BYTES) await flush();
      }
    },
    async finish() {
      if (uploadId === undefined && parts.length === 0 && size < PART_BYTES) {
        const command = new PutObjectCommand({ ...object, Body: part.subarray(0, filled) });
        await send((abortSignal) => s3.send(command, { abortSignal }));
      } else {
        if (filled > 0) await flush();
        await sending;
        await completeCopy(s3, send, { ...object, UploadId: uploadId, MultipartUpload: { Parts: parts } });
        uploadId = undefined;
      }
      const identity = await headObject(s3, place, retry);
      if (identity.sizeBytes === size) return identity;
      throw new Error(`the copy has ${identity.sizeBytes} bytes of ${size}`);
    },
    async abort() {
      await sending.catch(() => undefined);
      if (uploadId === undefined) return;
      const command = new AbortMultipartUploadCommand({ ...object, UploadId: uploadId });
      await s3.send(command, { abortSignal: AbortSignal.timeout(10_000) }).catch(() => undefined);
    },
  };
}

async function completeCopy(s3: S3Client, send: Send, input: CompleteMultipartUploadCommandInput): Promise<void> {
  const command = new CompleteMultipartUploadCommand(input);
  let tries = 0;
  await send(async (abortSignal) => {
    tries += 1;
    await s3.send(command, { abortSignal }).catch((error) => {
      // An earlier try was completed and its answer was lost. The caller checks the object next.
      if (tries === 1 || (error as { name?: string }).name !== 'NoSuchUpload') throw error;
    });
  });
}

/**
 * Removes every copy, finished or not, of an upload's attempts up to `lastAttempt`. A repetition is harmless. A pod that
 * removes copies may go on after the upload was tried again, so that a copy of a later attempt is never touched.
 * @returns the number of removed objects.
 * @throws Fault
 */
export async function removeWorkCopies(
  s3: S3Client,
  { bucket, uploadId, lastAttempt }: EndedCopies,
  retry: RetryOptions,
): Promise<number> {
  const prefix = workPrefix(uploadId);
  const send = createSender(s3, { bucket, key: prefix }, retry);
  const where = { Bucket: bucket, Prefix: prefix };
  const hasEnded = ({ Key }: { Key?: string | undefined }) => attemptOfWorkKey(Key ?? '') <= lastAttempt;
  const started = await send((abortSignal) => s3.send(new ListMultipartUploadsCommand(where), { abortSignal }));
  for (const { Key, UploadId } of (started.Uploads ?? []).filter(hasEnded)) {
    const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId });
    await send((abortSignal) => s3.send(command, { abortSignal }));
  }
  let removed = 0;
  for (;;) {
    // Listing versions makes sure that no version stays behind a delete marker. Copies are so few that one page has those of
    // later attempts, too.
    const { Versions = [], DeleteMarkers = [] } = await send((abortSignal) =>
      s3.send(new ListObjectVersionsCommand(where), { abortSignal }),
    );
    const there = [...Versions, ...DeleteMarkers].filter(hasEnded);
    if (there.length === 0) return removed;
    for (const { Key, VersionId } of there) {
      const command = new DeleteObjectCommand({ Bucket: bucket, Key, VersionId });
      await send((abortSignal) => s3.send(command, { abortSignal }));
      removed += 1;
    }
  }
}

type Send = <T>(work: (abortSignal: AbortSignal) => Promise<T>) => Promise<T>;

/**
 * Sends commands and repeats them after retryable faults. The message of a permanent fault says what a person can do.
 */
function createSender(s3: S3Client, place: WorkPlace, retry: RetryOptions): Send {
  return (work) =>
    withRetries(retry, async () => {
      const limit = createStallLimit({ ...retry, stallSeconds: retry.stallSeconds * STALLS_PER_PART });
      try {
        limit.start();
        return await work(limit.signal);
      } catch (error) {
        const fault = await storageFault(limit.explain(error), s3, place);
        throw fault.retryable ? fault : refused(fault, place);
      } finally {
        limit.stop();
      }
    });
}

function refused(fault: Fault, { bucket, key }: WorkPlace): Fault {
  return new Fault({
    code: 'S3_WORK_COPY',
    category: 'permanent',
    reason: fault.reason,
    message: `A file of this kind is copied as plain CSV while it is loaded, and the storage refuses that: ${key} in bucket ${bucket}. Let the storage keys read, write, list and delete under work/, name another bucket in spec.work.s3.bucket, or upload the file as UTF-8 CSV without compression, which needs no copy.`,
    cause: fault,
  });
}

function tooLarge(): Fault {
  return new Fault({
    code: 'FILE_FORMAT',
    category: 'permanent',
    reason: 'FormatNotSupported',
    message:
      'The file would be larger than 80 GB as plain CSV: upload it as UTF-8 CSV without compression, which needs no copy.',
  });
}
