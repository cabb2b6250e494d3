/** Attacks on the endpoints that make something: each is refused with the right status, and nothing is there afterwards. */
import { randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withClient } from '#support/database/database.ts';
import {
  type GatewayBench,
  PARTNER_KEY as KEY,
  NAMESPACE,
  OTHER_NAMESPACE,
  putPartners,
  startGatewayBench,
  type TestGateway,
} from '#support/gateway/gateway.ts';
import { AUDIENCE, type IdentityProvider, startIdentityProvider } from '#support/gateway/identity-provider.ts';
import { type Signing, sign } from '#support/gateway/sign.ts';

/** Who may do everything in the namespace `n`, and who may only create uploads there. */
const ADMIN = 'oidc:admin';
const UPLOADER = 'oidc:uploader';

let bench: GatewayBench;
let provider: IdentityProvider;
let gateway: TestGateway;

beforeAll(async () => {
  [bench, provider] = await Promise.all([startGatewayBench(), startIdentityProvider()]);
  putPartners(bench);
  bench.api.review('tokenreviews', () => ({ authenticated: false }));
  bench.allow(({ user, groups, resourceAttributes: { namespace, verb } }) => {
    if (groups.includes('system:masters')) return true;
    if (namespace !== NAMESPACE) return false;
    return user === ADMIN || ((user === UPLOADER || groups.includes('batchupload:partners')) && verb === 'create');
  });
  const { issuer } = provider;
  const oidc = { issuer, audience: AUDIENCE, userClaim: 'sub', groupsClaim: 'groups', prefix: 'oidc:' };
  gateway = await bench.start({ config: { oidc } });
});
afterAll(async () => {
  await bench?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

interface Sent {
  namespace?: string;
  path: '/files' | '/uploads';
  body: object;
  headers: Record<string, string>;
}

async function post({ namespace = NAMESPACE, path, body, headers }: Sent): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/namespaces/${namespace}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}

const PLACE = { name: 'people.csv', size: 1 };
const UPLOAD = { file: randomUUID(), schema: 'people' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** The headers of a request that a partner has signed. */
function signed(
  path: Sent['path'],
  body: object,
  { namespace = NAMESPACE, ...change }: Partial<Signing> & { namespace?: string } = {},
) {
  const url = new URL(`${gateway.url}/v1/namespaces/${namespace}${path}`);
  return sign({ method: 'POST', url, key: KEY, keyId: 'acme', body: JSON.stringify(body), ...change });
}

const forge = async (claims: JWTPayload, namespace = NAMESPACE) => ({
  headers: bearer(await provider.forge(claims)),
  namespace,
});

it.each<[string, number, (path: Sent['path'], body: object) => Promise<Partial<Sent>> | Partial<Sent>]>([
  ['no token', 401, () => ({ headers: {} })],
  ['an expired token', 401, () => forge({ sub: 'admin', exp: 1 })],
  ['a token of another audience', 401, () => forge({ sub: 'admin', aud: 'https://other.example.com' })],
  [
    'a token without a signature',
    401,
    () => ({
      headers: bearer(
        `${encode({ alg: 'none' })}.${encode({ iss: provider.issuer, aud: AUDIENCE, sub: 'admin', exp: 9999999999 })}.`,
      ),
    }),
  ],
  ['a token of another issuer', 401, () => forge({ sub: 'admin', iss: 'https://evil.example.com' })],
  ['a token that names a group of Kubernetes', 403, () => forge({ sub: 'mallory', groups: ['system:masters'] })],
  ['a token of a user without rights', 403, () => forge({ sub: 'mallory' })],
  ['a right token for another namespace', 403, () => forge({ sub: 'admin' }, OTHER_NAMESPACE)],
  ['a right token for a namespace without uploads', 404, () => forge({ sub: 'admin' }, 'kube-system')],
  ['a body that was changed after signing', 401, (path, body) => ({ headers: signed(path, { ...body, x: 1 }) })],
  [
    'a signature by a key of another namespace',
    401,
    (path, body) => ({ headers: signed(path, body, { key: 'a key of another acme, also long enough' }) }),
  ],
  [
    'a signature for another namespace',
    401,
    (path, body) => ({ headers: signed(path, body, { namespace: OTHER_NAMESPACE }) }),
  ],
  [
    'an Idempotency-Key that was not signed',
    401,
    (path, body) => ({ headers: { ...signed(path, body), 'idempotency-key': randomUUID() } }),
  ],
])('%s is answered %i, and makes nothing', async (_what, status, attack) => {
  for (const [path, body] of [
    ['/files', PLACE],
    ['/uploads', UPLOAD],
  ] as const) {
    const { headers = {}, ...rest } = await attack(path, body);
    expect([path, await post({ path, body, headers, ...rest })]).toEqual([path, status]);
  }
  await expectNothing();
});

it('a signed request that is sent again is answered 401, and makes nothing', async () => {
  const sent = { path: '/uploads', body: UPLOAD, headers: signed('/uploads', UPLOAD) } as const;
  // There is no such schema, and no such file.
  expect(await post(sent)).toBe(422);
  expect(await post(sent)).toBe(401);
  await expectNothing();
});

it.each([
  '../a.csv',
  'a/b.csv',
  'a\u0000.csv',
  '=1+1.csv',
  '+1.csv',
  '-1.csv',
  '@a.csv',
  '\ta.csv',
  '<b>.csv',
  'a".csv',
])('a file with the name %j is answered 422, and has no place', async (name) => {
  const headers = bearer(await provider.forge({ sub: 'uploader' }));
  expect(await post({ path: '/files', body: { name, size: 1 }, headers })).toBe(422);
  await expectNothing();
});

async function expectNothing(): Promise<void> {
  const tables = ['batch_upload_files', 'batch_upload_requests', 'batch_uploads'];
  const counts = await withClient(bench.databaseUrl, async (client) => {
    const found: unknown[] = [];
    for (const table of tables) found.push((await client.query(`SELECT FROM batch_upload.${table}`)).rowCount);
    return found;
  });
  expect([counts, bench.api.all('batchuploads')]).toEqual([[0, 0, 0], []]);
}
