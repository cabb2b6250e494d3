/** The key of an object in an event: some servers encode it, others do not, and few events say so. */
import { type Json, objectAt, textAt } from './json-values.ts';

/** The key to ask for first, and the other reading where there can be doubt. */
export interface SentKey {
  key: string;
  alternativeKey?: string;
}

/** How the `key` of one of `Records[]` can be read. Without a `%` or a `+` there is one way only. */
export function keyReadings(record: Json, sent: string): SentKey {
  if (isVersitygw(record)) return { key: sent };
  const decoded = decodeKey(sent);
  if (decoded === null || decoded === sent) return { key: sent };
  if (textAt(record, 'eventSource') === 'minio:s3') return { key: decoded };
  // AWS encodes, but many servers call themselves aws:s3.
  return { key: decoded, alternativeKey: sent };
}

/**
 * versitygw is told from AWS by what only it writes: a capital letter (its Go struct is tagged so), and names of its own for
 * the configuration.
 */
function isVersitygw(record: Json): boolean {
  const identity = objectAt(record, 'userIdentity');
  const s3 = objectAt(record, 's3');
  return (
    identity !== null && 'PrincipalId' in identity && /^\w+-global$/.test((s3 && textAt(s3, 'configurationId')) ?? '')
  );
}

/** `application/x-www-form-urlencoded`, where a space is a `+`. Null for what no encoder has written. */
function decodeKey(sent: string): string | null {
  if (!/^[\x21-\x7e]*$/.test(sent)) return null;
  try {
    return decodeURIComponent(sent.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

export const KEY_INVALID = 'No upload can have this key: one has 1 to 1,024 bytes of UTF-8 without U+0000.';

/** Half a surrogate pair is no UTF-8, and neither the API server's nor PostgreSQL's texts hold U+0000. */
export function canBeKey(key: string): boolean {
  return key !== '' && key.isWellFormed() && !key.includes('\0') && Buffer.byteLength(key) <= 1024;
}
