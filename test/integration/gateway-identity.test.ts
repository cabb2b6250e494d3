/** Who may send requests: each row of the tables is an attack, or something that an honest sender gets wrong. */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  addProbe,
  type GatewayBench,
  NAMESPACE,
  OTHER_NAMESPACE,
  startGatewayBench,
  type TestGateway,
  TOKEN_AUDIENCE,
} from '#support/gateway/gateway.ts';
import { AUDIENCE, type IdentityProvider, startIdentityProvider } from '#support/gateway/identity-provider.ts';

let bench: GatewayBench;
let provider: IdentityProvider;
let gateway: TestGateway;

/** What the TokenReview of each token answers. */
const kubernetesTokens = new Map<string, object>();

beforeAll(async () => {
  // No test of tokens needs a database.
  bench = await startGatewayBench({ databaseUrl: 'postgres://nobody@127.0.0.1:1/nothing' });
  provider = await startIdentityProvider();
  bench.api.review('tokenreviews', ({ token, audiences }: { token: string; audiences: string[] }) => {
    const { for: of, ...user } = (kubernetesTokens.get(token) ?? {}) as { for?: string };
    if (of === undefined) return { authenticated: false };
    const shared = audiences.filter((audience) => audience === of);
    return shared.length > 0 ? { authenticated: true, audiences: shared, user } : { authenticated: false };
  });
  gateway = await bench.start({ config: oidcConfig(), extend: addProbe });
});
afterAll(async () => {
  await bench?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

const oidcConfig = (issuer = provider.issuer) => ({
  oidc: { issuer, audience: AUDIENCE, userClaim: 'sub', groupsClaim: 'groups', prefix: 'oidc:' },
});

async function call(headers: Record<string, string>, { at = gateway, namespace = NAMESPACE } = {}) {
  const response = await fetch(`${at.url}/v1/namespaces/${namespace}/probe`, { headers });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}
const bearer = (token: string, at?: TestGateway) => call({ authorization: `Bearer ${token}` }, at ? { at } : {});
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

describe('a token of the identity provider', () => {
  it('names its owner, with the prefix', async () => {
    const answer = await bearer(await provider.token({ groups: ['staff', 'system:masters'] }));
    expect(answer).toMatchObject({
      status: 200,
      body: {
        user: 'oidc:alice',
        groups: ['oidc:staff', 'oidc:system:masters'],
        proof: 'OpenIDConnect',
        namespace: null,
      },
    });
    expect(Math.abs((answer.body['expiresAt'] as number) - Date.now() - 600_000)).toBeLessThan(60_000);
  });

  it('is asked for its rights by that name alone', async () => {
    const asked: string[][] = [];
    bench.allow(({ user, groups }) => {
      asked.push([user, ...groups]);
      return false;
    });
    const answer = await bearer(await provider.token({ client: 'bob', groups: ['staff'] }));
    bench.allow(() => true);
    expect(answer).toMatchObject({ status: 403, body: { type: expect.stringMatching(/forbidden$/) } });
    expect(asked).toEqual([['oidc:bob', 'oidc:staff']]);
  });

  it('gets nothing from a group of Kubernetes that a claim names', async () => {
    bench.allow(({ user, groups }) => groups.includes('system:masters') || user === 'system:admin');
    const answers = [
      await bearer(await provider.forge({ sub: 'mallory', groups: ['system:masters'] })),
      await bearer(await provider.forge({ sub: 'system:admin' })),
    ];
    bench.allow(() => true);
    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
  });

  const soon = () => Math.floor(Date.now() / 1000) + 600;
  it.each<[string, () => string | Promise<string>, string]>([
    ['expired', () => provider.forge({ exp: soon() - 700 }), 'expired'],
    ['without an end', () => provider.forge({ exp: undefined as never }), 'claim exp'],
    ['whose end is a text', () => provider.forge({ exp: '9999999999' as never }), 'claim exp'],
    ['not valid yet', () => provider.forge({ nbf: soon() }), 'not valid yet'],
    ['issued in the future', () => provider.forge({ iat: soon() }), 'issued in the future'],
    ['for another service', () => provider.forge({ aud: 'https://other.example.com' }), 'another audience'],
    ['got for another service', () => provider.token({ audience: 'https://other.example.com' }), 'another audience'],
    ['without an audience', () => provider.forge({ aud: undefined as never }), 'another audience'],
    [
      'without a signature',
      () => `${encode({ alg: 'none' })}.${encode({ iss: provider.issuer, aud: AUDIENCE, sub: 'alice', exp: soon() })}.`,
      'not signed by an algorithm',
    ],
    ['signed with the public key as a secret', forgeByPublicKey, 'not signed by an algorithm'],
    ['signed with the key of another issuer', () => forgeByStranger({}), 'not signed by a key'],
    [
      'signed with the key of another issuer under a known id',
      () => forgeByStranger({ kid: 'key-1' }),
      'not signed by a key',
    ],
    ['that brings its own key', () => forgeByStranger({ kid: 'key-1', jwk: true }), 'not signed by a key'],
    ['that points to keys of its own', () => forgeByStranger({ kid: 'key-1', jku: true }), 'not signed by a key'],
    ['with an extension that nobody here knows', () => forgeByStranger({ crit: true }), 'not signed by a key'],
    ['whose type is no text', () => provider.forge({}, { typ: 5 as never }), 'another type'],
    ['that never ends', () => provider.forge({ exp: 1e300 }), 'never expires'],
    ['whose beginning is a text', () => provider.forge({ nbf: '0' as never }), 'not valid yet'],
    ['of which the issuer is a list', () => provider.forge({ iss: [provider.issuer] as never }), 'The API server'],
    ['with an audience that only contains ours', () => provider.forge({ aud: `${AUDIENCE}/x` }), 'another audience'],
    ['with an empty list of audiences', () => provider.forge({ aud: [] }), 'another audience'],
    ['that is a logout token', () => provider.forge({}, { typ: 'logout+jwt' }), 'another type'],
    ['whose payload was changed', changePayload, 'not signed by a key'],
    ['cut', async () => (await provider.forge()).slice(0, -5), 'not a valid JWT'],
    ['without a user', () => provider.forge({ sub: undefined as never }), 'no claim sub'],
    ['of a user with a control character', () => provider.forge({ sub: 'a\u0000b' }), 'control character'],
  ])('%s is refused', async (_what, token, why) => {
    const answer = await bearer(await token());
    expect(answer).toMatchObject({ status: 401, body: { detail: expect.stringContaining(why) } });
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
  });

  it('may be for several audiences, of which one is ours', async () => {
    expect(await bearer(await provider.forge({ aud: ['https://other.example.com', AUDIENCE] }))).toMatchObject({
      status: 200,
    });
  });

  it.each([
    ['a user', { sub: 'tem:admin' }],
    ['a group', { groups: ['tem:masters'] }],
  ])('is refused when the prefix makes %s of Kubernetes out of a claim', async (_what, claims) => {
    const careless = await bench.start({ config: { oidc: { ...oidcConfig().oidc, prefix: 'sys' } }, extend: addProbe });
    const answer = await bearer(await provider.forge(claims), careless);
    await careless.stop();
    expect(answer).toMatchObject({ status: 401, body: { detail: expect.stringContaining('begins with system:') } });
  });
});

async function forgeByPublicKey(): Promise<string> {
  const spki = await exportSPKI((await importJWK(await provider.publicKey(), 'RS256')) as CryptoKey);
  const text = `${encode({ alg: 'HS256', kid: 'key-1' })}.${encode({ iss: provider.issuer, aud: AUDIENCE, sub: 'alice', exp: 9999999999 })}`;
  return `${text}.${createHmac('sha256', spki).update(text).digest('base64url')}`;
}

interface Forged {
  kid?: string;
  /** Brings the key in the header. */
  jwk?: boolean;
  /** Names places with keys in the header. */
  jku?: boolean;
  /** Has an extension that must be understood. */
  crit?: boolean;
}

async function forgeByStranger({ kid = 'unknown', jwk = false, jku = false, crit = false }: Forged): Promise<string> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const header = {
    alg: 'RS256',
    kid,
    ...(jwk ? { jwk: await exportJWK(publicKey) } : {}),
    ...(jku ? { jku: 'https://evil.example.com/keys', x5u: 'https://evil.example.com/certificate' } : {}),
    ...(crit ? { crit: ['x'], x: 1 } : {}),
  };
  return new SignJWT({ iss: provider.issuer, aud: AUDIENCE, sub: 'alice', exp: 9999999999 })
    .setProtectedHeader(header)
    .sign(privateKey, { crit: { x: true } });
}

async function changePayload(): Promise<string> {
  const [header, , signature] = (await provider.forge()).split('.');
  return `${header}.${encode({ iss: provider.issuer, aud: AUDIENCE, sub: 'root', exp: 9999999999 })}.${signature}`;
}

describe('the keys of the identity provider', () => {
  it('are asked for once, also when many tokens have unknown keys', async () => {
    const fresh = await bench.start({ config: oidcConfig(), extend: addProbe });
    const before = provider.asked;
    const right = await provider.token();
    const stranger = await forgeByStranger({});
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => bearer(i % 2 === 0 ? right : stranger, fresh)),
    );
    await fresh.stop();
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    // The discovery document and the keys.
    expect(provider.asked - before).toBe(2);
  });

  it('may be away: then no token is right, none is wrong, and the answer says so', async () => {
    const right = await provider.token();
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const issuer = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
    await new Promise((resolve) => closed.close(resolve));
    const lonely = await bench.start({ config: oidcConfig(issuer), extend: addProbe });
    const away = await bearer(await provider.forge({ iss: issuer }), lonely);
    const stranger = await bearer(right, lonely);
    await lonely.stop();
    expect(away).toMatchObject({ status: 503, body: { detail: expect.stringContaining('ECONNREFUSED') } });
    expect(away.headers.get('retry-after')).toBe('5');
    expect(stranger.status).toBe(401);
  });

  it.each<[string, Parameters<IdentityProvider['answer']>[0], string]>([
    [
      'another issuer',
      (_request, response) => response.end('{"issuer":"https://evil.example.com"}'),
      'does not name the issuer',
    ],
    [
      'keys without TLS',
      (_request, response) =>
        response.end(JSON.stringify({ issuer: provider.issuer, jwks_uri: 'http://evil.example.com' })),
      'no jwks_uri',
    ],
    ['too much', (_request, response) => response.end('x'.repeat(600_000)), 'more than'],
    ['no JSON', (_request, response) => response.end('<html>'), 'not answer with a JSON object'],
    ['an error', (_request, response) => response.writeHead(500).end(), 'the status 500'],
    [
      'another address',
      (_request, response) => response.writeHead(302, { location: 'http://evil.example.com' }).end(),
      'the status 302',
    ],
  ])('are not taken from a provider that answers with %s', async (_what, answer, why) => {
    const fresh = await bench.start({ config: oidcConfig(), extend: addProbe });
    const token = await provider.token();
    provider.answer(answer);
    const refused = await bearer(token, fresh);
    provider.answer(null);
    await fresh.stop();
    expect(refused).toMatchObject({ status: 503, body: { detail: expect.stringContaining(why) } });
  });

  it('may change: a new one is found some seconds after the last look, without a new start', async () => {
    const now = Date.now;
    const later = (ms: number) => vi.spyOn(Date, 'now').mockImplementation(() => now() + ms);
    // The tests before may have taken longer than the time between two looks: this look is the last one.
    await provider.rotate();
    later(15_000);
    const before = await provider.token();
    expect(await bearer(before)).toMatchObject({ status: 200 });
    await provider.rotate();
    const after = await provider.token();
    expect(await bearer(after)).toMatchObject({ status: 401 });
    later(30_000);
    expect(await bearer(after)).toMatchObject({ status: 200 });
    expect(await bearer(before)).toMatchObject({ status: 401 });
    vi.restoreAllMocks();
  });
});

