/** The multipart uploads of large files. Their ids stay with the gateway: a sender sees parts and signed URLs only. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListPartsCommand,
  type Part,
} from '@aws-sdk/client-s3';
import { Fault } from '#common/faults.ts';
import type { FileRow } from '#ledger/gateway/files.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { bareTag, httpStatus } from '#s3/call-storage.ts';
import { type ChecksumAlgorithm, checksumField, checksumParameter } from './checksums.ts';
import { countParts, sizeOfPart } from './parts.ts';
import type { OpenStorage } from './storage.ts';

export type MultipartFile = FileRow & { multipart: NonNullable<FileRow['multipart']> };

export function isMultipart(file: FileRow): file is MultipartFile {
  return file.multipart !== null;
}

export interface StoredPart {
  number: number;
  size: number;
  /** Without quotes. */
  eTag: string;
}

/** S3 lists no more parts in one page. */
const PAGE_PARTS = 1000;
/** The storage puts terabytes together before it answers. */
const COMPLETE_SECONDS = 600;
/** An answer names this many of the parts that are not there. */
const NAMED_PARTS = 20;

/** @returns the storage's id. @throws Fault S3_* */
export async function createMultipart(
  { s3, send }: OpenStorage,
  { bucket, key, contentType, checksum }: Pick<FileRow, 'bucket' | 'key' | 'contentType' | 'checksum'>,
): Promise<string> {
  const command = new CreateMultipartUploadCommand({
    Bucket: bucket,
    Key: key,
    ContentType: contentType,
    ...(checksum === null
      ? {}
      : { ChecksumAlgorithm: checksum.algorithm as ChecksumAlgorithm, ChecksumType: 'FULL_OBJECT' }),
  });
  const { UploadId } = await send(key, (abortSignal) => s3.send(command, { abortSignal }));
  return UploadId!;
}

/**
 * Lists the parts that are whole: some servers keep the beginning of a part whose PUT was cut.
 * @returns null when there is no such multipart upload any more: it was completed or aborted
 * @throws Fault S3_*
 */
export async function listParts(
  storage: OpenStorage,
  file: MultipartFile,
  after: number,
): Promise<{ parts: StoredPart[]; next: number | null } | null> {
  const page = await readPage(storage, file, after);
  if (page === null) return null;
  const cut = { size: file.size, partSize: file.multipart.partSize };
  const parts = page.parts.map(toStored).filter(({ number, size }) => size === sizeOfPart(cut, number));
  return { parts, next: page.next };
}

