/** Who is who by a session of the staff page: each row of the tables is an attack, or what an honest person meets. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '#common/clock.ts';
import { createKubeClient } from '#kube/client.ts';
import { EndedSessions } from '#operator/gateway/session/ended-sessions.ts';
import { EventReader } from '#support/gateway/event-reader.ts';
import { soon } from '#support/gateway/file-steps.ts';
import { addProbe } from '#support/gateway/gateway.ts';
import { PAGE_CLIENT } from '#support/gateway/identity-provider.ts';
import { createJar, type Jar } from '#support/page/cookie-jar.ts';
import {
  beginSignIn,
  NAMESPACE,
  OTHER_NAMESPACE,
  type SignedIn,
  startPage,
  type TestPage,
} from '#support/page/start-page.ts';
import { FakeClock } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

const SESSION = '__Host-batch-upload-session';
const LOGIN = '__Host-batch-upload-login';
const PROBE = `/v1/namespaces/${NAMESPACE}/probe`;

let page: TestPage;
beforeAll(async () => {
  page = await startPage({ postgres: null, storage: null, gateway: { extend: addProbe } });
});
afterAll(() => page?.[Symbol.asyncDispose]());
afterEach(() => {
  page.provider.answer(null);
  page.bench.allow(() => true);
});

const cookieOf = (jar: Jar) => jar.of('localhost').get(SESSION)!;
const withCookie = (value: string, headers: Record<string, string> = {}, name = SESSION) =>
  fetch(`${page.origin}${PROBE}`, { headers: { cookie: `${name}=${value}`, ...headers } });
const answerOf = async (response: Response) => ({
  status: response.status,
  ...((await response.json()) as { type?: string; detail?: string; user?: string }),
});
/** Begins to sign in. @returns the callback, which was not asked for yet */
const begin = (user: string, jar: Jar, to?: string) =>
  beginSignIn({ origin: page.origin, page: page.origin, user, jar, ...(to === undefined ? {} : { to }) });

describe('a person who has signed in', () => {
  it('is the user of the provider, with the groups, for the API', async () => {
    page.provider.people.set('alice', { name: 'Alice A.', groups: ['staff', 'system:masters'] });
    const alice = await page.signIn('alice');
    expect(alice).toMatchObject({ user: 'oidc:alice', displayName: 'Alice A.' });
    const answer = await alice.call('POST', PROBE, { body: { a: 1 } });
    expect(await answerOf(answer)).toMatchObject({
      status: 200,
      user: 'oidc:alice',
      groups: ['oidc:staff', 'oidc:system:masters'],
      proof: 'Session',
      body: { a: 1 },
    });
  });

  it('is told the namespaces in which anything is open to the person', async () => {
    page.bench.allow(({ user, groups, resourceAttributes: { namespace, verb, subresource } }) => {
      if (user !== 'oidc:carol' || !groups.includes('oidc:errors')) return false;
      return namespace === OTHER_NAMESPACE && (verb === 'create' || subresource === 'errors');
    });
    page.provider.people.set('carol', { groups: ['errors'] });
    const carol = await page.signIn('carol');
    expect(carol.namespaces).toEqual([{ name: OTHER_NAMESPACE, mayUpload: true, mayList: false, mayReadErrors: true }]);
    expect(Date.parse(carol.expiresAt) - Date.now()).toBeGreaterThan(7.9 * 3_600_000);
  });

  it('gets back to where the sign-in began', async () => {
    const jar = createJar();
    const done = await jar.fetch(await begin('alice', jar, '/page/n/uploads/a?x=1#top'));
    expect([done.status, done.headers.get('location')]).toEqual([303, '/page/n/uploads/a?x=1#top']);
    expect(done.headers.get('cache-control')).toBe('no-store');
  });

  it('gets a cookie that no script reads, that goes nowhere else and that ends with the browser', async () => {
    const jar = createJar();
    const done = await jar.fetch(await begin('alice', jar));
    const line = done.headers.getSetCookie().find((each) => each.startsWith(`${SESSION}=1~`))!;
    expect(line.split('; ').slice(1)).toEqual(['Path=/', 'Secure', 'HttpOnly', 'SameSite=Lax']);
    expect(line).not.toContain('alice');
  });

  it('stays who he is in the name that is shown, whatever the name holds', async () => {
    page.provider.people.set('eve', { name: '\u202e<script>alert(1)</script>\n'.repeat(20) });
    const { displayName, user } = await page.signIn('eve');
    expect(user).toBe('oidc:eve');
    expect(displayName).toHaveLength(100);
    expect(displayName).not.toMatch(/[\u202e\n]/);
  });

  it('may be a member of many groups', async () => {
    const groups = Array.from({ length: 100 }, (_, i) => `group-${i}-${Math.sin(i)}-${Math.cos(i)}-${Math.tan(i)}`);
    page.provider.people.set('many', { groups });
    const many = await page.signIn('many');
    expect([...many.jar.of('localhost').keys()].filter((name) => name.startsWith(SESSION)).length).toBeGreaterThan(1);
    const answer = await answerOf(await many.call('GET', PROBE));
    expect(answer).toMatchObject({ status: 200, groups: groups.map((group) => `oidc:${group}`) });
    // A shorter session leaves no part of the longer one behind.
    page.provider.people.set('many', { groups: [] });
    const again = await page.signIn('many', { jar: many.jar });
    expect(await answerOf(await again.call('GET', PROBE))).toMatchObject({ status: 200, groups: [] });
  });

  it.each([
    ['300 groups', { groups: Array.from({ length: 300 }, (_, i) => `g${i}`) }, 'more than 100 groups'],
    [
      'groups whose names do not fit into cookies',
      {
        groups: Array.from(
          { length: 100 },
          (_, i) => [...crypto.getRandomValues(new Uint8Array(120))].join('').slice(0, 240) + i,
        ),
      },
      'so many groups',
    ],
    ['groups that are no names', { groups: [{ a: 1 }] }, 'not a list of names'],
    ['a name with invisible characters', { groups: ['a\u202eb'] }, 'a control character or an invisible one'],
  ])('with %s is refused in words', async (_, claims, why) => {
    page.provider.people.set('big', claims);
    const jar = createJar();
    const done = await jar.fetch(await begin('big', jar));
    expect(done.status).toBe(403);
    expect(await done.text()).toContain(why);
    expect(cookieOf(jar)).toBeUndefined();
  });
});

