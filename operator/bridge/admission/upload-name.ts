/**
 * Upload names: every notice of one version of an object yields the same name, and no other version yields that name.
 */
import { createHash } from 'node:crypto';
import type { ObjectVersion } from '#operator/bridge/storage/storage-calls.ts';

const SLUG_LENGTH = 30;
const HASH_LENGTH = 20;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** The name has at most 51 characters, so that it fits into a label. Job names are made from the uid instead. */
export function uploadName(
  sourceName: string,
  object: { schemaName: string; bucket: string; key: string; version: ObjectVersion },
): string {
  const { schemaName, bucket, key, version } = object;
  return nameOf(sourceName, [schemaName, bucket, key, ...identityOf(version)]);
}

/**
 * Without versions one key can have the same ETag twice: a file was corrected, and the first content was sent again.
 */
function identityOf({ versionId, eTag, size, lastModified }: ObjectVersion): (string | number)[] {
  return versionId === null ? [eTag, size, lastModified] : [versionId];
}

/** The name is `<slug of the source>-<100 bits of SHA-256 over the parts>`. */
export function nameOf(sourceName: string, parts: readonly (string | number)[]): string {
  return `${slug(sourceName)}-${hash(JSON.stringify(parts))}`;
}

function slug(name: string): string {
  const characters = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return characters.slice(0, SLUG_LENGTH).replace(/^-+|-+$/g, '') || 'upload';
}

/** Lower-case base32 carries five bits in each character. */
function hash(text: string): string {
  const digest = createHash('sha256').update(text).digest();
  let bits = 0n;
  for (const byte of digest.subarray(0, 13)) bits = (bits << 8n) | BigInt(byte);
  let out = '';
  for (let at = 0; at < HASH_LENGTH; at += 1) out += BASE32[Number((bits >> BigInt(104 - 5 * (at + 1))) & 31n)];
  return out;
}