async function readPage(
  { s3, send }: OpenStorage,
  { bucket, key, multipart }: MultipartFile,
  after: number,
): Promise<{ parts: Part[]; next: number | null } | null> {
  const command = new ListPartsCommand({
    Bucket: bucket,
    Key: key,
    UploadId: multipart.id,
    MaxParts: PAGE_PARTS,
    PartNumberMarker: String(after),
  });
  try {
    const { Parts: parts = [], IsTruncated } = await send(key, (abortSignal) => s3.send(command, { abortSignal }));
    return { parts, next: IsTruncated ? (parts.at(-1)?.PartNumber ?? null) : null };
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** A multipart upload that does not exist any more counts as aborted. @throws Fault S3_* */
export async function abortMultipart({ s3, send }: OpenStorage, { bucket, key, multipart }: MultipartFile) {
  const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: multipart.id });
  try {
    await send(key, (abortSignal) => s3.send(command, { abortSignal }));
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/**
 * Puts the parts together. Completing what is already complete counts as done; the caller looks at the object then.
 * @param declared the parts as the sender knows them; null: those that the storage has
 * @throws Problem conflict, unprocessable; Fault S3_*
 */
export async function completeMultipart(
  storage: OpenStorage,
  file: MultipartFile,
  declared: readonly Pick<StoredPart, 'number' | 'eTag'>[] | null,
): Promise<void> {
  const parts = await readAllParts(storage, file);
  if (parts === null) return;
  checkParts(parts.map(toStored), file, declared);
  const field = file.checksum && checksumField(file.checksum.algorithm);
  const command = new CompleteMultipartUploadCommand({
    Bucket: file.bucket,
    Key: file.key,
    UploadId: file.multipart.id,
    IfNoneMatch: '*',
    MpuObjectSize: file.size,
    ...checksumParameter(file.checksum),
    ...(field === null ? {} : { ChecksumType: 'FULL_OBJECT' }),
    MultipartUpload: {
      Parts: parts.map((part) => {
        const { PartNumber, ETag } = part;
        const value = field === null ? undefined : part[field];
        return { PartNumber, ETag, ...(value === undefined ? {} : { [field!]: value }) };
      }),
    },
  });
  try {
    await storage.send(file.key, (abortSignal) => storage.s3.send(command, { abortSignal }), COMPLETE_SECONDS);
  } catch (error) {
    // Another request for the same has completed the upload meanwhile.
    if (isGone(error) || httpStatus(error) === 412) return;
    throw refusedCompletion(error, file) ?? error;
  }
}

async function readAllParts(storage: OpenStorage, file: MultipartFile): Promise<Part[] | null> {
  const parts: Part[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<typeof readPage>> = await readPage(storage, file, after);
    if (page === null) return null;
    parts.push(...page.parts);
    after = page.next;
  }
  return parts;
}

/** @throws Problem conflict when the parts are not those of the whole file */
export function checkParts(
  stored: readonly StoredPart[],
  { id, size, multipart }: Pick<MultipartFile, 'id' | 'size' | 'multipart'>,
  declared: readonly Pick<StoredPart, 'number' | 'eTag'>[] | null,
): void {
  const cut = { size, partSize: multipart.partSize };
  const found = new Map(stored.map((part) => [part.number, part]));
  const numbers = Array.from({ length: countParts(cut) }, (_, i) => i + 1);
  const refuse = (wrong: readonly number[], what: string) => {
    if (wrong.length === 0) return;
    const more = wrong.length - NAMED_PARTS;
    const named = `${wrong.slice(0, NAMED_PARTS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    throw new Problem('conflict', {
      detail: `The file ${id} is not complete: of its ${numbers.length} parts, ${what}: ${named}. Ask for the URLs of these parts (POST …/files/${id}/parts), put them, and complete the file again.`,
    });
  };
  refuse(
    numbers.filter((number) => !found.has(number)),
    'the storage does not have these',
  );
  refuse(
    numbers.filter((number) => found.get(number)!.size !== sizeOfPart(cut, number)),
    'these have another size than their share of the file',
  );
  if (declared === null) return;
  const tags = new Map(declared.map(({ number, eTag }) => [number, bareTag(eTag)]));
  refuse(
    numbers.filter((number) => tags.get(number) !== found.get(number)!.eTag),
    'these are not named with the ETag that the storage has for them',
  );
}

/** What the storage says of the parts themselves; null: the storage has failed in another way. */
function refusedCompletion(error: unknown, { id, checksum }: MultipartFile): Problem | null {
  const name = errorName(error);
  if (name === 'BadDigest' && checksum !== null) {
    return new Problem('unprocessable', {
      detail: `The parts of the file ${id} together do not have the ${checksum.algorithm} ${checksum.value} that was declared: a part was changed on its way or on its sender's disk, or the checksum is not that of the whole file. Put the wrong parts again and complete the file again, or delete the file and ask for a new place.`,
      cause: error,
    });
  }
  if (name === 'InvalidPart' || name === 'ConditionalRequestConflict') {
    return new Problem('conflict', {
      detail: `A part of the file ${id} was put again while the file was completed. Complete the file again.`,
      cause: error,
    });
  }
  return null;
}

const isGone = (error: unknown) => errorName(error) === 'NoSuchUpload';

function errorName(error: unknown): string | undefined {
  return error instanceof Fault ? (error.cause as { name?: string } | undefined)?.name : undefined;
}

function toStored({ PartNumber = 0, Size = 0, ETag }: Part): StoredPart {
  return { number: PartNumber, size: Size, eTag: bareTag(ETag) };
}
