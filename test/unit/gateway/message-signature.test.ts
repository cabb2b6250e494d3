import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { findKeys, findSigningKey, isKeyId } from '#operator/gateway/identity/partner-keys.ts';
import { type SignedMessage, signatureBase } from '#operator/gateway/identity/signature-base.ts';
import { readSignature } from '#operator/gateway/identity/signature-input.ts';
import { type Signing, sign } from '#support/gateway/sign.ts';

const KEY = 'k'.repeat(32);
const NOW = 1_800_000_000;
const URL_OF_UPLOADS = new URL('https://Uploads.Example.com/v1/namespaces/n/uploads?limit=5');

/** A request as the gateway gets it, with changes that were made after it was signed. */
function message(
  signing: Partial<Signing> = {},
  change: Record<string, string | string[] | undefined> = {},
): SignedMessage {
  const all = { url: URL_OF_UPLOADS, key: KEY, keyId: 'acme', created: NOW, ...signing };
  const length = all.body === undefined ? {} : { 'content-length': String(all.body.length) };
  const headers = { host: 'Uploads.Example.com:443', ...length, ...sign(all), ...change };
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, [value].flat()] as const],
  );
  return { method: all.method ?? 'GET', url: all.url.pathname + all.url.search, fields: new Map(fields) };
}

function isRight(given: SignedMessage): boolean {
  const input = readSignature(given, NOW);
  const texts = (['https', 'http'] as const).map((scheme) => signatureBase(given, { ...input, scheme }));
  return findSigningKey([Buffer.from(KEY)], texts, input.signature) !== null;
}

it('the HMAC example of RFC 9421 (B.2.5) is right', () => {
  const key = Buffer.from(
    'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==',
    'base64',
  );
  const fields = new Map([
    ['host', ['example.com']],
    ['date', ['Tue, 20 Apr 2021 02:07:55 GMT']],
    ['content-type', ['application/json']],
  ]);
  const text = signatureBase(
    { method: 'POST', url: '/foo?param=Value&Pet=dog', fields },
    {
      components: ['date', '@authority', 'content-type'],
      parameters: '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
      scheme: 'https',
    },
  );
  const signature = 'pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=';
  expect(createHmac('sha256', key).update(text).digest('base64')).toBe(signature);
  expect(findSigningKey([key], [text], Buffer.from(signature, 'base64'))).toBe(key);
});

