/** Cookies of a request and of an answer. Long values are split over a few cookies, since browsers keep 4,096 bytes of each. */
import type { IncomingMessage } from 'node:http';
import { unauthenticated } from '#operator/gateway/http/refusals.ts';

/** A browser takes a cookie with this prefix only from this very host and by TLS, and sends it nowhere else. */
export const SESSION_COOKIE = '__Host-batch-upload-session';
export const LOGIN_COOKIE = '__Host-batch-upload-login';

const PART_CHARACTERS = 3_500;
/** All headers of a request may have 16 KiB, of which a browser's own take some 2 KiB. */
const MOST_PARTS = 3;

const partNames = (name: string) => Array.from({ length: MOST_PARTS }, (_, i) => (i === 0 ? name : `${name}-${i + 1}`));

/** Names and values as they were sent; a name that comes twice stands here twice. */
function listCookies({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): [name: string, value: string][] {
  return rawHeaders
    .filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === 'cookie')
    .flatMap((header) => header.split(';'))
    .map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? ['', pair.trim()] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    });
}

export function hasCookie(request: Pick<IncomingMessage, 'rawHeaders'>, name: string): boolean {
  return listCookies(request).some(([found]) => found === name);
}

/**
 * @returns the value that was split over cookies; null when the cookie is not there.
 * @throws Problem unauthenticated for a cookie that comes twice: which one counts could be disputed. Also for one that
 * lacks a part.
 */
export function readCookie(request: Pick<IncomingMessage, 'rawHeaders'>, name: string): string | null {
  const cookies = listCookies(request);
  const read = (wanted: string) => {
    const values = cookies.filter(([found]) => found === wanted).map(([, value]) => value);
    if (values.length <= 1) return values[0] ?? null;
    throw unauthenticated(`The request has the cookie ${wanted} more than once. Remove the cookies of this site.`);
  };
  const first = read(name);
  if (first === null) return null;
  const [, count = '', begin = ''] = /^([1-9])~(.*)$/.exec(first) ?? [];
  const others = partNames(name)
    .slice(1, Number(count) || 1)
    .map(read);
  if (begin === '' || Number(count) > MOST_PARTS || others.includes(null)) {
    throw unauthenticated('The cookie is not one of this gateway, or a part of it is missing. Sign in again.');
  }
  return [begin, ...others].join('');
}

/** @returns the headers Set-Cookie that make the browser keep the value; null when the value is too long for cookies. */
export function setCookie(name: string, value: string, { maxAgeSeconds }: { maxAgeSeconds?: number } = {}) {
  const count = Math.max(1, Math.ceil(value.length / PART_CHARACTERS));
  if (count > MOST_PARTS) return null;
  const age = maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`;
  return partNames(name).map((part, i) => {
    if (i >= count) return removal(part);
    const piece = value.slice(i * PART_CHARACTERS, (i + 1) * PART_CHARACTERS);
    return `${part}=${i === 0 ? `${count}~` : ''}${piece}; ${ATTRIBUTES}${age}`;
  });
}

/** @returns the headers Set-Cookie that make the browser forget the cookie with all its parts. */
export function clearCookie(name: string): string[] {
  return partNames(name).map(removal);
}

/** Lax, and not Strict: the identity provider sends the browser back here, and links in mails lead here. */
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax';
const removal = (name: string) => `${name}=; ${ATTRIBUTES}; Max-Age=0`;
