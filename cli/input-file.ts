/** A file that a command reads: a local file, an object of a storage, or a file that somebody drops on a page. */
import type { DeclaredFormat } from '#api/source-format.ts';
import type { Platform, ReadBytes } from '#runner/source/platform.ts';

export interface InputFile {
  /** The file's name; the ending decides where the bytes do not. */
  key: string;
  sizeBytes: number;
  readBytes: ReadBytes;
  /** The file from its start; every call starts anew. A piece is valid until the next one is asked for. */
  stream(): AsyncIterable<Buffer>;
}

/** What opens a file of any kind. */
export interface OpenOptions {
  declared: DeclaredFormat;
  platform: Platform;
  maxRecordBytes: number;
}

/** As a pod's: the most bytes of one record, with the end of its line. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;
