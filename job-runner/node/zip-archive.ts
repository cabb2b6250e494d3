/**
 * Reads a ZIP archive in the storage by ranges: the archive's directory is at the end, so the archive cannot be
 * streamed from the start.
 */
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import yauzl from 'yauzl';
import { Fault } from '#common/faults.ts';
import { damagedArchive, MAX_MEMBERS, tooManyMembers, unreadableMember } from '#runner/source/damaged.ts';
import { type Archive, type ArchiveMember, isListed, type ReadBytes } from '#runner/source/platform.ts';

/**
 * These last bytes of an archive hold the directory of nearly any workbook: one read of them spares two reads for each
 * entry.
 */
const TAIL_BYTES = 256 * 1024;

/** @throws Fault (permanent, reason FileDamaged, FormatNotSupported) */
export async function openArchive(readBytes: ReadBytes, sizeBytes: number): Promise<Archive> {
  const reader = new RangeReader(readBytes, sizeBytes);
  const zip = await yauzl
    .fromRandomAccessReaderPromise(reader, sizeBytes, { lazyEntries: true, autoClose: false })
    .catch(rethrow);
  const entries = new Map<ArchiveMember, yauzl.Entry>();
  try {
    for await (const entry of zip.eachEntry()) {
      if (!isListed(entry.fileName)) continue;
      entries.set({ name: entry.fileName, sizeBytes: entry.uncompressedSize }, entry);
      if (entries.size > MAX_MEMBERS) throw tooManyMembers();
    }
  } catch (error) {
    rethrow(error);
  }
  return {
    members: [...entries.keys()],
    read: (member) => readEntry(zip, entries.get(member)!),
  };
}

async function* readEntry(zip: yauzl.ZipFile, entry: yauzl.Entry): AsyncGenerator<Buffer, void, void> {
  if (!entry.canDecodeFileData()) throw unreadableMember(entry.fileName, entry.isEncrypted());
  let sum = 0;
  try {
    for await (const piece of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
      sum = crc32(piece, sum);
      yield piece;
    }
  } catch (error) {
    rethrow(error);
  }
  if (sum !== entry.crc32) throw damagedArchive(new Error(`CRC of ${entry.fileName}`));
}

/** Our own faults, such as those of the storage, pass unchanged; any error of yauzl or zlib means a broken archive. */
function rethrow(error: unknown): never {
  if (error instanceof Fault || (error as { name?: string }).name === 'AbortError') throw error;
  throw damagedArchive(error);
}

class RangeReader extends yauzl.RandomAccessReader {
  readonly #readBytes: ReadBytes;
  readonly #tailStart: number;
  readonly #sizeBytes: number;
  #tail: Promise<Buffer> | null = null;

  constructor(readBytes: ReadBytes, sizeBytes: number) {
    super();
    this.#readBytes = readBytes;
    this.#sizeBytes = sizeBytes;
    this.#tailStart = Math.max(0, sizeBytes - TAIL_BYTES);
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#readBytes(start, end), { objectMode: false });
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    if (position < this.#tailStart) {
      super.read(buffer, offset, length, position, callback);
      return;
    }
    this.#tail ??= collect(this.#readBytes(this.#tailStart, this.#sizeBytes));
    this.#tail.then(
      (tail) =>
        callback(null, tail.copy(buffer, offset, position - this.#tailStart, position - this.#tailStart + length)),
      callback,
    );
  }
}

async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
