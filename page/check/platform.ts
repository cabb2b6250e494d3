/** What the readers of files need, in a browser: decompression in JavaScript, piece by piece, in bounded memory. */
import type { Platform } from '#runner/source/platform.ts';
import { gunzip } from './unpack/gunzip.ts';
import { unzstd } from './unpack/unzstd.ts';
import { openArchive } from './unpack/zip-archive.ts';

const strict = new TextDecoder('utf-8', { fatal: true });

export const BROWSER_PLATFORM: Platform = {
  isUtf8(bytes) {
    try {
      strict.decode(bytes);
      return true;
    } catch {
      return false;
    }
  },
  decompress: (input, compression) => (compression === 'gzip' ? gunzip(input) : unzstd(input)),
  openArchive,
};
