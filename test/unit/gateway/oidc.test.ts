import type { JWTPayload } from 'jose';
import { describe, expect, it } from 'vitest';
import { isSafeUrl } from '#operator/config/safe-url.ts';
import { claimedIssuer, toIdentity } from '#operator/gateway/identity/oidc.ts';

const SETTINGS = {
  issuer: 'https://id.example.com',
  audience: 'a',
  userClaim: 'sub',
  groupsClaim: 'groups',
  prefix: 'oidc:',
};
const identify = (claims: JWTPayload, settings = {}) => toIdentity({ exp: 5, ...claims }, { ...SETTINGS, ...settings });

describe('the claims of a token', () => {
  it('get the prefix, and the time of the end in ms', () => {
    expect(identify({ sub: 'alice', groups: ['staff', 'staff', 'eu'] })).toEqual({
      user: 'oidc:alice',
      groups: ['oidc:staff', 'oidc:eu'],
      proof: 'OpenIDConnect',
      namespace: null,
      expiresAt: 5000,
    });
  });
  it('may name one group as a text, or none', () => {
    expect(identify({ sub: 'a', groups: 'staff' }).groups).toEqual(['oidc:staff']);
    expect(identify({ sub: 'a' }).groups).toEqual([]);
  });
  it('name nobody of Kubernetes, since the prefix stands before them', () => {
    expect(identify({ sub: 'system:admin', groups: ['system:masters'] })).toMatchObject({
      user: 'oidc:system:admin',
      groups: ['oidc:system:masters'],
    });
  });

  it.each<[string, JWTPayload, object, string]>([
    ['a prefix makes a user of Kubernetes', { sub: 'tem:admin' }, { prefix: 'sys' }, 'begins with system:'],
    [
      'a prefix makes a group of Kubernetes',
      { sub: 'a', groups: ['em:masters'] },
      { prefix: 'syst' },
      'begins with system:',
    ],
    ['a prefix makes a partner', { sub: 'partner:n:acme' }, { prefix: 'batchupload:' }, 'begins with batchupload:'],
    ['there is no user', {}, {}, 'no claim sub'],
    ['the user is empty', { sub: '' }, {}, 'no claim sub'],
    ['the user is a number', { sub: 5 as never }, {}, 'no claim sub'],
    ['the groups are nothing', { sub: 'a', groups: null }, {}, 'not a list of names'],
    ['a group is a list', { sub: 'a', groups: [['system:masters']] }, {}, 'not a list of names'],
    ['the user is no text', { email: ['a'] }, { userClaim: 'email' }, 'no claim email'],
    ['the claim is inherited', { sub: 'a' }, { userClaim: 'constructor' }, 'no claim constructor'],
    ['the address is not verified', { email: 'a@b', email_verified: false }, { userClaim: 'email' }, 'not verified'],
    [
      'the address may not be verified',
      { email: 'a@b', email_verified: 'true' },
      { userClaim: 'email' },
      'not verified',
    ],
    ['the user is long', { sub: 'ä'.repeat(126) }, {}, 'more than 256 bytes'],
    ['a group is long', { sub: 'a', groups: ['g'.repeat(252)] }, {}, 'more than 256 bytes'],
    [
      'there are too many groups',
      { sub: 'a', groups: Array.from({ length: 101 }, (_, i) => `g${i}`) },
      {},
      'more than 100 groups',
    ],
    ['the user has a line break', { sub: 'a\nb' }, {}, 'control character'],
    ['a group has an invisible character', { sub: 'a', groups: ['a\u202eb'] }, {}, 'invisible'],
    ['a group is half a character', { sub: 'a', groups: ['\ud800'] }, {}, 'invisible'],
    ['a group is no text', { sub: 'a', groups: [1] }, {}, 'not a list of names'],
    ['a group is empty', { sub: 'a', groups: [''] }, {}, 'not a list of names'],
    ['the groups are an object', { sub: 'a', groups: { a: 1 } }, {}, 'not a list of names'],
    ['the groups are elsewhere', { sub: 'a', _claim_names: { groups: 'src1' } }, {}, 'left the groups out'],
    ['the token is bound to a key', { sub: 'a', cnf: { jkt: 'x' } }, {}, 'bound to a key'],
  ])('are refused when %s', (_what, claims, settings, why) => {
    expect(() => identify(claims, settings)).toThrow(why);
  });
});

it.each([
  ['e30.eyJpc3MiOiJodHRwczovL2EifQ.x', 'https://a'],
  ['e30.eyJpc3MiOlsiYSJdfQ.x', null],
  ['e30.e30.x', null],
  ['opaque', null],
  ['', null],
])('the issuer that %s claims is %s', (token, issuer) => {
  expect(claimedIssuer(token)).toBe(issuer);
});

it.each([
  ['https://id.example.com/keys', true],
  ['http://127.0.0.1:8080/keys', true],
  ['http://localhost/keys', true],
  ['http://id.example.com/keys', false],
  ['http://localhost.example.com/keys', false],
  ['http://127.0.0.1@id.example.com/', false],
  ['file:///etc/passwd', false],
  ['undefined', false],
])('keys may come from %s: %s', (url, isSafe) => {
  expect(isSafeUrl(url)).toBe(isSafe);
});
