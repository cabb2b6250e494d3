import { expect, it } from 'vitest';
import { GATEWAY_ENV, readGatewayConfig } from '#operator/config/gateway-config.ts';

const read = (oidc: object) => readGatewayConfig({ [GATEWAY_ENV.oidc]: JSON.stringify(oidc) }).oidc;
const OIDC = { issuer: 'https://id.example.com', audience: 'uploads' };

it('an identity provider needs its issuer and the audience, and has a prefix in every case', () => {
  expect(read(OIDC)).toEqual({ ...OIDC, userClaim: 'sub', groupsClaim: 'groups', prefix: 'oidc:' });
});

it.each([
  [{ audience: 'a' }, 'needs issuer'],
  [{ issuer: 'https://a' }, 'needs audience'],
  [{ ...OIDC, prefix: '' }, 'must not be empty'],
  [{ ...OIDC, prefix: 'system:x' }, 'must not begin with system:'],
  [{ ...OIDC, prefix: 'batchupload:partner:n:' }, 'or batchupload:'],
  [{ ...OIDC, issuer: 'http://id.example.com' }, 'begins with https://'],
  [{ ...OIDC, issuer: 'https://id.example.com?tenant=1' }, 'without a query'],
  [{ ...OIDC, issuer: 'id.example.com' }, 'begins with https://'],
  [{ ...OIDC, prefx: 'a' }, 'unknown field prefx'],
])('%j is refused: %s', (oidc, why) => {
  expect(() => read(oidc)).toThrow(why);
});
