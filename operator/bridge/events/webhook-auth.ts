/** Who may post events of a source: whoever shows that it knows the source's token, or its key for signatures. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Of the source's Secret. Without either nobody may post. A line break at an end is not part of it: many tools add one. */
export interface WebhookSecret {
  token?: string | undefined;
  hmacKey?: string | undefined;
}

/** What a request shows. */
export interface Credentials {
  /** Bearer token or password of Basic, whose user can be anything. */
  token: string | null;
  /** Bytes of `X-Signature-256: sha256=<hex>`. */
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

/** In constant time for every token of the same length; a missing secret takes as long as a wrong one. */
export function tokenIsRight(shown: string, { token }: WebhookSecret): boolean {
  const expected = withoutLineBreak(token);
  const same = timingSafeEqual(digest(shown), digest(expected));
  return same && expected !== '';
}

/** HMAC-SHA256 over the body as it came. */
export function signatureIsRight(body: Buffer, shown: Buffer, { hmacKey }: WebhookSecret): boolean {
  const key = withoutLineBreak(hmacKey);
  const same = timingSafeEqual(createHmac('sha256', key).update(body).digest(), shown);
  return same && key !== '';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function withoutLineBreak(text = ''): string {
  return text.replace(/\r?\n$/, '');
}
