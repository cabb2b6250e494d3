/** Compares the formats of text with rules that are written in another form. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { typeOf } from '#runner/processor/types.ts';

const accepts = (format: string, text: string) =>
  typeOf({ name: 'f', type: 'string', format }, 'f').read(text) === text;

test('email: as the expression of the HTML living standard', () => {
  // https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
  const standard =
    /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;
  const unit = fc.constantFrom('a', 'Z', '0', '.', '-', '@', '+', ' ', 'é', '_', 'x'.repeat(62), '"', '\n');
  const text = fc.oneof(
    fc.emailAddress(),
    fc.array(unit, { maxLength: 9 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (value) => {
      expect(accepts('email', value)).toBe(standard.test(value));
    }),
    { numRuns: 3000 },
  );
});

describe('uri', () => {
  /** The grammar of RFC 3986, appendix A, rule by rule; addresses in brackets apart. */
  const pchar = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
  const name = "(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*";
  const user = "(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*";
  const authority = `(?:${user}@)?${name}(?::[0-9]*)?`;
  const hierarchy = `(?://${authority}(?:/${pchar}*)*|/(?:${pchar}+(?:/${pchar}*)*)?|${pchar}+(?:/${pchar}*)*|)`;
  const grammar = new RegExp(
    `^[A-Za-z][A-Za-z0-9+.-]*:${hierarchy}(?:\\?(?:${pchar}|[/?])*)?(?:#(?:${pchar}|[/?])*)?$`,
  );

  test('as the grammar has it', () => {
    const unit = fc.constantFrom(
      'a',
      'b:',
      '1',
      ':',
      '/',
      '//',
      '?',
      '#',
      '@',
      '%',
      '%2F',
      '%g',
      '.',
      '-',
      ' ',
      'é',
      '[',
    );
    const text = fc.array(unit, { maxLength: 10 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.constantFrom('', 'a:', 'a://', 'http://b'), text, (start, rest) => {
        expect(accepts('uri', start + rest), start + rest).toBe(grammar.test(start + rest));
      }),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.webUrl({ withFragments: true, withQueryParameters: true }), (url) => {
        expect(accepts('uri', url)).toBe(true);
      }),
    );
  });

  // The examples of RFC 3986, section 1.1.2, and other addresses in brackets.
  test.each([
    ['ftp://ftp.is.co.za/rfc/rfc1808.txt', true],
    ['ldap://[2001:db8::7]/c=GB?objectClass?one', true],
    ['mailto:John.Doe@example.com', true],
    ['tel:+1-816-555-1212', true],
    ['urn:oasis:names:specification:docbook:dtd:xml:4.1.2', true],
    ['http://user@[::1]:80/', true],
    ['http://[::ffff:192.0.2.1]', true],
    ['http://[v1.a:b]/', true],
    ['http://[::1', false],
    ['http://[::1]x', false],
    ['http://[::g]', false],
    ['http://[fe80::1%25en1]', false],
    ['http://[]', false],
    ['//example.org/a', false],
    ['example.org', false],
    ['http://a b', false],
    ['http://a/[b]', false],
    ['http://é', false],
  ])('%j: %s', (text, valid) => {
    expect(accepts('uri', text)).toBe(valid);
  });
});

describe('uuid', () => {
  test('every one', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.boolean(), (uuid, upper) => {
        expect(accepts('uuid', upper ? uuid.toUpperCase() : uuid)).toBe(true);
      }),
    );
  });

  test.each([
    '123e4567e89b12d3a456426614174000',
    '{123e4567-e89b-12d3-a456-426614174000}',
    '123e4567-e89b-12d3-a456-42661417400',
    '123e4567-e89b-12d3-a456-42661417400g',
    '123e4567-e89b-12d3-a456-426614174000\n',
  ])('not %j', (text) => {
    expect(accepts('uuid', text)).toBe(false);
  });
});

describe('binary', () => {
  test('what base64 gives, and nothing else', () => {
    const standard = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/;
    const unit = fc.constantFrom('A', 'Q', 'g', 'B', '/', '+', '=', '-', ' ', '\n', 'é');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 9 }), (text) => {
        expect(accepts('binary', text), text).toBe(standard.test(text));
      }),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(accepts('binary', Buffer.from(bytes).toString('base64'))).toBe(true);
      }),
    );
  });
});
