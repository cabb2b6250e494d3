/** The keys of machine partners, from one Secret in each namespace. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { SecretData } from '#operator/tenancy/storage-clients.ts';

/** The Secret may have this entry besides that of a key id: the key that takes its place soon. */
const NEXT = '.next';
const KEY_ID = /^[A-Za-z0-9._-]{1,64}$/;
export const MIN_KEY_BYTES = 32;

/** Whether a key id names an entry of its own. The second key of a partner is never a partner. */
export function isKeyId(text: string): boolean {
  return KEY_ID.test(text) && !text.endsWith(NEXT);
}

/** @param data the Secret's entries as Latin-1, in which each character is a byte. */
export function findKeys(data: SecretData | null, keyId: string): Buffer[] {
  if (data === null || !isKeyId(keyId)) return [];
  return [keyId, keyId + NEXT].flatMap((name) => (Object.hasOwn(data, name) ? [toKey(data[name]!)] : []));
}

/** Tools that write text put a line break behind it, which is not part of the key. */
function toKey(text: string): Buffer {
  return Buffer.from(/^[\x20-\x7e]*\r?\n$/.test(text) ? text.replace(/\r?\n$/, '') : text, 'latin1');
}

/**
 * Takes the same time for a wrong signature as for a key id that does not exist.
 * @returns the key that has signed one of the texts; null when none has.
 */
export function findSigningKey(keys: readonly Buffer[], texts: readonly string[], signature: Buffer): Buffer | null {
  const tried = [...keys, ...Array.from({ length: 2 - keys.length }, () => null)];
  let found: Buffer | null = null;
  for (const key of tried) {
    for (const text of texts) {
      const expected = createHmac('sha256', key ?? DUMMY)
        .update(text, 'latin1')
        .digest();
      const isSame = signature.length === expected.length && timingSafeEqual(expected, signature);
      if (isSame && key !== null) found = key;
    }
  }
  return found;
}

const DUMMY = randomBytes(MIN_KEY_BYTES);
