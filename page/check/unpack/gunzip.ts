/** Reads gzip of any number of members in bounded memory, as zlib does. Source: RFC 1952. */
import type { Fault } from '#common/faults.ts';
import { damagedStream } from '#runner/source/damaged.ts';
import { type ByteSource, createByteSource } from './byte-source.ts';
import { crc32 } from './crc32.ts';
import { Inflater } from './inflate.ts';

const HEADER_CRC = 2;
const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;
const RESERVED = 0xe0;

/** @throws Fault (permanent, reason FileDamaged); a fault of the input passes unchanged */
export async function* gunzip(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  await using source = createByteSource(input);
  do {
    await skipHeader(source);
    yield* readMember(source);
  } while (await hasAnotherMember(source));
}

/** Zeros behind a member are padding, with which the file ends. */
async function hasAnotherMember(source: ByteSource): Promise<boolean> {
  const first = await source.take(1);
  if (first.length === 0 || first[0] === 0) return false;
  source.giveBack(first);
  return true;
}

async function skipHeader(source: ByteSource): Promise<void> {
  let sum = 0;
  const take = async (length: number): Promise<Buffer> => {
    const bytes = await source.take(length);
    if (bytes.length < length) throw cutOff();
    sum = crc32(bytes, sum);
    return bytes;
  };
  if ((await take(2)).readUInt16BE() !== 0x1f8b) throw broken('a member with another beginning');
  const [method, flags = 0] = await take(2);
  if (method !== 8 || (flags & RESERVED) !== 0) throw broken('a header of no known kind');
  await take(6);
  if (flags & EXTRA) await take((await take(2)).readUInt16LE());
  for (const text of [NAME, COMMENT]) {
    if ((flags & text) === 0) continue;
    while ((await take(1))[0] !== 0);
  }
  if (flags & HEADER_CRC) {
    const wanted = sum & 0xffff;
    if ((await take(2)).readUInt16LE() !== wanted) throw broken('the checksum of the header');
  }
}

async function* readMember(source: ByteSource): AsyncGenerator<Buffer, void, void> {
  const inflater = new Inflater();
  let sum = 0;
  let size = 0;
  while (!inflater.ended) {
    const input = await source.next();
    if (input === null) throw cutOff();
    inflater.push(input);
    for (let bytes = read(inflater); bytes !== null; bytes = read(inflater)) {
      sum = crc32(bytes, sum);
      size += bytes.length;
      yield bytes;
    }
  }
  source.giveBack(Buffer.from(inflater.rest()));
  const trailer = await source.take(8);
  if (trailer.length >= 4 && trailer.readUInt32LE(0) !== sum) throw broken('the checksum');
  if (trailer.length < 8) throw cutOff();
  if (trailer.readUInt32LE(4) !== size % 2 ** 32) throw broken('the length');
}

function read(inflater: Inflater): Buffer | null {
  try {
    return inflater.read();
  } catch (error) {
    throw broken(error);
  }
}

const broken = (cause: unknown): Fault => damagedStream('Z_DATA_ERROR', cause);
const cutOff = (): Fault => damagedStream('Z_BUF_ERROR');