describe('a signature', () => {
  it.each<[string, Partial<Signing>]>([
    ['of a request without a body', {}],
    [
      'of the authority, the path and the query',
      { components: ['@method', '@authority', '@path', '@query'], url: new URL('https://uploads.example.com/a?b') },
    ],
    [
      'of a path without a query',
      { components: ['@method', '@authority', '@path', '@query'], url: new URL('https://uploads.example.com/a') },
    ],
    ['of a body', { method: 'POST', body: '{}' }],
    ['of a repetition', { method: 'POST', body: '{}', headers: { 'idempotency-key': '"1"' } }],
    ['with a tag and an end', { parameters: `;tag="x";expires=${NOW + 1}` }],
    ['of a path and a query with percent signs', { url: new URL('https://uploads.example.com/a%2Fb%2f..?q=%3F&r=+') }],
    ['by a sender who speaks HTTP to a proxy', { url: new URL('http://uploads.example.com:443/a') }],
  ])('%s is right', (_what, signing) => {
    expect(isRight(message(signing))).toBe(true);
  });

  it.each<[string, Partial<Signing>, Record<string, string | string[] | undefined>]>([
    ['another host', {}, { host: 'other.example.com' }],
    ['a dot behind the host', {}, { host: 'Uploads.Example.com.' }],
    ['another port', {}, { host: 'Uploads.Example.com:8443' }],
    ['another header that is covered', { headers: { accept: 'a' } }, { accept: 'b' }],
    ['another line of a header that is covered', { headers: { accept: 'a' } }, { accept: ['a', 'b'] }],
    ['another key', { key: 'x'.repeat(32) }, {}],
    ['another content type', { method: 'POST', body: '{}' }, { 'content-type': 'text/csv' }],
    ['another digest', { method: 'POST', body: '{}' }, { 'content-digest': 'sha-256=:AAAA:' }],
  ])('with %s is wrong', (_what, signing, change) => {
    expect(isRight(message(signing, change))).toBe(false);
  });

  it('of another method, path or query is wrong', () => {
    const given = message();
    expect(isRight({ ...given, method: 'DELETE' })).toBe(false);
    expect(isRight({ ...given, url: '/v1/namespaces/n/uploads?limit=6' })).toBe(false);
    expect(isRight({ ...given, url: '/v1/namespaces/m/uploads?limit=5' })).toBe(false);
    expect(isRight({ ...given, url: '/v1/namespaces/n/uploads?limit=5&phase=Failed' })).toBe(false);
  });

  it('means the path and the query byte by byte, as they were sent', () => {
    const url = new URL('https://uploads.example.com/v1/a%2Fb/c?q=%3F');
    const given = message({ url });
    expect(isRight(given)).toBe(true);
    for (const other of [
      '/v1/a/b/c?q=%3F',
      '/v1/a%2fb/c?q=%3F',
      '/v1/a%2Fb/c?q=?',
      '/v1/a%2Fb/x/../c?q=%3F',
      '/v1/a%2Fb/c?q=%3F#x',
    ]) {
      expect([other, isRight({ ...given, url: other })]).toEqual([other, false]);
    }
  });

  it('of a header in several lines is that of the lines together, without spaces around them', () => {
    const signed = message({ headers: { accept: 'a, b' } });
    const withLines = (lines: string[]) => ({ ...signed, fields: new Map(signed.fields).set('accept', lines) });
    expect(isRight(withLines([' a\t', 'b ']))).toBe(true);
    expect(isRight(withLines(['b', 'a']))).toBe(false);
    // A space that is not one of HTTP belongs to the value.
    expect(() => isRight(withLines(['a', 'b\u00a0']))).toThrow('not ASCII');
  });

  const COVER = ['@method', '@target-uri'];
  const POST = { method: 'POST', body: '{}' };
  const whole = `("@method" "@target-uri");created=${NOW};nonce="${'n'.repeat(16)}";keyid="acme"`;
  const nothing = ':AAAA:';
  it.each<[string, Partial<Signing>, Record<string, string | string[] | undefined>, string]>([
    ['without the method', { components: ['@target-uri'] }, {}, 'cover "@method"'],
    ['without the query', { components: ['@method', '@authority', '@path'] }, {}, 'cover "@query"'],
    ['without a target', { components: ['@method'] }, {}, 'or "@target-uri"'],
    ['without the digest of a body', { ...POST, components: [...COVER, 'content-type'] }, {}, 'cover "content-digest"'],
    ['without the type of a body', { ...POST, components: [...COVER, 'content-digest'] }, {}, 'cover "content-type"'],
    [
      'without the digest of a chunked body',
      { components: COVER },
      { 'transfer-encoding': 'chunked' },
      'cover "content-digest"',
    ],
    ['without the Idempotency-Key', { components: COVER }, { 'idempotency-key': '1' }, 'cover "idempotency-key"'],
    ['without If-Match', { components: COVER }, { 'if-match': '"1"' }, 'cover "if-match"'],
    ['of a header that is not there', { components: [...COVER, 'x-more'] }, {}, 'covers "x-more"'],
    ['of an unknown derived component', { components: [...COVER, '@status'] }, {}, 'covers "@status"'],
    ['of a component twice', { components: [...COVER, '@method'] }, {}, 'twice'],
    ['of its own parameters', { components: [...COVER, '@signature-params'] }, {}, 'component that is not'],
    ['of a header in capitals', { components: [...COVER, 'Host'] }, {}, 'component that is not'],
    [
      'of a component with a parameter',
      {},
      { 'signature-input': `s=${whole.replace('-uri"', '-uri";req')}`, signature: `s=${nothing}` },
      'has a parameter',
    ],
    ['too old', { created: NOW - 301 }, {}, 'created at another time'],
    ['of the future', { created: NOW + 31 }, {}, 'created at another time'],
    ['that has ended', { parameters: `;expires=${NOW}` }, {}, 'expired'],
    ['with an end that is no number', { parameters: ';expires="9"' }, {}, 'expired'],
    [
      'without a time',
      {},
      { 'signature-input': `s=${whole.replace(/created=\d+;/, '')}`, signature: `s=${nothing}` },
      'parameter created',
    ],
    [
      'with a fraction as its time',
      {},
      { 'signature-input': `s=${whole.replace(/created=\d+/, `created=${NOW}.5`)}`, signature: `s=${nothing}` },
      'parameter created',
    ],
    ['with a short nonce', { nonce: 'n'.repeat(15) }, {}, 'parameter nonce'],
    ['with a long nonce', { nonce: 'n'.repeat(129) }, {}, 'parameter nonce'],
    [
      'without a nonce',
      {},
      { 'signature-input': `s=${whole.replace(/nonce="n*";/, '')}`, signature: `s=${nothing}` },
      'parameter nonce',
    ],
    [
      'without a key id',
      {},
      { 'signature-input': `s=${whole.replace(/;keyid.*/, '')}`, signature: `s=${nothing}` },
      'parameter keyid',
    ],
    [
      'with a token as key id',
      {},
      { 'signature-input': `s=${whole.replace('"acme"', 'acme')}`, signature: `s=${nothing}` },
      'parameter keyid',
    ],
    ['by another algorithm', { parameters: ';alg="ed25519"' }, {}, 'parameter alg'],
    ['with an unknown parameter', { parameters: ';context="x"' }, {}, 'parameter context'],
    [
      'that is one of two',
      {},
      { 'signature-input': `s=${whole}, t=${whole}`, signature: `s=${nothing}, t=${nothing}` },
      'exactly one',
    ],
    ['in two lines', {}, { signature: ['s=:AAAA:', 't=:AAAA:'] }, 'more than once'],
    ['with another label', {}, { 'signature-input': `s=${whole}`, signature: `t=${nothing}` }, 'same label'],
    ['without its input', {}, { 'signature-input': undefined }, 'exactly one'],
    ['that is no bytes', {}, { 'signature-input': `s=${whole}`, signature: 's="AAAA"' }, 'byte sequence'],
    ['whose input is no list', {}, { 'signature-input': 's=1', signature: `s=${nothing}` }, 'list of components'],
    ['that is no structured field', {}, { 'signature-input': 's=(' }, 'structured fields'],
    ['of two hosts', {}, { host: ['a', 'b'] }, 'host more than once'],
    [
      'of a body with another kind of digest',
      { ...POST, headers: { 'content-digest': 'sha-512=:AAAA:' } },
      {},
      'SHA-256',
    ],
  ])('%s is refused', (_what, signing, change, why) => {
    expect(() => isRight(message(signing, change))).toThrow(why);
  });

  it('of a path that is not ASCII is refused', () => {
    expect(() => isRight({ ...message(), url: '/v1/ä' })).toThrow('not ASCII');
  });
});

