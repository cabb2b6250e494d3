/** The S3 side of a transfer: looks for an object, stores a small object at once and a large one in parts. */
import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type MultipartUpload,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Fault } from '#common/faults.ts';
import { storageFault } from '#s3/fault.ts';
import { createStallLimit, type RetryOptions, withRetries } from '#s3/retry.ts';

export interface StoredObject {
  size: number;
  /** The ETag without quotes. */
  eTag: string | null;
  versionId: string | null;
  metadata: Record<string, string>;
}

export interface NewObject {
  key: string;
  metadata: Record<string, string>;
  /**
   * True replaces an object that exists under this key. False keeps the existing object without a fault: another
   * process was faster with the same file, and a second version would become a second upload.
   */
  replace: boolean;
}

/** Every method: @throws Fault S3_* */
export interface ObjectStore {
  readonly bucket: string;
  /** Returns null when the object does not exist. */
  head(key: string): Promise<StoredObject | null>;
  put(object: NewObject, body: Buffer): Promise<void>;
  startParts(object: NewObject): Promise<PartsUpload>;
  /** Aborts unfinished multipart uploads: all of a key, or those below a prefix that were begun before `olderThan`. */
  abortUnfinished(where: { key: string } | { prefix: string; olderThan: Date }): Promise<number>;
}

export interface PartsUpload {
  send(number: number, body: Buffer): Promise<void>;
  /** @param sha256 hex */
  complete(sha256: string): Promise<void>;
  /** Best effort: the next transfer of the same file aborts an upload that stays. */
  abort(): Promise<void>;
}

/** The storage is silent while a part is sent, so a part may take four times as long as a silence of a read. */
const STALLS_PER_PART = 4;
const ABORT_MS = 10_000;
/** Limits one clean-up. The next clean-ups remove what a server has beyond this limit. */
const MAX_LISTED_PAGES = 10;