describe('a cookie is no proof', () => {
  let alice: SignedIn;
  beforeAll(async () => {
    alice = await page.signIn('alice');
  });
  const change = (text: string, at: number) =>
    `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;

  it.each<[string, (cookie: string) => string]>([
    ['with another character at its end', (cookie) => change(cookie, cookie.length - 3)],
    ['with another character in its middle', (cookie) => change(cookie, Math.floor(cookie.length / 2))],
    ['with another head', (cookie) => change(cookie, 8)],
    ['that was cut', (cookie) => cookie.slice(0, -10)],
    ['of which only the head is there', (cookie) => cookie.slice(0, 2)],
    ['that lacks its second part', (cookie) => `2${cookie.slice(1)}`],
    ['that says it has nine parts', (cookie) => `9${cookie.slice(1)}`],
    ['that is empty', () => ''],
    ['that is no cookie of ours', () => 'alice'],
    ['in clear', () => `1~${Buffer.from(JSON.stringify({ user: 'oidc:alice' })).toString('base64url')}`],
    ['without encryption', () => `1~${Buffer.from('{"alg":"none"}').toString('base64url')}....`],
  ])('%s', async (_, forge) => {
    const answer = await answerOf(await withCookie(forge(cookieOf(alice.jar))));
    expect(answer).toMatchObject({ status: 401, type: expect.stringMatching(/unauthenticated$/) });
  });

  it('of a sign-in that has begun', async () => {
    const jar = createJar();
    await begin('alice', jar);
    const login = jar.of('localhost').get(LOGIN)!;
    expect((await withCookie(login)).status).toBe(401);
  });

  it.each([
    ['with another key', { secret: 'x'.repeat(48) }],
    ['for another origin', { settings: { origin: 'http://localhost:1' } }],
    ['whose users have another prefix', { prefix: 'other:' }],
  ])(
    'of another gateway %s',
    async (_, { secret, settings, prefix }: { secret?: string; settings?: object; prefix?: string }) => {
      const other = await page.startReplica({
        extend: addProbe,
        config: {
          page: { ...page.settings, ...settings, ...(secret ? { secretFolder: await page.makeSecret(secret) } : {}) },
          ...(prefix ? { oidc: { ...page.oidc, prefix } } : {}),
        },
      });
      const answer = await fetch(`${other.url}${PROBE}`, { headers: { cookie: alice.cookie } });
      await other.stop();
      expect(answer.status).toBe(401);
    },
  );

  it('twice in one request', async () => {
    const mallory = await page.signIn('mallory');
    const both = `${SESSION}=${cookieOf(mallory.jar)}; ${SESSION}=${cookieOf(alice.jar)}`;
    const answer = await answerOf(await fetch(`${page.origin}${PROBE}`, { headers: { cookie: both } }));
    expect(answer).toMatchObject({ status: 401, detail: expect.stringContaining('more than once') });
  });

  it.each([
    ['a bearer token', { authorization: 'Bearer a' }],
    ['a signature', { signature: 'a=:a:', 'signature-input': 'a=()' }],
  ])('beside %s', async (_, headers) => {
    const answer = await answerOf(await withCookie(cookieOf(alice.jar), headers as Record<string, string>));
    expect(answer).toMatchObject({ status: 401, detail: expect.stringContaining('more than one proof') });
  });

  it('is named among the proofs where there is none', async () => {
    const answer = await answerOf(await fetch(`${page.origin}${PROBE}`));
    expect(answer).toMatchObject({ status: 401, detail: expect.stringContaining(`signed in at ${page.origin}/page/`) });
  });

  it('of a person who lost the right', async () => {
    page.bench.allow(() => false);
    const bob = await page.signIn('bob');
    expect(bob.namespaces).toEqual([]);
    expect((await bob.call('GET', PROBE)).status).toBe(403);
  });

  it('where the page is off', async () => {
    const off = await page.startReplica({ extend: addProbe, config: { page: null } });
    const answers = [
      await fetch(`${off.url}${PROBE}`, { headers: { cookie: alice.cookie } }),
      await fetch(`${off.url}/page/session`, { headers: { cookie: alice.cookie } }),
    ];
    await off.stop();
    expect(answers.map(({ status }) => status)).toEqual([401, 404]);
  });
});

describe('a page of another site', () => {
  let alice: SignedIn;
  let bob: SignedIn;
  beforeAll(async () => {
    [alice, bob] = [await page.signIn('alice'), await page.signIn('bob')];
  });

  it.each<[string, () => Record<string, string>, number]>([
    ['without the token', () => ({ 'x-csrf-token': '' }), 403],
    ['with the token of another session', () => ({ 'x-csrf-token': bob.csrf }), 403],
    ['with a token of another length', () => ({ 'x-csrf-token': `${alice.csrf}a` }), 403],
    ['with another origin', () => ({ origin: 'https://evil.example.com' }), 403],
    ['with the origin null', () => ({ origin: 'null' }), 403],
    ['with an origin that begins like ours', () => ({ origin: `${page.origin}.evil.example.com` }), 403],
    ['as the browser says', () => ({ 'sec-fetch-site': 'cross-site' }), 401],
    ['of the same domain, as the browser says', () => ({ 'sec-fetch-site': 'same-site' }), 401],
    ['opened by hand', () => ({ 'sec-fetch-site': 'none' }), 403],
  ])('changes nothing %s', async (_, headers, status) => {
    const answer = await answerOf(await alice.call('POST', PROBE, { body: {}, headers: headers() }));
    expect(answer).toMatchObject({ status, detail: expect.stringMatching(/\.$/) });
    expect(answer.user).toBeUndefined();
  });

  it.each(['cross-site', 'same-site'])('reads nothing (%s)', async (site) => {
    const headers = { 'sec-fetch-site': site };
    expect((await alice.call('GET', PROBE, { headers })).status).toBe(401);
    const session = await alice.call('GET', '/page/session', { headers });
    expect(session.status).toBe(401);
    expect(await session.text()).not.toContain(alice.csrf);
  });

  it.each(['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=a'])(
    'sends no form to the API (%s)',
    async (type) => {
      const body = `csrf=${alice.csrf}`;
      const headers = { cookie: alice.cookie, 'content-type': type, 'x-csrf-token': alice.csrf };
      const answer = await fetch(`${page.origin}${PROBE}`, { method: 'POST', body, headers });
      expect(answer.status).toBe(415);
    },
  );

  it('signs nobody out, also where the browser keeps the cookie back', async () => {
    for (const cookie of [alice.cookie, '']) {
      const answer = await fetch(`${page.origin}/page/logout`, {
        method: 'POST',
        headers: { origin: 'https://evil.example.com', 'sec-fetch-site': 'cross-site', ...(cookie ? { cookie } : {}) },
        body: new URLSearchParams({ csrf: '' }),
      });
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []]);
    }
    expect((await alice.call('GET', PROBE)).status).toBe(200);
  });

  it('may not use the session where it may call the API with a token', async () => {
    const origin = 'https://staff.example.com';
    const replica = await page.startReplica({ extend: addProbe, config: { allowedOrigins: [origin] } });
    const preflight = await fetch(`${replica.url}${PROBE}`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-csrf-token' },
    });
    // An old browser that says nothing of sites still sends the origin of the page.
    const headers = { cookie: alice.cookie, origin, 'x-csrf-token': alice.csrf, 'content-type': 'application/json' };
    const answer = await fetch(`${replica.url}${PROBE}`, { method: 'POST', headers, body: '{}' });
    await replica.stop();
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
    expect(preflight.headers.get('access-control-allow-headers')!.toLowerCase()).not.toContain('x-csrf-token');
    expect(answer.status).toBe(403);
  });

  it('gets no answer that its script may read', async () => {
    const answer = await alice.call('GET', '/page/session', { headers: { origin: 'https://evil.example.com' } });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.headers.get('cross-origin-resource-policy')).toBe('same-origin');
  });
});

describe('a session that was signed out', () => {
  const signOut = (person: SignedIn) => person.call('POST', '/page/logout');

  it('is over at this replica at once, and the browser forgets it', async () => {
    const alice = await page.signIn('alice');
    const answer = await signOut(alice);
    expect(answer.status).toBe(200);
    expect(answer.headers.getSetCookie()[0]).toMatch(new RegExp(`^${SESSION}=; .*Max-Age=0`));
    const { to } = (await answer.json()) as { to: string };
    expect(new URL(to).origin).toBe(page.provider.issuer);
    expect(new URL(to).searchParams.get('post_logout_redirect_uri')).toBe(`${page.origin}/page/signed-out`);
    expect(await answerOf(await alice.call('GET', PROBE))).toMatchObject({
      status: 401,
      detail: 'The session was signed out. Sign in again.',
    });
    expect((await alice.call('GET', '/page/session')).status).toBe(401);
    // Who signs out twice is signed out.
    expect((await signOut(alice)).status).toBe(200);
  });

  it('is over at another replica, and at one that starts later', async () => {
    const replica = await page.startReplica({ extend: addProbe });
    const alice = await page.signIn('alice');
    const ask = (url: string) => fetch(`${url}${PROBE}`, { headers: { cookie: alice.cookie } });
    expect((await ask(replica.url)).status).toBe(200);
    await signOut(alice);
    await soon(async () => expect((await ask(replica.url)).status).toBe(401));
    const later = await page.startReplica({ extend: addProbe });
    expect((await ask(later.url)).status).toBe(401);
    await Promise.all([replica.stop(), later.stop()]);
  });

  it('ends the watches that it has opened, at each replica', async () => {
    const replica = await page.startReplica();
    const alice = await page.signIn('alice');
    const readers = await Promise.all(
      [page.origin, replica.url].map(async (url) => {
        const path = `/v1/namespaces/${NAMESPACE}/uploads/watch`;
        return new EventReader(await fetch(`${url}${path}`, { headers: { cookie: alice.cookie } }));
      }),
    );
    await Promise.all(readers.map((reader) => reader.until('synced')));
    await signOut(alice);
    for (const reader of readers) {
      const events = await reader.until('end');
      expect(events.at(-1)!.data).toMatchObject({
        reason: 'TokenExpired',
        message: expect.stringContaining('signed out'),
      });
      expect(await reader.next()).toBeNull();
    }
    await replica.stop();
  });

  it('stays over when the list of ended sessions loses it', async () => {
    const alice = await page.signIn('alice');
    await signOut(alice);
    const { namespace, name } = page.settings.endedSessions;
    page.api.put('configmaps', { metadata: { namespace, name }, data: {} });
    expect((await alice.call('GET', PROBE)).status).toBe(401);
  });

  it('goes on, and says so, when its end cannot be stored', async () => {
    const alice = await page.signIn('alice');
    const stop = page.api.refuse(
      ({ plural, method }) => plural === 'configmaps' && method === 'PATCH',
      500,
      'InternalError',
    );
    const script = await signOut(alice);
    const form = await fetch(`${page.origin}/page/logout`, {
      method: 'POST',
      headers: { cookie: alice.cookie },
      body: new URLSearchParams({ csrf: alice.csrf }),
    });
    stop();
    expect(await answerOf(script)).toMatchObject({ status: 503, detail: expect.stringContaining('ConfigMap') });
    expect([form.status, await form.text()]).toEqual([503, expect.stringContaining('You are still signed in')]);
    expect(form.headers.getSetCookie()).toEqual([]);
    expect((await alice.call('GET', PROBE)).status).toBe(200);
  });

  it('is signed out by a form too, which leads to a page of ours', async () => {
    const alice = await page.signIn('alice');
    const body = new URLSearchParams({ csrf: alice.csrf });
    const headers = { cookie: alice.cookie, origin: page.origin, 'sec-fetch-site': 'same-origin' };
    const answer = await fetch(`${page.origin}/page/logout`, { method: 'POST', body, headers, redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/page/signed-out']);
    expect((await alice.call('GET', PROBE)).status).toBe(401);
    const shown = await (
      await fetch(`${page.origin}/page/signed-out`, { headers: { 'accept-language': 'es-MX' } })
    ).text();
    expect(shown).toContain('Ha cerrado la sesión');
    expect(shown).toContain(`href="${page.provider.issuer}/session/end?`);
  });

  it('is not a form without its token', async () => {
    const alice = await page.signIn('alice');
    const headers = { cookie: alice.cookie, origin: page.origin };
    for (const body of ['', 'csrf=a', `csrf=${alice.csrf}&csrf=${alice.csrf}`]) {
      const answer = await fetch(`${page.origin}/page/logout`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
        body,
      });
      expect([answer.status, await answer.text()]).toEqual([
        403,
        expect.stringContaining('belongs to another session'),
      ]);
    }
    expect((await alice.call('GET', PROBE)).status).toBe(200);
  });

  it('ends when the same browser signs in anew', async () => {
    const alice = await page.signIn('alice');
    const before = alice.cookie;
    const again = await page.signIn('alice', { jar: alice.jar });
    expect(again.csrf).not.toBe(alice.csrf);
    expect((await fetch(`${page.origin}${PROBE}`, { headers: { cookie: before } })).status).toBe(401);
    expect((await again.call('GET', PROBE)).status).toBe(200);
  });
});

