/** The S3 side of a transfer: looks for an object, stores a small object at once and a large one in parts. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
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
import type { Fault } from '#common/faults.ts';
import type { RetryOptions } from '#s3/retry.ts';
import { type BucketCalls, createBucketCalls, STALLS_PER_PART } from './bucket-calls.ts';

export interface BucketObject {
  size: number;
  /** The ETag without quotes. */
  eTag: string | null;
  versionId: string | null;
  metadata: Record<string, string>;
}

export interface NewBucketObject {
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
  head(key: string): Promise<BucketObject | null>;
  put(object: NewBucketObject, body: Buffer): Promise<void>;
  startParts(object: NewBucketObject): Promise<PartsUpload>;
  /** Aborts unfinished multipart uploads. @returns the number of aborted uploads */
  abortUnfinished(where: UnfinishedUploads): Promise<number>;
}

/** Selects all uploads of a key, or the uploads below a prefix that were begun before `olderThan`. */
export type UnfinishedUploads = { key: string } | { prefix: string; olderThan: Date };

export interface PartsUpload {
  send(number: number, body: Buffer): Promise<void>;
  /** @param sha256 hex */
  complete(sha256: string): Promise<void>;
  /** Best effort: the next transfer of the same file aborts an upload that stays. */
  abort(): Promise<void>;
}

const ABORT_MS = 10_000;
/** The waits in ms behind each try to abort. */
const ABORT_WAITS_MS = [50, 500, 2_000];
/** Limits one clean-up. The next clean-ups remove what a server has beyond this limit. */
const MAX_LISTED_PAGES = 10;

export function createObjectStore(s3: S3Client, bucket: string, retry: RetryOptions): ObjectStore {
  const calls = createBucketCalls(s3, bucket, retry);
  return {
    bucket,
    async head(key) {
      const command = new HeadObjectCommand({ Bucket: bucket, Key: key });
      try {
        const head = await calls.send(key, (abortSignal) => s3.send(command, { abortSignal }));
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
      await calls.sendNew(object, (condition, abortSignal) =>
        s3.send(new PutObjectCommand({ ...input, ...condition }), { abortSignal }),
      );
    },
    async startParts(object) {
      const { key, metadata } = object;
      const command = new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, Metadata: metadata });
      const { UploadId } = await calls.send(key, (abortSignal) => s3.send(command, { abortSignal }));
      return createPartsUpload(calls, object, UploadId!);
    },
    abortUnfinished: (where) => abortUnfinished(calls, where),
  };
}

async function abortUnfinished(calls: BucketCalls, where: UnfinishedUploads): Promise<number> {
  const { s3, bucket, send } = calls;
  const key = 'key' in where ? where.key : where.prefix;
  const stale = ({ Key, Initiated }: MultipartUpload) =>
    'key' in where ? Key === where.key : (Initiated ?? new Date()) < where.olderThan;
  let aborted = 0;
  let marker: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (let page = 0; page < MAX_LISTED_PAGES; page += 1) {
    const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key, ...marker });
    const list = await send(key, (abortSignal) => s3.send(command, { abortSignal }));
    for (const upload of (list.Uploads ?? []).filter(stale)) {
      await abortOne(calls, upload.Key!, upload.UploadId!);
      aborted += 1;
    }
    if (!list.IsTruncated || !list.NextKeyMarker) break;
    marker = {
      KeyMarker: list.NextKeyMarker,
      ...(list.NextUploadIdMarker ? { UploadIdMarker: list.NextUploadIdMarker } : {}),
    };
  }
  return aborted;
}

async function abortOne({ s3, bucket, send }: BucketCalls, key: string, UploadId: string): Promise<void> {
  const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId });
  await send(key, (abortSignal) => s3.send(command, { abortSignal })).catch((error) => {
    if ((error as Fault).code !== 'S3_NOT_FOUND') throw error;
  });
}

function createPartsUpload(
  { s3, bucket, send, sendNew }: BucketCalls,
  created: NewBucketObject,
  UploadId: string,
): PartsUpload {
  const object = { Bucket: bucket, Key: created.key };
  const parts: CompletedPart[] = [];

  async function abort(): Promise<void> {
    const command = new AbortMultipartUploadCommand({ ...object, UploadId });
    const abortSignal = AbortSignal.timeout(ABORT_MS);
    // A server that still writes a part may refuse, or keep the part: an upload is away for good when the server does not know it.
    for (const waitMs of ABORT_WAITS_MS) {
      const error = await s3.send(command, { abortSignal }).then(
        () => null,
        (reason: Error) => reason,
      );
      if (error?.name === 'NoSuchUpload' || abortSignal.aborted) return;
      await sleep(waitMs, undefined, { signal: abortSignal }).catch(() => undefined);
    }
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

/** Every S3 server checks an MD5; newer checksums are not checked by all. */
function md5(body: Buffer): string {
  return createHash('md5').update(body).digest('base64');
}
