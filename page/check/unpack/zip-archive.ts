/** Reads a ZIP archive by ranges in bounded memory: the archive's directory is at its end. */
import { Fault } from '#common/faults.ts';
import { damagedArchive, MAX_MEMBERS, tooManyMembers, unreadableMember } from '#runner/source/damaged.ts';
import { type Archive, type ArchiveMember, isListed, type ReadBytes } from '#runner/source/platform.ts';
import { crc32 } from './crc32.ts';
import { Inflater } from './inflate.ts';
import { readDirectory, takeAt, type ZipEntry } from './zip-directory.ts';

const HEADER = 0x04034b50;
const HEADER_BYTES = 30;

interface ZipFile {
  readBytes: ReadBytes;
  sizeBytes: number;
}

/** @throws Fault (permanent, reason FileDamaged, FormatNotSupported); a fault of reading passes unchanged */
export async function openArchive(readBytes: ReadBytes, sizeBytes: number): Promise<Archive> {
  const file: ZipFile = { readBytes: within(readBytes, sizeBytes), sizeBytes };
  const entries = new Map<ArchiveMember, ZipEntry>();
  try {
    for await (const entry of readDirectory(file.readBytes, sizeBytes)) {
      if (!isListed(entry.name)) continue;
      entries.set({ name: entry.name, sizeBytes: entry.sizeBytes }, entry);
      if (entries.size > MAX_MEMBERS) throw tooManyMembers();
    }
  } catch (error) {
    rethrow(error);
  }
  return {
    members: [...entries.keys()],
    read: (member) => readMember(file, entries.get(member)!),
  };
}

/** A broken directory may name any place. */
function within(readBytes: ReadBytes, sizeBytes: number): ReadBytes {
  return (start, end) => readBytes(Math.min(start, sizeBytes), Math.min(end, sizeBytes));
}

async function* readMember(file: ZipFile, entry: ZipEntry): AsyncGenerator<Buffer, void, void> {
  const { name, method, isEncrypted } = entry;
  if (isEncrypted || (method !== 0 && method !== 8)) throw unreadableMember(name, isEncrypted);
  let sum = 0;
  let size = 0;
  try {
    const stored = await findContent(file, entry);
    for await (const piece of method === 0 ? stored : inflate(stored)) {
      sum = crc32(piece, sum);
      size += piece.length;
      if (size > entry.sizeBytes) break;
      yield piece;
    }
  } catch (error) {
    rethrow(error);
  }
  if (size !== entry.sizeBytes || sum !== entry.crc32) throw damagedArchive(new Error('Another length or checksum'));
}

/** The member's bytes as they are stored, behind its own header. */
async function findContent({ readBytes, sizeBytes }: ZipFile, entry: ZipEntry): Promise<AsyncIterable<Buffer>> {
  const header = await takeAt(readBytes, entry.headerStart, entry.headerStart + HEADER_BYTES);
  if (header.readUInt32LE(0) !== HEADER) throw new Error('There is no file where the directory names one');
  const start = entry.headerStart + HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (start + entry.compressedBytes > sizeBytes) throw new Error('A file goes beyond the end of the archive');
  return readBytes(start, start + entry.compressedBytes);
}

/** Bytes behind the end of the stream count for nothing. */
async function* inflate(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const inflater = new Inflater();
  for await (const piece of input) {
    inflater.push(piece);
    for (let bytes = inflater.read(); bytes !== null; bytes = inflater.read()) yield bytes;
    if (inflater.ended) return;
  }
  throw new Error('The file ends within a block');
}

function rethrow(error: unknown): never {
  throw error instanceof Fault ? error : damagedArchive(error);
}
