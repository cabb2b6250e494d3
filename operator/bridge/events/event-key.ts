/** Reads the key of an object in an event. Some servers encode keys, others do not, and few events say which. */
import { type Json, objectAt, textAt } from './json-values.ts';

/** The more likely reading of a sent key, and the other reading where both are possible. */
export interface SentKey {
  key: string;
  alternativeKey?: string;
}

/** Finds the possible readings of the `key` in one of `Records[]`. A key without `%` and `+` has one reading. */
export function keyReadings(record: Json, sent: string): SentKey {
  if (isVersitygw(record)) return { key: sent };
  const decoded = decodeKey(sent);
  if (decoded === null || decoded === sent) return { key: sent };
  if (textAt(record, 'eventSource') === 'minio:s3') return { key: decoded };
  // AWS encodes keys, but many other servers call themselves aws:s3 as well.
  return { key: decoded, alternativeKey: sent };
}

/**
 * versitygw differs from AWS in two details: it writes a capital letter in `PrincipalId`, as its Go struct is tagged,
 * and it invents the names of configurations.
 */
function isVersitygw(record: Json): boolean {
  const identity = objectAt(record, 'userIdentity');
  const s3 = objectAt(record, 's3');
  return (
    identity !== null && 'PrincipalId' in identity && /^\w+-global$/.test((s3 && textAt(s3, 'configurationId')) ?? '')
  );
}

/** Decodes `application/x-www-form-urlencoded`, where a space is a `+`. Null for a text that no encoder writes. */
function decodeKey(sent: string): string | null {
  if (!/^[\x21-\x7e]*$/.test(sent)) return null;
  try {
    return decodeURIComponent(sent.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

export const KEY_INVALID =
  'No upload can have this key: a key has 1 to 1,024 bytes of UTF-8 without U+0000. Rename the object.';

/** Half a surrogate pair is no UTF-8, PostgreSQL stores U+0000 in no text, and the CRD refuses U+0000 in a key. */
export function canBeKey(key: string): boolean {
  return key !== '' && key.isWellFormed() && !key.includes('\0') && Buffer.byteLength(key) <= 1024;
}
