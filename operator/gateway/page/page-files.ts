/** The files of the staff page as Vite has built them, in memory: they are few, and no request can name another file. */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { contentTag } from '#operator/gateway/http/entity-tags.ts';

export interface PageFile {
  type: string;
  eTag: string;
  bytes: Buffer;
  /** The same bytes in gzip; null where that saves nothing. */
  zipped(): Promise<Buffer> | null;
}

export interface PageFiles {
  /** @param path below /page/, such as `assets/main-1a2b.js` */
  get(path: string): PageFile | undefined;
  /** The document of every view; undefined when the page was not built. */
  index: PageFile | undefined;
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};
const COMPRESSED = new Set(['.png', '.ico', '.woff2']);
/** Below this size a file fits into one packet anyway. */
const WORTH_BYTES = 1_024;
const compress = promisify(gzip);

/** @returns the files of the folder; none when there is no folder. Files whose names begin with a dot are left out. */
export async function readPageFiles(folder: string): Promise<PageFiles> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch((error) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files = new Map<string, PageFile>();
  for (const entry of entries) {
    const path = relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/');
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined || path.split('/').some((part) => part.startsWith('.'))) continue;
    files.set(path, toPageFile(await readFile(join(folder, path)), { type, extension: extname(entry.name) }));
  }
  return { get: (path) => files.get(path), index: files.get('index.html') };
}

function toPageFile(bytes: Buffer, { type, extension }: { type: string; extension: string }): PageFile {
  let made: Promise<Buffer> | null = null;
  return {
    type,
    bytes,
    eTag: contentTag(bytes),
    zipped() {
      if (COMPRESSED.has(extension) || bytes.length < WORTH_BYTES) return null;
      made ??= compress(bytes, { level: 9 });
      return made;
    },
  };
}