describe('the keys of a partner', () => {
  const data = { acme: 'first', 'acme.next': 'second', bytes: '\x00\xff\n', text: 'line\r\n' };
  const texts = (keyId: string) => findKeys(data, keyId).map((key) => key.toString('latin1'));

  it('are that of the key id and the next one', () => {
    expect(texts('acme')).toEqual(['first', 'second']);
  });
  it('lose the line break behind text, and no byte else', () => {
    expect([texts('text'), texts('bytes')]).toEqual([['line'], ['\x00\xff\n']]);
  });
  it.each(['acme.next', 'other', '__proto__', 'constructor', '', 'a/b', `x${'y'.repeat(64)}`])(
    'do not exist for %j',
    (keyId) => {
      expect(texts(keyId)).toEqual([]);
    },
  );
  it('do not exist without a Secret', () => {
    expect(findKeys(null, 'acme')).toEqual([]);
  });
  it('are named by ids that are entries of Secrets', () => {
    expect([isKeyId('a.B_c-1'), isKeyId('ä'), isKeyId('x.next')]).toEqual([true, false, false]);
  });
});

it('a signature without a key, or of another length, is of no key', () => {
  const signature = createHmac('sha256', KEY).update('x').digest();
  expect(findSigningKey([], ['x'], signature)).toBeNull();
  expect(findSigningKey([Buffer.from(KEY)], ['x'], signature.subarray(1))).toBeNull();
  expect(findSigningKey([Buffer.from('other'), Buffer.from(KEY)], ['y', 'x'], signature)?.toString()).toBe(KEY);
});
