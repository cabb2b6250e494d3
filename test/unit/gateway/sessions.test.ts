/** Sessions by a clock of the test: when they end, which keys open them, and where a person may be led. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyRequest } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { LOGIN_COOKIE, readCookie, SESSION_COOKIE, setCookie } from '#operator/gateway/session/cookies.ts';
import type { EndedSessions } from '#operator/gateway/session/ended-sessions.ts';
import { openPageSecret } from '#operator/gateway/session/page-secret.ts';
import { returnPath } from '#operator/gateway/session/return-path.ts';
import { createSeal } from '#operator/gateway/session/seal.ts';
import { createSessions } from '#operator/gateway/session/sessions.ts';
import { FakeClock } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

const ORIGIN = 'https://uploads.example.com';
const key = (letter: string) => Buffer.from(letter.repeat(32));
const sealOf = (...letters: string[]) => createSeal({ keys: () => letters.map(key), context: { origin: ORIGIN } });
const PERSON = {
  displayName: 'Alice',
  identity: { user: 'oidc:alice', groups: [], proof: 'OpenIDConnect' as const, namespace: null, expiresAt: 1 },
};
const NONE = { has: () => false, onChange: () => () => true } as unknown as EndedSessions;
const request = (...cookies: string[]) =>
  ({ raw: { rawHeaders: cookies.flatMap((cookie) => ['Cookie', cookie]) }, headers: {} }) as unknown as FastifyRequest;
const pairs = (lines: readonly string[] | null) => lines!.map((line) => line.split(';')[0]).join('; ');

describe('a session', () => {
  const create = (clock: FakeClock, seal = sealOf('a')) =>
    createSessions({ origin: ORIGIN, sessionHours: 8, seal, ended: NONE, clock });

  it('ends after its hours, and is not made longer by its use', async () => {
    const clock = new FakeClock();
    const sessions = create(clock);
    const cookie = pairs(await sessions.begin(PERSON));
    await clock.advance(8 * 3_600_000 - 1);
    const session = await sessions.read(request(cookie));
    expect(session).toMatchObject({ displayName: 'Alice', identity: { user: 'oidc:alice', proof: 'Session' } });
    expect(session!.identity.expiresAt).toBe(session!.expiresAt);
    await clock.advance(1);
    await expect(sessions.read(request(cookie))).rejects.toThrow('has expired');
  });

  it('goes on while the key is changed in two steps', async () => {
    const clock = new FakeClock();
    const old = create(clock, sealOf('a'));
    const both = create(clock, sealOf('a', 'b'));
    const swapped = create(clock, sealOf('b', 'a'));
    const fresh = create(clock, sealOf('b'));
    const cookie = pairs(await old.begin(PERSON));
    for (const sessions of [both, swapped]) expect(await sessions.read(request(cookie))).not.toBeNull();
    await expect(fresh.read(request(cookie))).rejects.toThrow('not one of this gateway');
    const next = pairs(await swapped.begin(PERSON));
    for (const sessions of [both, fresh]) expect(await sessions.read(request(next))).not.toBeNull();
  });

  it('of nobody is none', async () => {
    const sessions = create(new FakeClock());
    expect(await sessions.read(request())).toBeNull();
    expect(await sessions.read(request('other=1; x-__Host-batch-upload-session=2'))).toBeNull();
    expect(sessions.claims(request('other=1'))).toBe(false);
    expect(sessions.claims(request(`${SESSION_COOKIE}=anything`))).toBe(true);
  });
});

describe('a value in cookies', () => {
  it.each([1, 3_500, 3_501, 7_000, 10_500])('comes back whole (%d characters)', (length) => {
    const value = 'v'.repeat(length);
    const cookies = setCookie(LOGIN_COOKIE, value);
    for (const line of cookies!) expect(line.length).toBeLessThan(4_096);
    expect(readCookie(request(pairs(cookies)).raw, LOGIN_COOKIE)).toBe(value);
    // A browser may send its cookies in any order, and a proxy in several headers.
    const apart = cookies!.map((line) => line.split(';')[0]!).reverse();
    expect(readCookie(request(...apart).raw, LOGIN_COOKIE)).toBe(value);
  });

  it('is refused when it is too long for the headers of a request', () => {
    expect(setCookie(LOGIN_COOKIE, 'v'.repeat(10_501))).toBeNull();
  });

  it('is refused when a part comes twice or not at all', () => {
    const [first, second] = setCookie(LOGIN_COOKIE, 'v'.repeat(5_000))!.map((line) => line.split(';')[0]!);
    expect(() => readCookie(request(`${first}; ${second}; ${second}`).raw, LOGIN_COOKIE)).toThrow('more than once');
    expect(() => readCookie(request(first!).raw, LOGIN_COOKIE)).toThrow('missing');
    expect(readCookie(request(second!).raw, LOGIN_COOKIE)).toBeNull();
  });
});

describe('where a person is led after signing in', () => {
  it.each([
    '/page/',
    '/page/n',
    '/page/n/uploads/a.csv',
    '/page/n?x=%2F..&y=//a',
    '/page/n#//a',
    '/page/forms/',
    '/page//evil.example.com',
  ])('%j is a path of the page', (to) => expect(returnPath(to, ORIGIN)).toBe(to));

  it.each([
    undefined,
    ['/page/a', '/page/b'],
    '',
    '/',
    '/page',
    '/pages/',
    'page/',
    '//evil.example.com',
    '//evil.example.com/page/',
    '/\\evil.example.com',
    '\\\\evil.example.com',
    '/page/\\..\\..\\evil',
    'https://evil.example.com/page/',
    'https:/page/',
    'https:evil.example.com',
    `${ORIGIN}/page/`,
    'javascript:alert(1)//page/',
    'data:text/html,/page/',
    '/page/../',
    '/page/..//evil.example.com',
    '/page/%2e%2e/v1',
    '/page/%2E./v1',
    '/page/%2f%2fevil.example.com',
    '/page/%5c..',
    '/page/\n',
    '/page/\r\nset-cookie:a=b',
    '/page/\t/evil',
    ' /page/',
    '/page/ a',
    '/page/ä',
    '/page/\u2028',
    '/page/\0',
    '/page/login',
    '/page/login?to=/page/',
    '/page/x/../login',
    '/page/%6cogin',
    '/page/callback?code=a',
    '/page/logout/',
    `/page/${'a'.repeat(256)}`,
  ])('%j is none', (to) => expect(returnPath(to, ORIGIN)).toBe('/page/'));
});

describe('the Secret of the page', () => {
  let folder: string;
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const write = async (entries: Record<string, string>) => {
    for (const [name, text] of Object.entries(entries)) await writeFile(join(folder, name), text);
  };

  it('is read again when it has changed, and what cannot be used changes nothing', async () => {
    folder = await mkdtemp(join(tmpdir(), 'page-secret-'));
    const clock = new FakeClock();
    const log = createRecordingLog();
    expect(() => openPageSecret(folder, { log, clock })).toThrow(/no session-key of at least 32 bytes.*kubectl create/);
    await write({ 'session-key': 'short' });
    expect(() => openPageSecret(folder, { log, clock })).toThrow('at least 32 bytes');
    await write({ 'session-key': `${'a'.repeat(32)}\n` });
    const secret = openPageSecret(folder, { log, clock });
    expect(secret()).toEqual({ sessionKeys: [key('a')], clientSecret: null });
    await write({ 'session-key.next': 'b'.repeat(32), 'client-secret': 's\n' });
    expect(secret().sessionKeys).toHaveLength(1);
    await clock.advance(30_000);
    expect(secret()).toEqual({ sessionKeys: [key('a'), key('b')], clientSecret: 's' });
    await write({ 'session-key': '' });
    await clock.advance(30_000);
    expect(secret().sessionKeys).toHaveLength(2);
    expect(log.entries.map(({ message }) => message)).toEqual([
      'the Secret of the page cannot be used: the gateway goes on with the old one',
    ]);
  });
});
