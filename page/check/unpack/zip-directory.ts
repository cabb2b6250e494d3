/**
 * Reads the directory at the end of a ZIP archive, and refuses what the job runner's reader (yauzl) refuses.
 * Source: PKWARE's APPNOTE.TXT, 4.3 and 4.5.
 */

import type { ReadBytes } from '#runner/source/platform.ts';
import { characterTable } from '#runner/source/single-byte.ts';
import { type ByteSource, createByteSource } from './byte-source.ts';
import { crc32 } from './crc32.ts';

export interface ZipEntry {
  name: string;
  isEncrypted: boolean;
  /** 0: stored; 8: DEFLATE. */
  method: number;
  crc32: number;
  compressedBytes: number;
  sizeBytes: number;
  /** Where the entry's own header lies in the archive. */
  headerStart: number;
}

const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const MOST_COMMENT_BYTES = 0xffff;
const END = 0x06054b50;
const LOCATOR = 0x07064b50;
const END64 = 0x06064b50;
const ENTRY = 0x02014b50;
const ENTRY_BYTES = 46;
const UTF8 = 0x800;
const STRONG_ENCRYPTION = 0x40;
const ENCRYPTED = 1;
const UNICODE_PATH = 0x7075;
const ZIP64 = 1;
/** A number of 32 bits that says: the extra field has the number. */
const ELSEWHERE = 0xffffffff;

/** Yields the entries in the directory's order. @throws Error for a directory that is broken, and what reading throws */
export async function* readDirectory(readBytes: ReadBytes, sizeBytes: number): AsyncGenerator<ZipEntry, void, void> {
  const { entries, start } = await findDirectory(readBytes, sizeBytes);
  await using source = createByteSource(readBytes(Math.min(start, sizeBytes), sizeBytes));
  for (let i = 0; i < entries; i += 1) yield await readEntry(source);
}

async function findDirectory(readBytes: ReadBytes, sizeBytes: number): Promise<{ entries: number; start: number }> {
  const tailStart = Math.max(0, sizeBytes - LOCATOR_BYTES - END_BYTES - MOST_COMMENT_BYTES);
  const tail = await takeAt(readBytes, tailStart, sizeBytes);
  let at = tail.length - END_BYTES;
  while (at >= 0 && tail.readUInt32LE(at) !== END) at -= 1;
  if (at < 0) throw new Error('There is no end of a directory');
  if (tail.readUInt16LE(at + 20) !== tail.length - at - END_BYTES) throw new Error('The comment has another length');
  const locatorAt = at - LOCATOR_BYTES;
  if (locatorAt >= 0 && tail.readUInt32LE(locatorAt) === LOCATOR) {
    const start = readUInt64(tail, locatorAt + 8);
    const end = await takeAt(readBytes, start, start + 56);
    if (end.readUInt32LE(0) !== END64) throw new Error('There is no end of a ZIP64 directory');
    if (end.readUInt32LE(16) !== 0) throw new Error('The archive lies on several disks');
    return { entries: readUInt64(end, 32), start: readUInt64(end, 48) };
  }
  if (tail.readUInt16LE(at + 4) !== 0) throw new Error('The archive lies on several disks');
  return { entries: tail.readUInt16LE(at + 10), start: tail.readUInt32LE(at + 16) };
}

async function readEntry(source: ByteSource): Promise<ZipEntry> {
  const fixed = await takeAll(source, ENTRY_BYTES);
  if (fixed.readUInt32LE(0) !== ENTRY) throw new Error('The directory has no entry where one must be');
  const flags = fixed.readUInt16LE(8);
  if (flags & STRONG_ENCRYPTION) throw new Error('Strong encryption');
  const rawName = await takeAll(source, fixed.readUInt16LE(28));
  const extra = readExtraFields(await takeAll(source, fixed.readUInt16LE(30)));
  await takeAll(source, fixed.readUInt16LE(32));
  const name = readName(rawName, flags, extra);
  const isEncrypted = (flags & ENCRYPTED) !== 0;
  const [sizeBytes, compressedBytes, headerStart] = readSizes(fixed, extra);
  const method = fixed.readUInt16LE(10);
  if (method === 0 && compressedBytes !== sizeBytes + (isEncrypted ? 12 : 0))
    throw new Error('A stored file has two lengths');
  return { name, isEncrypted, method, crc32: fixed.readUInt32LE(16), compressedBytes, sizeBytes, headerStart };
}

interface ExtraField {
  id: number;
  data: Buffer;
}

function readExtraFields(bytes: Buffer): ExtraField[] {
  const fields: ExtraField[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt16LE(at + 2);
    if (end > bytes.length) throw new Error('An extra field is too long');
    fields.push({ id: bytes.readUInt16LE(at), data: bytes.subarray(at + 4, end) });
    at = end;
  }
  return fields;
}

/** Numbers that have no room in the entry stand in an extra field, in the order of the entry. */
function readSizes(fixed: Buffer, extra: readonly ExtraField[]): [size: number, compressed: number, start: number] {
  const { data } = extra.find(({ id }) => id === ZIP64) ?? {};
  let at = 0;
  const read = (offset: number): number => {
    const size = fixed.readUInt32LE(offset);
    if (size !== ELSEWHERE || data === undefined) return size;
    if (at + 8 > data.length) throw new Error('A ZIP64 number is missing');
    at += 8;
    return readUInt64(data, at - 8);
  };
  return [read(24), read(20), read(42)];
}

function readName(raw: Buffer, flags: number, extra: readonly ExtraField[]): string {
  const unicode = extra
    .find(
      ({ id, data }) => id === UNICODE_PATH && data.length >= 6 && data[0] === 1 && data.readUInt32LE(1) === crc32(raw),
    )
    ?.data.subarray(5);
  const name = (unicode?.toString('utf8') ?? decodeName(raw, (flags & UTF8) !== 0)).replaceAll('\\', '/');
  if (/^[a-z]:|^\//i.test(name) || name.split('/').includes('..')) throw new Error('A name leaves the archive');
  return name;
}

function decodeName(raw: Buffer, isUtf8: boolean): string {
  if (isUtf8) return raw.toString('utf8');
  const characters = characterTable('cp437')!;
  return Array.from(raw, (byte) => characters[byte]!).join('');
}

function readUInt64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}

/** @throws Error when the archive ends before */
export async function takeAt(readBytes: ReadBytes, start: number, end: number): Promise<Buffer> {
  await using source = createByteSource(readBytes(start, end));
  return await takeAll(source, end - start);
}

async function takeAll(source: ByteSource, length: number): Promise<Buffer> {
  const bytes = await source.take(length);
  if (bytes.length < length) throw new Error('The archive ends within a header');
  return bytes;
}
