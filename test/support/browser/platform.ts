/** The platform that a page could bring for the readers of files: libraries in JavaScript alone. */
import { Gunzip, type UnzipFileInfo, unzipSync } from 'fflate';
import { type Archive, type ArchiveMember, isListed, type Platform, type ReadBytes } from '#runner/source/platform.ts';
import { formatFault } from '#runner/source/source-format.ts';

/** @param unzstd decompresses a whole file of zstd */
export function createBrowserPlatform(unzstd: (bytes: Buffer) => Promise<Buffer>): Platform {
  const strict = new TextDecoder('utf-8', { fatal: true });
  return {
    isUtf8(bytes) {
      try {
        strict.decode(bytes);
        return true;
      } catch {
        return false;
      }
    },
    async *decompress(input, compression) {
      if (compression === 'gzip') yield* gunzip(input);
      else {
        const bytes = await collect(input);
        yield await unzstd(bytes).catch(rethrowAsDamaged);
      }
    },
    openArchive,
  };
}

/** The library accepts a file that is cut off, so the length at the end of each member is compared. */
async function* gunzip(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const ready: Buffer[] = [];
  let memberBytes = 0;
  let end: Buffer = Buffer.alloc(0);
  const engine = new Gunzip((bytes) => {
    memberBytes += bytes.length;
    ready.push(Buffer.from(bytes));
  });
  engine.onmember = () => {
    memberBytes = 0;
  };
  for await (const piece of input) {
    end = Buffer.concat([end, piece]).subarray(-4);
    orDamaged(() => engine.push(piece));
    yield* ready.splice(0);
  }
  if (end.length < 4 || end.readUInt32LE() !== memberBytes) rethrowAsDamaged(new Error('unexpected end'));
}

async function openArchive(readBytes: ReadBytes, sizeBytes: number): Promise<Archive> {
  const bytes = await collect(readBytes(0, sizeBytes));
  const entries: UnzipFileInfo[] = [];
  const list = (entry: UnzipFileInfo) => {
    if (isListed(entry.name)) entries.push(entry);
    return false;
  };
  orDamaged(() => unzipSync(bytes, { filter: list }));
  const members = entries.map(({ name, originalSize }): ArchiveMember => ({ name, sizeBytes: originalSize }));
  return {
    members,
    async *read({ name }) {
      const files = orDamaged(() => unzipSync(bytes, { filter: (entry) => entry.name === name }));
      yield Buffer.from(files[name]!);
    },
  };
}

async function collect(input: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of input) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

function orDamaged<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    rethrowAsDamaged(error);
  }
}

function rethrowAsDamaged(error: unknown): never {
  throw formatFault('FileDamaged', 'The file is cut off or broken: upload it again.', error);
}
