/** Authenticates the sender of posted events by the source's token, or by a signature with the source's HMAC key. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/**
 * The keys of the source's Secret. Without both nobody may post. A final line break, which many tools add, is ignored.
 */
export interface WebhookSecret {
  token?: string | undefined;
  hmacKey?: string | undefined;
}

/** The credentials in the headers of a request. */
export interface Credentials {
  /** The Bearer token, or the password of Basic; the user of Basic is ignored. */
  token: string | null;
  /** The bytes of `X-Signature-256: sha256=<hex>`. */
  signature: Buffer | null;
}

export function readCredentials(headers: IncomingHttpHeaders): Credentials {
  const [, scheme = '', value = ''] = /^(\w+) +(\S+) *$/.exec(headers.authorization ?? '') ?? [];
  const signature = /^sha256=([0-9a-f]{64})$/i.exec(String(headers['x-signature-256'] ?? ''))?.[1];
  return { token: tokenOf(scheme.toLowerCase(), value), signature: signature ? Buffer.from(signature, 'hex') : null };
}

function tokenOf(scheme: string, value: string): string | null {
  if (scheme === 'bearer') return value;
  if (scheme !== 'basic') return null;
  const pair = Buffer.from(value, 'base64').toString();
  const colon = pair.indexOf(':');
  return colon < 0 ? null : pair.slice(colon + 1);
}

/** Takes the same time for all tokens of one length; a missing secret takes as long as a wrong one. */
export function tokenIsRight(sent: string, { token }: WebhookSecret): boolean {
  const expected = withoutLineBreak(token);
  const same = timingSafeEqual(digest(sent), digest(expected));
  return same && expected !== '';
}

/** The signature is the HMAC-SHA256 of the exact bytes of the body. */
export function signatureIsRight(body: Buffer, sent: Buffer, { hmacKey }: WebhookSecret): boolean {
  const key = withoutLineBreak(hmacKey);
  const same = timingSafeEqual(createHmac('sha256', key).update(body).digest(), sent);
  return same && key !== '';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function withoutLineBreak(text = ''): string {
  return text.replace(/\r?\n$/, '');
}
