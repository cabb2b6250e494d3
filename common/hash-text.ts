import { createHash } from 'node:crypto';

/** @returns the first half of a text's SHA-256, as 32 hexadecimal digits, by which a changed text is recognised. */
export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
