/**
 * Reads zstd of any number of frames in bounded memory. The library decompresses the blocks; the frames are followed
 * here, since the library checks no checksum, no length and no limit of the window. Source: RFC 8878, 3.1.
 */
import { Decompress } from 'fzstd';
import type { Fault } from '#common/faults.ts';
import { damagedStream, MAX_WINDOW_LOG, windowTooLarge } from '#runner/source/damaged.ts';
import { type ByteSource, createByteSource } from './byte-source.ts';
import { XxHash64 } from './xxhash64.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const MOST_BLOCK_BYTES = 128 * 1024;
const HAS_CHECKSUM = 4;

/** @throws Fault (permanent, reason FileDamaged, FormatNotSupported); a fault of the input passes unchanged */
export async function* unzstd(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  await using source = createByteSource(input);
  for (let isFirst = true; ; isFirst = false) {
    const start = await source.take(4);
    if (start.length === 0 && !isFirst) return;
    const magic = start.length < 4 ? 0 : start.readUInt32LE();
    if ((magic & 0xfffffff0) === SKIPPABLE) await skip(source, (await takeAll(source, 4)).readUInt32LE());
    else if (magic === MAGIC) yield* readFrame(source);
    else throw isCut(start) ? cutOff() : broken('prefix_unknown');
  }
}

/** Could more bytes make a frame of this? */
function isCut(start: Buffer): boolean {
  if (start.length === 4) return false;
  const rest = start.toString('latin1');
  return '\x28\xb5\x2f\xfd'.startsWith(rest) || /^[\x50-\x5f](\x2a(\x4d)?)?$/.test(rest);
}

async function skip(source: ByteSource, length: number): Promise<void> {
  for (let left = length; left > 0; ) {
    const bytes = await source.next();
    if (bytes === null) throw cutOff();
    source.giveBack(bytes.subarray(left));
    left -= Math.min(left, bytes.length);
  }
}

interface FrameHeader {
  bytes: Buffer;
  hasChecksum: boolean;
  /** Null when the frame does not tell the length of its content. */
  contentBytes: bigint | null;
}

async function* readFrame(source: ByteSource): AsyncGenerator<Buffer, void, void> {
  const { bytes, hasChecksum, contentBytes } = await readFrameHeader(source);
  const ready: Uint8Array[] = [];
  const engine = new Decompress((content) => ready.push(content));
  const hash = new XxHash64();
  let size = 0;
  let isLast = false;
  push(engine, bytes, false);
  while (!isLast) {
    const header = await takeAll(source, 3);
    const block = header.readUIntLE(0, 3);
    const type = (block >> 1) & 3;
    const length = block >> 3;
    isLast = (block & 1) === 1;
    if (type === 3 || length > MOST_BLOCK_BYTES) throw broken('corruption_detected');
    push(engine, Buffer.concat([header, await takeAll(source, type === 1 ? 1 : length)]), isLast);
    for (const content of ready.splice(0)) {
      if (content.length === 0) continue;
      size += content.length;
      if (hasChecksum) hash.add(content);
      yield Buffer.from(content);
    }
  }
  if (contentBytes !== null && BigInt(size) !== contentBytes) throw broken('corruption_detected');
  if (hasChecksum && (await takeAll(source, 4)).readUInt32LE() !== hash.low()) throw broken('checksum_wrong');
}

/** Reads the header behind its magic number. */
async function readFrameHeader(source: ByteSource): Promise<FrameHeader> {
  const descriptor = (await takeAll(source, 1))[0]!;
  if (descriptor & 8) throw broken('frameParameter_unsupported');
  const isSingle = (descriptor & 32) !== 0;
  const window = isSingle ? Buffer.alloc(0) : await takeAll(source, 1);
  const dictionary = await takeAll(source, [0, 1, 2, 4][descriptor & 3]!);
  const content = await takeAll(source, [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!);
  const contentBytes = readContentBytes(content);
  const windowBytes = isSingle ? contentBytes! : readWindowBytes(window[0]!);
  if (windowBytes > BigInt(2 ** MAX_WINDOW_LOG)) throw windowTooLarge();
  if (dictionary.some((byte) => byte !== 0)) throw broken('dictionary_wrong');
  const start = Buffer.alloc(5);
  start.writeUInt32LE(MAGIC);
  // The checksum is read here, and not by the library.
  start[4] = descriptor & ~HAS_CHECKSUM;
  return {
    bytes: Buffer.concat([start, window, dictionary, content]),
    hasChecksum: (descriptor & HAS_CHECKSUM) !== 0,
    contentBytes,
  };
}

function readContentBytes(bytes: Buffer): bigint | null {
  if (bytes.length === 0) return null;
  if (bytes.length === 8) return bytes.readBigUInt64LE();
  return BigInt(bytes.readUIntLE(0, bytes.length) + (bytes.length === 2 ? 256 : 0));
}

function readWindowBytes(byte: number): bigint {
  const base = 2 ** (10 + (byte >> 3));
  return BigInt(base + (base / 8) * (byte & 7));
}

async function takeAll(source: ByteSource, length: number): Promise<Buffer> {
  const bytes = await source.take(length);
  if (bytes.length < length) throw cutOff();
  return bytes;
}

function push(engine: Decompress, bytes: Buffer, isLast: boolean): void {
  try {
    engine.push(bytes, isLast);
  } catch (error) {
    throw broken('corruption_detected', error);
  }
}

const broken = (code: string, cause?: unknown): Fault => damagedStream(`ZSTD_error_${code}`, cause);
const cutOff = (): Fault => damagedStream('Z_BUF_ERROR');
