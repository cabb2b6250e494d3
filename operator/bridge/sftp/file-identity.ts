/** The identity of a remote file, and the key and metadata of its object. */
import { createHash } from 'node:crypto';
import type { RemoteFileInfo } from './list-files.ts';

/** Two files are the same if path, size and time of change are equal: SFTP says no more about a file. */
export interface FileIdentity extends RemoteFileInfo {
  host: string;
  port: number;
  path: string;
}

export interface TargetPlace {
  uploadPrefix: string;
  namespace: string;
  /** Name of the UploadSource. */
  source: string;
}

const HASH_LENGTH = 20;
/** Storage that keeps objects as files allows names of 255 bytes, and S3 allows 1,024 bytes for the whole key. */
const MAX_NAME_BYTES = 200;

/** Returns 20 hex characters. */
export function identityHash({ host, port, path, size, mtime }: FileIdentity): string {
  const text = JSON.stringify([host.toLowerCase(), port, path, size, mtime]);
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH);
}

export function sourcePrefix({ uploadPrefix, namespace, source }: TargetPlace): string {
  return `${uploadPrefix}${namespace}/${source}/`;
}

/** The same file always gets the same key, even after a crash. */
export function objectKey(place: TargetPlace, identity: FileIdentity): string {
  return `${sourcePrefix(place)}${identityHash(identity)}/${keyName(identity.name)}`;
}

/** Makes a file name that every server, shell and URL understands alike; letters of all languages stay. */
export function keyName(name: string): string {
  const plain = name
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}._ ()+@=,-]/gu, '_')
    .replace(/\.{2,}/g, '_.')
    .replace(/^[. ]+|[. ]+$/g, '_');
  return limitBytes(plain, MAX_NAME_BYTES) || '_';
}

/** Cuts the stem of a long name, so that the ending (.csv.gz) still says what the file is. */
export function limitBytes(name: string, maxBytes: number): string {
  if (Buffer.byteLength(name) <= maxBytes) return name;
  const ending = /(\.[A-Za-z0-9]{1,10}){1,2}$/.exec(name)?.[0] ?? '';
  const room = maxBytes - Buffer.byteLength(ending);
  let stem = '';
  let bytes = 0;
  for (const character of name.slice(0, name.length - ending.length)) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    stem += character;
  }
  return stem + ending;
}

/**
 * Metadata about the remote file on its object. S3 sends them as headers, which are ASCII and at most 2 KB together.
 */
export interface FileMetadata {
  [name: string]: string;
}

export function fileMetadata(identity: FileIdentity): FileMetadata {
  return {
    'source-identity': identityHash(identity),
    'source-host': `${asciiOf(identity.host, 300)}:${identity.port}`,
    'source-path': asciiOf(identity.path, 1000),
    'source-size': String(identity.size),
    'source-mtime': new Date(identity.mtime * 1000).toISOString(),
  };
}

/** Percent-encodes the text. A text that is too long loses its start, since a path ends with the name. */
function asciiOf(text: string, maxLength: number): string {
  const encoded = encodeURI(text.toWellFormed()).replaceAll('#', '%23').replaceAll('?', '%3F');
  return encoded.length <= maxLength ? encoded : `...${encoded.slice(3 - maxLength)}`;
}
