/** Names of uploads: the same for everything that tells of the same version of an object, and for nothing else. */
import { createHash } from 'node:crypto';

/** One version of an object, from its head. */
export interface ObjectVersion {
  /** Null in a bucket without versions. */
  versionId: string | null;
  /** Without quotes. */
  eTag: string;
  /** Bytes. */
  size: number;
  /** Wall clock, ms; whole seconds, since a head has no more. */
  lastModified: number;
}

const SLUG_LENGTH = 30;
const HASH_LENGTH = 20;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** At most 51 characters: a label value, and names of Jobs are made from the uid anyway. */
export function uploadName(
  sourceName: string,
  object: { schemaName: string; bucket: string; key: string; version: ObjectVersion },
): string {
  const { schemaName, bucket, key, version } = object;
  return nameOf(sourceName, [schemaName, bucket, key, ...identityOf(version)]);
}

/** Without versions the same key can hold other bytes of the same ETag: a file that was sent again after a correction and back. */
function identityOf({ versionId, eTag, size, lastModified }: ObjectVersion): (string | number)[] {
  return versionId === null ? [eTag, size, lastModified] : [versionId];
}

/** `<slug of the source>-<100 bits of SHA-256 over the parts>`. */
export function nameOf(sourceName: string, parts: readonly (string | number)[]): string {
  return `${slug(sourceName)}-${hash(JSON.stringify(parts))}`;
}

function slug(name: string): string {
  const characters = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return characters.slice(0, SLUG_LENGTH).replace(/^-+|-+$/g, '') || 'upload';
}

/** Base32 in lower case, five bits a character. */
function hash(text: string): string {
  const digest = createHash('sha256').update(text).digest();
  let bits = 0n;
  for (const byte of digest.subarray(0, 13)) bits = (bits << 8n) | BigInt(byte);
  let out = '';
  for (let at = 0; at < HASH_LENGTH; at += 1) out += BASE32[Number((bits >> BigInt(104 - 5 * (at + 1))) & 31n)];
  return out;
}
