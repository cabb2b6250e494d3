/** Types of text by their formats. */
import { isEmailBytes } from './byte-tests.ts';
import { CODES } from './faults.ts';
import { isIPv6 } from './ip-address.ts';
import { quoteJson } from './json.ts';
import { identity, readIf, type ValueType } from './value-type.ts';

export const STRING: ValueType = {
  code: CODES.type,
  expectation: 'text',
  read: identity,
  toJson: quoteJson,
  toCel: identity,
};

const format = (expectation: string, isOne: (text: string) => boolean): ValueType => ({
  ...STRING,
  expectation,
  read: readIf(isOne),
  isValidBytes: null,
});

export const EMAIL: ValueType = {
  ...format('an email address such as name@example.org', isEmail),
  code: CODES.email,
  isValidBytes: isEmailBytes,
};

export const UUID = format('a UUID such as 123e4567-e89b-12d3-a456-426614174000', (text) =>
  /^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$/.test(text),
);

export const URI = format('a URI such as https://example.org/page', isUri);

export const BINARY = format('base64 text', isBase64);

/** The text is tested as bytes: a regular expression of the rule runs out of stack on a text of millions of labels. */
function isEmail(text: string): boolean {
  const bytes = Buffer.from(text);
  return isEmailBytes(bytes, 0, bytes.length);
}

/** Base64 has its padding, and only one text is valid for the same bytes. */
function isBase64(text: string): boolean {
  return Buffer.from(text, 'base64').toString('base64') === text;
}

/** A URI has a scheme, so relative references are refused. Source: RFC 3986, section 3. */
function isUri(text: string): boolean {
  const scheme = /^[a-zA-Z][a-zA-Z0-9+.-]*:/.exec(text);
  if (!scheme) return false;
  const [withoutFragment, fragment] = cut(text.slice(scheme[0].length), '#');
  const [hierarchy, query] = cut(withoutFragment, '?');
  if (!isMadeOf(fragment, IN_QUERY) || !isMadeOf(query, IN_QUERY)) return false;
  if (!hierarchy.startsWith('//')) return isMadeOf(hierarchy, IN_PATH);
  const [authority, path] = cut(hierarchy.slice(2), '/');
  return isMadeOf(path, IN_PATH) && isAuthority(authority);
}

function isAuthority(text: string): boolean {
  const at = text.indexOf('@');
  const host = text.slice(at + 1).replace(/:[0-9]*$/, '');
  if (at !== -1 && !isMadeOf(text.slice(0, at), IN_USER)) return false;
  return host.startsWith('[') ? isAddress(host) : isMadeOf(host, IN_NAME);
}

function isAddress(host: string): boolean {
  const address = host.slice(1, -1);
  if (!host.endsWith(']')) return false;
  return /^v[0-9a-f]+\.[a-z0-9._~!$&'()*+,;=:-]+$/i.test(address) || isIPv6(address);
}

/** The text before the first mark and the text behind it; the second is empty in a text without the mark. */
function cut(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

const IN_NAME = /[^a-zA-Z0-9._~!$&'()*+,;=%-]/;
const IN_USER = /[^a-zA-Z0-9._~!$&'()*+,;=:%-]/;
const IN_PATH = /[^a-zA-Z0-9._~!$&'()*+,;=:@/%-]/;
const IN_QUERY = /[^a-zA-Z0-9._~!$&'()*+,;=:@/?%-]/;

/** @param others finds a character that is not allowed in the part */
function isMadeOf(part: string, others: RegExp): boolean {
  return !others.test(part) && !/%(?![0-9a-fA-F]{2})/.test(part);
}