describe('a token of Kubernetes', () => {
  const account = {
    for: TOKEN_AUDIENCE,
    username: 'system:serviceaccount:n:loader',
    groups: ['system:serviceaccounts'],
    uid: '1',
    extra: { pod: ['p'] },
  };

  it('names whom the API server names, with all that it says', async () => {
    kubernetesTokens.set('right', account);
    const asked: object[] = [];
    bench.allow((spec) => {
      asked.push(spec);
      return true;
    });
    expect(await bearer('right')).toMatchObject({
      status: 200,
      body: { user: account.username, proof: 'TokenReview' },
    });
    expect(asked).toMatchObject([{ user: account.username, uid: '1', extra: { pod: ['p'] } }]);
    bench.allow(() => true);
  });

  it.each<[string, object | undefined]>([
    ['of another audience', { ...account, for: 'https://kubernetes.default.svc' }],
    ['of another service', { ...account, for: 'vault' }],
    ['that the API server does not know', undefined],
    ['of a user that only the gateway names', { ...account, username: 'batchupload:partner:n:acme' }],
  ])('%s is refused', async (what, given) => {
    const token = what.replaceAll(' ', '-');
    if (given) kubernetesTokens.set(token, given);
    expect(await bearer(token)).toMatchObject({ status: 401 });
  });

  it('is refused where no audience is configured', async () => {
    const strict = await bench.start({ config: { ...oidcConfig(), tokenAudience: null }, extend: addProbe });
    const answer = await bearer('right', strict);
    await strict.stop();
    expect(answer).toMatchObject({ status: 401, body: { detail: expect.stringContaining(provider.issuer) } });
  });

  it.each([
    ['away', 500, 'InternalError', 'cannot be asked'],
    ['without the gateway’s right', 403, 'Forbidden', 'may not create tokenreviews'],
  ])('waits for an API server that is %s', async (_what, code, reason, why) => {
    const heal = bench.api.refuse(({ plural }) => plural === 'tokenreviews', code, reason);
    const answer = await bearer(`unknown-${code}`);
    heal();
    expect(answer).toMatchObject({ status: 503, body: { detail: expect.stringContaining(why) } });
  });

  it('of the provider’s shape, but another issuer, goes to the API server', async () => {
    const token = await provider.forge({ iss: 'https://kubernetes.default.svc' });
    expect(await bearer(token)).toMatchObject({
      status: 401,
      body: { detail: expect.stringContaining('The API server') },
    });
  });
});

