import { expect, it } from 'vitest';
import { GATEWAY_ENV, readGatewayConfig } from '#operator/config/gateway-config.ts';
import { PAGE_ENV } from '#operator/config/page-config.ts';

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

const ENV = { [GATEWAY_ENV.oidc]: JSON.stringify(OIDC) };
const readPage = (page: object, env: NodeJS.ProcessEnv = ENV) =>
  readGatewayConfig({ ...env, [PAGE_ENV.page]: JSON.stringify(page) }).page;
const PAGE = { origin: 'https://uploads.example.com', clientId: 'page' };

it('the staff page needs its origin and its client, and is off without both', () => {
  expect(readGatewayConfig(ENV).page).toBeNull();
  expect(readPage(PAGE, { ...ENV, POD_NAMESPACE: 'system', [PAGE_ENV.endedSessions]: 'r-ended' })).toEqual({
    ...PAGE,
    scopes: 'openid profile email',
    sessionHours: 8,
    secretFolder: '/page-secret',
    filesFolder: null,
    endedSessions: { namespace: 'system', name: 'r-ended' },
  });
});

it.each([
  [{ clientId: 'a' }, 'origin must be'],
  [{ ...PAGE, origin: 'http://uploads.example.com' }, 'origin must be'],
  [{ ...PAGE, origin: 'https://uploads.example.com/' }, 'origin must be'],
  [{ ...PAGE, origin: 'https://uploads.example.com/page' }, 'origin must be'],
  [{ ...PAGE, origin: 'https://a@uploads.example.com' }, 'origin must be'],
  [{ ...PAGE, origin: 'https://Uploads.example.com' }, 'origin must be'],
  [{ origin: PAGE.origin }, 'needs clientId'],
  [{ ...PAGE, scopes: 'profile' }, 'openid among its words'],
  [{ ...PAGE, sessionHours: 0 }, 'sessionHours must be'],
  [{ ...PAGE, sessionHours: 25 }, 'sessionHours must be'],
  [{ ...PAGE, sessionHours: '8' }, 'sessionHours must be'],
  [{ ...PAGE, sesionHours: 8 }, 'unknown field sesionHours'],
])('the page %j is refused: %s', (page, why) => {
  expect(() => readPage(page)).toThrow(why);
});

it('the staff page needs an identity provider', () => {
  expect(() => readPage(PAGE, {})).toThrow('needs BATCH_UPLOAD_GATEWAY_OIDC');
});