describe('signing in', () => {
  it('fails in a browser that did not begin it', async () => {
    const [mallory, victim] = [createJar(), createJar()];
    const callback = await begin('mallory', mallory);
    // The victim has begun to sign in, too.
    await begin('alice', victim);
    for (const jar of [createJar(), victim]) {
      const answer = await jar.fetch(callback);
      expect([answer.status, await answer.text()]).toEqual([
        400,
        expect.stringContaining('did not begin in this browser'),
      ]);
      expect(cookieOf(jar)).toBeUndefined();
    }
  });

  it.each([
    ['a state that is not the one that began', (url: URL) => url.searchParams.set('state', 'another')],
    ['no state', (url: URL) => url.searchParams.delete('state')],
    ['two states', (url: URL) => url.searchParams.append('state', 'another')],
    ['a code that the provider never gave', (url: URL) => url.searchParams.set('code', 'made-up')],
    ['the answer of another provider', (url: URL) => url.searchParams.set('iss', 'https://evil.example.com')],
  ])('fails with %s', async (_, forge) => {
    const jar = createJar();
    const callback = await begin('alice', jar);
    forge(callback);
    const answer = await jar.fetch(callback);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('You are not signed in');
    expect(cookieOf(jar)).toBeUndefined();
  });

  it('works once: the same answer of the provider again is refused', async () => {
    const jar = createJar();
    const callback = await begin('alice', jar);
    const before = new Map(jar.of('localhost'));
    expect((await jar.fetch(callback)).status).toBe(303);
    expect((await jar.fetch(callback)).status).toBe(400);
    // Also in a browser that has kept what belongs to the sign-in.
    const thief = createJar();
    for (const [name, value] of before) thief.of('localhost').set(name, value);
    const replayed = await thief.fetch(callback);
    expect([replayed.status, await replayed.text()]).toEqual([400, expect.stringContaining('used already')]);
    expect(cookieOf(thief)).toBeUndefined();
  });

  it('works in several tabs at the same time', async () => {
    const jar = createJar();
    const callbacks = [await begin('alice', jar, '/page/a'), await begin('alice', jar, '/page/b')];
    const answers = [await jar.fetch(callbacks[0]!), await jar.fetch(callbacks[1]!)];
    expect(answers.map((each) => each.headers.get('location'))).toEqual(['/page/a', '/page/b']);
  });

  it('gives every session an id and a token of its own, also where a cookie was planted', async () => {
    const mallory = await page.signIn('mallory');
    const victim = createJar();
    victim.of('localhost').set(SESSION, cookieOf(mallory.jar));
    const alice = await page.signIn('alice', { jar: victim });
    expect(alice.user).toBe('oidc:alice');
    expect(cookieOf(victim)).not.toBe(cookieOf(mallory.jar));
    expect(alice.csrf).not.toBe(mallory.csrf);
    // The planted session has ended, so that its owner has nothing of it.
    expect((await mallory.call('GET', PROBE)).status).toBe(401);
  });

  const tokenClaims = (nonce: string | undefined) => ({
    aud: PAGE_CLIENT.id,
    sub: 'alice',
    iat: Math.floor(Date.now() / 1000),
    nonce,
  });
  it.each<[string, (nonce: string) => Promise<string>]>([
    ['another nonce', () => page.provider.forge(tokenClaims('another'))],
    ['no nonce', () => page.provider.forge(tokenClaims(undefined))],
    ['another audience', (nonce) => page.provider.forge({ ...tokenClaims(nonce), aud: 'another' })],
    ['another issuer', (nonce) => page.provider.forge({ ...tokenClaims(nonce), iss: 'https://evil.example.com' })],
    ['an end in the past', (nonce) => page.provider.forge({ ...tokenClaims(nonce), exp: 1_000_000 })],
    ['a signature of another key', (nonce) => forgeByStranger(tokenClaims(nonce))],
    [
      'no signature',
      async (nonce) =>
        `${encode({ alg: 'none' })}.${encode({ iss: page.provider.issuer, exp: 9e9, ...tokenClaims(nonce) })}.`,
    ],
  ])('fails with an ID token that has %s', async (_, forge) => {
    const jar = createJar();
    let nonce = '';
    page.provider.answer((request, response, provider) => {
      const url = new URL(request.url!, page.provider.issuer);
      nonce ||= url.searchParams.get('nonce') ?? '';
      if (url.pathname !== '/token') return provider();
      void forge(nonce).then((token) =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ access_token: 'a', token_type: 'bearer', id_token: token })),
      );
    });
    const answer = await jar.fetch(await begin('alice', jar));
    expect([answer.status, await answer.text()]).toEqual([
      400,
      expect.stringContaining('does not belong to this sign-in'),
    ]);
    expect(cookieOf(jar)).toBeUndefined();
  });

  async function forgeByStranger(claims: object) {
    const { privateKey } = await generateKeyPair('RS256');
    return new SignJWT({ iss: page.provider.issuer, exp: 9e9, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'key-1' })
      .sign(privateKey);
  }
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

  it('says that the provider refused, and why nothing happened', async () => {
    const jar = createJar();
    const callback = await begin('', jar);
    const answer = await jar.fetch(callback);
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('did not sign you in')]);
  });

  it.each([
    ['does not answer in time for its tokens', 500, '/token'],
    ['has an error', 503, '/token'],
  ])('says that the provider %s', async (_, status, path) => {
    const jar = createJar();
    const callback = await begin('alice', jar, '/page/n/new');
    page.provider.answer((request, response, provider) =>
      request.url === path ? void response.writeHead(status).end() : provider(),
    );
    const answer = await jar.fetch(callback);
    const text = await answer.text();
    expect([answer.status, text]).toEqual([503, expect.stringContaining('cannot reach')]);
    expect(text).toContain('href="/page/login?to=%2Fpage%2Fn%2Fnew"');
  });

  it('says that the provider is away, and works again when it is back', async () => {
    const server = createServer((_request, response) => response.writeHead(503).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const replica = await page.startReplica({ config: { oidc: { ...page.oidc, issuer } } });
    const answer = await fetch(`${replica.url}/page/login?to=/page/n`, { redirect: 'manual' });
    const text = await answer.text();
    await replica.stop();
    server.close();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(text).toContain(`cannot reach ${new URL(issuer).host}`);
    expect(text).toContain('href="/page/login?to=%2Fpage%2Fn"');
  });

  it.each([
    ['says nothing of ways', undefined, 'header'],
    ['takes both ways', ['client_secret_post', 'client_secret_basic'], 'header'],
    ['takes the secret in the body alone', ['client_secret_post'], 'body'],
  ])('proves the client in the way that the provider takes: one that %s', async (_, methods, way) => {
    const seen: { header: string; body: string }[] = [];
    page.provider.answer(async (request, response, provider) => {
      const { issuer } = page.provider;
      if (request.url === '/token') {
        const body = Buffer.concat(await request.toArray()).toString();
        seen.push({ header: request.headers.authorization ?? '', body });
        return void response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}');
      }
      if (!request.url?.startsWith('/.well-known')) return provider();
      const document = {
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        token_endpoint_auth_methods_supported: methods,
      };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    });
    const replica = await page.startReplica();
    const jar = createJar();
    const callback = await beginSignIn({ origin: replica.url, page: page.origin, user: 'alice', jar });
    expect((await jar.fetch(callback.href.replace(page.origin, replica.url))).status).toBe(400);
    await replica.stop();
    expect(seen).toHaveLength(1);
    const { header, body } = seen[0]!;
    expect([header.startsWith('Basic '), body.includes('client_secret=')]).toEqual([way === 'header', way === 'body']);
    expect(body).toContain('code_verifier=');
  });

  it.each<[string, (document: Record<string, unknown>) => void]>([
    ['names another issuer', (document) => Object.assign(document, { issuer: 'https://evil.example.com' })],
    [
      'leads browsers to a script',
      (document) => Object.assign(document, { authorization_endpoint: 'javascript:alert(1)' }),
    ],
    ['has no place to sign in', (document) => void delete document['authorization_endpoint']],
    ['says more than any provider does', (document) => Object.assign(document, { x: 'x'.repeat(600_000) })],
  ])('leads nobody to a provider that %s', async (_, spoil) => {
    page.provider.answer((_request, response) => {
      const { issuer } = page.provider;
      const document = { issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token` };
      spoil(document);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    });
    const replica = await page.startReplica();
    const answer = await fetch(`${replica.url}/page/login`, { redirect: 'manual' });
    await replica.stop();
    expect([answer.status, answer.headers.get('location')]).toEqual([503, null]);
  });

  it.each([
    '//evil.example.com',
    '/\\evil.example.com',
    'https://evil.example.com',
    '/page/../../x',
    '/page/%2e%2e/x',
    '/page/\n//evil',
    'javascript:alert(1)',
  ])('leads to no other place: %j', async (to) => {
    const jar = createJar();
    const answer = await jar.fetch(await begin('alice', jar, to));
    expect(answer.headers.get('location')).toBe('/page/');
  });
});

describe('the list of ended sessions', () => {
  const openList = async (
    name: string,
    { clock = systemClock, mostEntries }: { clock?: Clock; mostEntries?: number } = {},
  ) => {
    const place = { namespace: 'system', name };
    const client = createKubeClient({ access: page.api.access, userAgent: 'test' });
    const log = createRecordingLog();
    const list = new EndedSessions({ client, clock, log, place, ...(mostEntries ? { mostEntries } : {}) });
    const stop = new AbortController();
    const running = list.run(stop.signal);
    await list.reflector.synced;
    const close = async () => {
      stop.abort();
      await running;
      await client.close();
    };
    const stored = () => page.api.get('configmaps', 'system', name)?.['data'] as Record<string, string>;
    return { list, close, stored, log };
  };
  const HOUR = 3_600_000;

  it('ends all sessions rather than let one come back when it is full', async () => {
    page.api.put('configmaps', { metadata: { namespace: 'system', name: 'full' } });
    const { list, close, stored, log } = await openList('full', { mostEntries: 3 });
    const other = await openList('full');
    const from = Date.now() - 1_000;
    const sessions = Array.from({ length: 4 }, (_, i) => ({ id: `s${i}`, issuedAt: from, expiresAt: from + HOUR }));
    for (const session of sessions) {
      await list.add(session);
      await soon(() => expect(other.list.has(session)).toBe(true));
    }
    expect(Object.keys(stored()).toSorted()).toEqual(['before', 's3']);
    for (const { list: each } of [{ list }, other]) {
      for (const session of sessions) expect(each.has(session)).toBe(true);
      expect(each.has({ id: 'another', issuedAt: from })).toBe(true);
      expect(each.has({ id: 'later', issuedAt: Date.now() + 1_000 })).toBe(false);
    }
    expect(log.entries.at(-1)).toMatchObject({
      message: 'the list of ended sessions is full: every session ends now, and all people sign in again',
    });
    await Promise.all([close(), other.close()]);
  });

  it('loses what would have expired anyway', async () => {
    const clock = new FakeClock(Date.now());
    const seconds = (ms: number) => String(Math.ceil(ms / 1000));
    const data = {
      old: seconds(clock.now() + 60_000),
      young: seconds(clock.now() + HOUR),
      before: '2026-01-01T00:00:00Z',
    };
    page.api.put('configmaps', { metadata: { namespace: 'system', name: 'old' }, data });
    const { list, close, stored } = await openList('old', { clock });
    expect(list.has({ id: 'old', issuedAt: clock.now() })).toBe(true);
    await clock.advance(600_000);
    await soon(() => expect(Object.keys(stored()).toSorted()).toEqual(['before', 'young']));
    expect(list.has({ id: 'young', issuedAt: clock.now() })).toBe(true);
    await close();
  });

  it('says which time it cannot read', async () => {
    page.api.put('configmaps', { metadata: { namespace: 'system', name: 'bad' }, data: { before: 'yesterday' } });
    const { list, close, log } = await openList('bad');
    expect(list.has({ id: 'a', issuedAt: 0 })).toBe(false);
    expect(log.entries[0]).toMatchObject({
      level: 'error',
      message: 'the entry `before` of the ended sessions is no time and ends none: write it as 2026-01-31T12:00:00Z',
    });
    await close();
  });

  it('is needed: without it no session is a proof', async () => {
    const endedSessions = { namespace: 'system', name: 'another' };
    const replica = await page.startReplica({
      extend: addProbe,
      config: { page: { ...page.settings, endedSessions } },
    });
    const alice = await page.signIn('alice');
    const ask = async () => answerOf(await fetch(`${replica.url}${PROBE}`, { headers: { cookie: alice.cookie } }));
    expect(await ask()).toMatchObject({ status: 503, detail: expect.stringContaining('create configmap another') });
    page.api.put('configmaps', { metadata: endedSessions });
    await soon(async () => expect(await ask()).toMatchObject({ status: 200 }));
    // An administrator ends all sessions that there are.
    page.api.put('configmaps', { metadata: endedSessions, data: { before: new Date(Date.now() + 1).toISOString() } });
    await soon(async () => expect(await ask()).toMatchObject({ status: 401 }));
    await replica.stop();
  });
});

it('counts who signs in, and who cannot', async () => {
  const text = await page.gateway.metrics.registry.getSingleMetricAsString('batch_upload_gateway_sign_ins_total');
  expect(text).toMatch(/result="signed_in"} [1-9]/);
  expect(text).toMatch(/result="refused"} [1-9]/);
});

it('the description of the API says nothing of what only browsers ask for', async () => {
  const { paths } = (await (await fetch(`${page.origin}/openapi.json`)).json()) as { paths: object };
  expect(Object.keys(paths).filter((path) => path.startsWith('/page'))).toEqual([]);
});
