import type { IsUtf8 } from '#runner/csv/utf8.ts';

/** What the readers of files need of the machine that they run on. Node's platform is in `node/platform.ts`. */
export interface Platform {
  isUtf8: IsUtf8;
  /**
   * Reads compressed bytes of any size in bounded memory; several gzip members or zstd frames are one file.
   * @throws Fault (permanent, reason FileDamaged); a fault of the input passes unchanged
   */
  decompress(input: AsyncIterable<Buffer>, compression: 'gzip' | 'zstd'): AsyncGenerator<Buffer, void, void>;
  /** @throws Fault (permanent, reason FileDamaged, FormatNotSupported) */
  openArchive(readBytes: ReadBytes, sizeBytes: number): Promise<Archive>;
}

/** Reads the bytes [start, end) of the file. */
export type ReadBytes = (start: number, end: number) => AsyncIterable<Buffer>;

/** A ZIP archive. */
export interface Archive {
  /** The archive's entries that {@link isListed} names. */
  members: ArchiveMember[];
  /** The member's bytes, checked against its length and CRC. @throws Fault (permanent, reason FileDamaged) */
  read(member: ArchiveMember): AsyncGenerator<Buffer, void, void>;
}

export interface ArchiveMember {
  name: string;
  /** Uncompressed. */
  sizeBytes: number;
}

const FOLDER = /\/$/;
/** Files that the systems of Apple and Microsoft put beside a person's files. */
const SYSTEM_FILE = /^__MACOSX\/|(^|\/)(\._[^/]*|\.DS_Store|desktop\.ini|thumbs\.db|ehthumbs\.db|~\$[^/]*)$/i;

/** Is an entry of an archive one of its members? Folders are not, nor are the files that operating systems add. */
export function isListed(entryName: string): boolean {
  return !FOLDER.test(entryName) && !SYSTEM_FILE.test(entryName);
}