describe('a request', () => {
  it('without a proof is told which ones there are', async () => {
    const answer = await call({});
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="batch-upload"');
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body['detail']).toMatch(/issuer|bearer token of http.*Kubernetes.*message signature/);
  });

  it.each<[string, Record<string, string>]>([
    ['a password', { authorization: 'Basic YTpi' }],
    ['an empty token', { authorization: 'Bearer ' }],
    ['a token with blanks', { authorization: 'Bearer a b' }],
    ['a token of another scheme', { authorization: 'DPoP abc' }],
    ['the name of a user', { 'x-remote-user': 'admin', 'impersonate-user': 'admin' }],
  ])('with %s is refused', async (_what, headers) => {
    expect(await call(headers)).toMatchObject({ status: 401 });
  });

  it('with two proofs is refused, also when one is right', async () => {
    kubernetesTokens.set('right', { for: TOKEN_AUDIENCE, username: 'a' });
    const authorization = 'Bearer right';
    expect(await call({ authorization })).toMatchObject({ status: 200 });
    const why = { detail: expect.stringContaining('more than one proof') };
    expect(await call({ authorization, signature: 's=:AA==:' })).toMatchObject({ status: 401, body: why });
    expect(await call({ authorization, 'signature-input': 's=()' })).toMatchObject({ status: 401, body: why });
  });

  it('learns nothing about a namespace before its sender is known', async () => {
    expect(await call({}, { namespace: 'kube-system' })).toMatchObject({ status: 401 });
    const elsewhere = await call({ authorization: 'Bearer right' }, { namespace: 'kube-system' });
    expect(elsewhere).toMatchObject({
      status: 404,
      body: { detail: expect.stringMatching(/^Uploads are not enabled in the namespace kube-system\. Check the path/) },
    });
    // The other tenants of the gateway are nobody's business.
    expect(elsewhere.body['detail']).not.toContain(OTHER_NAMESPACE);
  });

  it('gets an answer that no cache between keeps, with whatever proof it came', async () => {
    kubernetesTokens.set('right', { for: TOKEN_AUDIENCE, username: 'a' });
    for (const headers of [{ authorization: 'Bearer right' }, { authorization: 'Bearer wrong' }]) {
      expect((await call(headers)).headers.get('cache-control')).toBe('no-store');
    }
  });
});
