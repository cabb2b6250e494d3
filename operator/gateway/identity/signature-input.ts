/** Reads the headers Signature-Input and Signature, and checks all that needs no key. Pure. */
import { type InnerList, type Item, isInnerList, parseDictionary, serializeInnerList } from 'structured-headers';
import { unauthenticated } from '#operator/gateway/http/refusals.ts';
import type { SignedMessage } from './signature-base.ts';

export interface SignatureInput {
  keyId: string;
  nonce: string;
  /** Seconds since the epoch. */
  created: number;
  components: string[];
  /** The value of the line @signature-params. */
  parameters: string;
  signature: Buffer;
  /** The SHA-256 of the body by the header Content-Digest; null without a body. */
  digest: Buffer | null;
}

/** A signature is valid for this time after `created`, and before it for the tolerance; in seconds. */
export const MAX_AGE_SECONDS = 300;
const TOLERANCE_SECONDS = 30;
const PARAMETERS = new Set(['created', 'expires', 'nonce', 'keyid', 'alg', 'tag']);
/** Headers that change what a request does: the signature must cover those that the request has. */
const COVERED_WHEN_PRESENT = ['content-digest', 'idempotency-key', 'if-match', 'if-none-match'];
/** A request has one line of each of these headers: one program could take the first line, and another the last. */
const SINGLE = [
  'host',
  'content-type',
  'content-digest',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'signature',
  'signature-input',
];

/**
 * @param now seconds since the epoch.
 * @throws Problem unauthenticated
 */
export function readSignature(message: SignedMessage, now: number): SignatureInput {
  const { fields } = message;
  for (const name of SINGLE) {
    if ((fields.get(name)?.length ?? 0) > 1)
      throw unauthenticated(`The request has the header ${name} more than once.`);
  }
  const [components, parameters] = readOnlyMember(fields, 'signature-input', isInnerList, 'a list of components');
  const [signature] = readOnlyMember(fields, 'signature', isBytes, 'a byte sequence', labelOf(fields));
  const covered = readComponents(components);
  checkCovered(message, covered);
  return {
    ...readParameters(parameters, now),
    components: covered,
    parameters: serializeInnerList([components, parameters]),
    signature: Buffer.from(signature),
    digest: readDigest(fields),
  };
}

type Member = Item | InnerList;
const isBytes = (member: Member): member is [ArrayBuffer, Item[1]] => member[0] instanceof ArrayBuffer;

function parse(fields: SignedMessage['fields'], name: string): ReadonlyMap<string, Member> {
  try {
    return parseDictionary(fields.get(name)?.[0]?.trim() ?? '');
  } catch {
    throw unauthenticated(`The header ${name} is not a dictionary of structured fields (RFC 9651).`);
  }
}

const labelOf = (fields: SignedMessage['fields']) => parse(fields, 'signature-input').keys().next().value;

/** The member of a dictionary that has no other: which one of several signatures counts could be disputed. */
function readOnlyMember<T extends Member>(
  fields: SignedMessage['fields'],
  name: string,
  isRight: (member: Member) => member is T,
  what: string,
  label?: string,
): T {
  const [[found, member] = [], ...others] = parse(fields, name);
  if (member === undefined || others.length > 0)
    throw unauthenticated(`The header ${name} must have exactly one signature.`);
  if (!isRight(member)) throw unauthenticated(`The header ${name} must have ${what}.`);
  if (label !== undefined && label !== found) {
    throw unauthenticated('The headers signature-input and signature must have the same label.');
  }
  return member;
}

function readComponents(items: readonly Item[]): string[] {
  const names = items.map(([name, parameters]) => {
    if (typeof name !== 'string' || !/^@?[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) || name === '@signature-params') {
      throw unauthenticated(
        'The signature covers a component that is not the lower-case name of a header or a derived component.',
      );
    }
    if (parameters.size > 0) throw unauthenticated(`The component "${name}" has a parameter, and none is supported.`);
    return name;
  });
  if (new Set(names).size < names.length) throw unauthenticated('The signature covers a component twice.');
  return names;
}

function checkCovered({ fields }: SignedMessage, covered: readonly string[]): void {
  const length = fields.get('content-length')?.[0]?.trim() ?? '0';
  const hasBody = /[^0]/.test(length) || fields.has('transfer-encoding');
  const target = covered.includes('@target-uri') ? [] : ['@authority', '@path', '@query'];
  const needed = [
    '@method',
    ...target,
    ...(hasBody ? ['content-digest', 'content-type'] : []),
    ...COVERED_WHEN_PRESENT.filter((name) => fields.has(name)),
  ];
  const missing = [...new Set(needed)].filter((name) => !covered.includes(name));
  if (missing.length === 0) return;
  const instead = missing.includes('@path') ? ', or "@target-uri" in place of "@authority", "@path" and "@query"' : '';
  throw unauthenticated(`The signature must cover ${missing.map((name) => `"${name}"`).join(', ')}${instead}.`);
}

function readParameters(parameters: Item[1], now: number): Pick<SignatureInput, 'keyId' | 'nonce' | 'created'> {
  for (const name of parameters.keys()) {
    if (!PARAMETERS.has(name))
      throw unauthenticated(`The signature has the parameter ${name}, which is not supported.`);
  }
  const [created, expires, nonce, keyId, alg = 'hmac-sha256', tag = ''] = [...PARAMETERS].map((name) =>
    parameters.get(name),
  );
  if (alg !== 'hmac-sha256') throw unauthenticated('The parameter alg of the signature must be "hmac-sha256".');
  if (typeof tag !== 'string') throw unauthenticated('The parameter tag of the signature must be a string.');
  if (typeof keyId !== 'string' || keyId === '')
    throw unauthenticated('The signature needs the parameter keyid, a string.');
  if (typeof nonce !== 'string' || nonce.length < 16 || nonce.length > 128) {
    throw unauthenticated(
      'The signature needs the parameter nonce, a new random string of 16 to 128 characters for each request.',
    );
  }
  if (typeof created !== 'number' || !Number.isInteger(created)) {
    throw unauthenticated('The signature needs the parameter created, in whole seconds since 1970.');
  }
  if (created > now + TOLERANCE_SECONDS || created < now - MAX_AGE_SECONDS) {
    throw unauthenticated(
      `The signature was created at another time than now, which is ${now} s since 1970 here; ${MAX_AGE_SECONDS} s may pass. Sign again, with a clock that is right.`,
    );
  }
  if (expires !== undefined && !(typeof expires === 'number' && expires > now)) {
    throw unauthenticated('The signature has expired. Sign again.');
  }
  return { keyId, nonce, created };
}

function readDigest(fields: SignedMessage['fields']): Buffer | null {
  if (!fields.has('content-digest')) return null;
  const member = parse(fields, 'content-digest').get('sha-256');
  if (member === undefined || !isBytes(member)) {
    throw unauthenticated('The header content-digest must have the SHA-256 of the body: sha-256=:<base64>:');
  }
  return Buffer.from(member[0]);
}