export function createObjectStore(s3: S3Client, bucket: string, retry: RetryOptions): ObjectStore {
  async function send<T>(key: string, work: (abortSignal: AbortSignal) => Promise<T>, stalls = 1): Promise<T> {
    return withRetries(retry, async () => {
      const limit = createStallLimit({ ...retry, stallSeconds: retry.stallSeconds * stalls });
      try {
        limit.start();
        return await work(limit.signal);
      } catch (error) {
        const fault = damagedOnTheWay(error) ?? (await storageFault(limit.explain(error), s3, { bucket, key }));
        throw fault.retryable || fault.code === 'S3_NOT_FOUND' ? fault : refused(fault, bucket, key);
      } finally {
        limit.stop();
      }
    });
  }

  /** Writes unless the object exists already and `replace` is false. @returns false when nothing was written */
  async function sendNew(
    { key, replace }: NewObject,
    write: (condition: { IfNoneMatch?: string }, abortSignal: AbortSignal) => Promise<unknown>,
  ): Promise<boolean> {
    let condition: { IfNoneMatch?: string } = replace ? {} : { IfNoneMatch: '*' };
    return send(
      key,
      async (abortSignal) => {
        try {
          await write(condition, abortSignal);
          return true;
        } catch (error) {
          if (condition.IfNoneMatch && statusOf(error) === 412) return false;
          // The server knows no conditional writes: a rare second version is better than no upload.
          if (!condition.IfNoneMatch || statusOf(error) !== 501) throw error;
          condition = {};
          await write(condition, abortSignal);
          return true;
        }
      },
      STALLS_PER_PART,
    );
  }

  async function abortOne(key: string, UploadId: string): Promise<void> {
    const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId });
    await send(key, (abortSignal) => s3.send(command, { abortSignal })).catch((error) => {
      if ((error as Fault).code !== 'S3_NOT_FOUND') throw error;
    });
  }

  const store: ObjectStore = {
    bucket,
    async head(key) {
      const command = new HeadObjectCommand({ Bucket: bucket, Key: key });
      try {
        const head = await send(key, (abortSignal) => s3.send(command, { abortSignal }));
        return {
          size: head.ContentLength ?? 0,
          eTag: head.ETag?.replace(/^W\//, '').replaceAll('"', '') || null,
          versionId: head.VersionId && head.VersionId !== 'null' ? head.VersionId : null,
          metadata: head.Metadata ?? {},
        };
      } catch (error) {
        if ((error as Fault).code === 'S3_NOT_FOUND') return null;
        throw error;
      }
    },
    async put(object, body) {
      const input = { Bucket: bucket, Key: object.key, Metadata: object.metadata, Body: body, ContentMD5: md5(body) };
      await sendNew(object, (condition, abortSignal) =>
        s3.send(new PutObjectCommand({ ...input, ...condition }), { abortSignal }),
      );
    },
    async startParts(object) {
      const { key, metadata } = object;
      const command = new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, Metadata: metadata });
      const { UploadId } = await send(key, (abortSignal) => s3.send(command, { abortSignal }));
      return createPartsUpload(object, UploadId!);
    },
    async abortUnfinished(where) {
      const key = 'key' in where ? where.key : where.prefix;
      const stale = ({ Key, Initiated }: MultipartUpload) =>
        'key' in where ? Key === where.key : (Initiated ?? new Date()) < where.olderThan;
      let aborted = 0;
      let marker: { KeyMarker?: string; UploadIdMarker?: string } = {};
      for (let page = 0; page < MAX_LISTED_PAGES; page += 1) {
        const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key, ...marker });
        const list = await send(key, (abortSignal) => s3.send(command, { abortSignal }));
        for (const upload of (list.Uploads ?? []).filter(stale)) {
          await abortOne(upload.Key!, upload.UploadId!);
          aborted += 1;
        }
        if (!list.IsTruncated || !list.NextKeyMarker) break;
        marker = {
          KeyMarker: list.NextKeyMarker,
          ...(list.NextUploadIdMarker ? { UploadIdMarker: list.NextUploadIdMarker } : {}),
        };
      }
      return aborted;
    },
  };
  return store;

  function createPartsUpload(created: NewObject, UploadId: string): PartsUpload {
    const object = { Bucket: bucket, Key: created.key };
    const parts: CompletedPart[] = [];

    async function abort(): Promise<void> {
      const command = new AbortMultipartUploadCommand({ ...object, UploadId });
      await s3.send(command, { abortSignal: AbortSignal.timeout(ABORT_MS) }).catch(() => undefined);
    }

    return {
      abort,
      async send(number, body) {
        const input = { ...object, UploadId, PartNumber: number, Body: body, ContentMD5: md5(body) };
        const { ETag } = await send(
          created.key,
          (abortSignal) => s3.send(new UploadPartCommand(input), { abortSignal }),
          STALLS_PER_PART,
        );
        parts.push({ PartNumber: number, ...(ETag ? { ETag } : {}) });
      },
      async complete(sha256) {
        const Parts = parts.toSorted((a, b) => a.PartNumber! - b.PartNumber!);
        const input = { ...object, UploadId, MultipartUpload: { Parts } };
        let tries = 0;
        const written = await sendNew(created, async (condition, abortSignal) => {
          tries += 1;
          await s3
            .send(new CompleteMultipartUploadCommand({ ...input, ...condition }), { abortSignal })
            .catch((error) => {
              // The upload was completed and the answer was lost: the caller looks at the object next.
              if (tries === 1 || (error as { name?: string }).name !== 'NoSuchUpload') throw error;
            });
        });
        if (!written) await abort();
        // The digest is a tag, because metadata is set when an upload begins. Some servers support no tags.
        const tags = new PutObjectTaggingCommand({
          ...object,
          Tagging: { TagSet: [{ Key: 'sha256', Value: sha256 }] },
        });
        await s3.send(tags, { abortSignal: AbortSignal.timeout(ABORT_MS) }).catch(() => undefined);
      },
    };
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

/** The bytes do not match the checksum that was sent with them, so they are sent again. */
function damagedOnTheWay(error: unknown): Fault | null {
  if ((error as { name?: string }).name !== 'BadDigest') return null;
  return new Fault({
    code: 'S3_UNAVAILABLE',
    category: 'retryable',
    reason: 'StorageUnavailable',
    message: 'The bytes were damaged on their way to the storage; they are sent again.',
    cause: error,
  });
}

/** Every S3 server checks an MD5; newer checksums are not checked by all. */
function md5(body: Buffer): string {
  return createHash('md5').update(body).digest('base64');
}

function refused(fault: Fault, bucket: string, key: string): Fault {
  return new Fault({
    code: 'S3_WRITE',
    category: 'permanent',
    reason: fault.reason,
    message: `The storage refuses the remote file as ${key} in bucket ${bucket}: ${(fault.cause as { name?: string } | undefined)?.name ?? fault.code}. Let the UploadSource's storage keys read and write in this bucket (spec.s3.bucket), and list and abort multipart uploads.`,
    cause: fault,
  });
}
