/** The staff page as browsers load it, and what its session may do with files. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { soon } from '#support/gateway/file-steps.ts';
import { NAMESPACE, type SignedIn, startPage, type TestPage } from '#support/page/start-page.ts';

const INDEX =
  '<!doctype html><title>BatchUpload</title><script type="module" src="/page/assets/main-1a2b.js"></script>';
const SCRIPT = `console.log(${JSON.stringify('a'.repeat(3_000))});`;
const FILES: Record<string, string> = {
  'index.html': INDEX,
  'favicon.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  'assets/main-1a2b.js': SCRIPT,
  'assets/worker-3c4d.js': 'postMessage(1)',
  'assets/check-worker-3c4d.js': 'postMessage(1)',
  'assets/not-a-worker.js': '1',
  'assets/checksum-worker-3c4d.js': '1',
  'assets/main-1a2b.css': 'p {}',
  'assets/notes.exe': 'MZ',
  '.vite/manifest.json': '{"secret": true}',
};

let folder: string;
let page: TestPage;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'page-files-'));
  for (const [name, text] of Object.entries(FILES)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  page = await startPage({ filesFolder: folder });
});
afterAll(async () => {
  await page?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${page.origin}${path}`, { headers, redirect: 'manual' });

/** A path as it is, which fetch would tidy up before. */
const getRaw = (path: string) =>
  new Promise<{ status: number; text: string }>((resolve, reject) => {
    const { hostname, port } = new URL(page.origin);
    request({ hostname, port, path }, async (response) => {
      resolve({ status: response.statusCode!, text: Buffer.concat(await response.toArray()).toString() });
    })
      .on('error', reject)
      .end();
  });

describe('the page', () => {
  it.each([
    '/page/',
    '/page/n',
    '/page/n/new',
    '/page/n/uploads/people-2026.csv',
    '/page/signed-in',
    '/page/index.html',
  ])('%s is its document, which nobody keeps', async (path) => {
    const answer = await get(path, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' });
    expect([answer.status, await answer.text()]).toEqual([200, INDEX]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
    });
  });

  it('loads nothing from elsewhere, sends files to the storage alone, and stands in no frame', async () => {
    const answer = await get('/page/');
    const policy = Object.fromEntries(
      answer.headers
        .get('content-security-policy')!
        .split('; ')
        .map((directive) => [directive.split(' ')[0], directive.split(' ').slice(1).join(' ')]),
    );
    const storage = new URL(page.storage!.endpoint).origin;
    expect(policy).toEqual({
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': "'self'",
      'img-src': "'self' data:",
      'font-src': "'self'",
      'connect-src': `'self' ${storage}`,
      'worker-src': "'self'",
      'form-action': `'self' ${storage}`,
      'frame-ancestors': "'none'",
      'base-uri': "'none'",
      'require-trusted-types-for': "'script'",
    });
  });

  it.each([
    ['GET', '/page/%'],
    ['POST', '/page/'],
    ['GET', '/page/assets/main-0000.js'],
    ['GET', '/page/session'],
    ['POST', '/page/logout'],
    ['GET', '/v1/namespaces/n/uploads'],
    ['GET', '/nothing'],
  ])('a refusal of %s %s is no document, and nobody keeps it', async (method, path) => {
    const answer = await fetch(page.origin + path, { method, headers: { 'content-type': 'text/plain' } });
    expect(answer.ok).toBe(false);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/problem+json; charset=utf-8',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
    });
  });

  it('has files that browsers keep for ever, small on the wire', async () => {
    const answer = await get('/page/assets/main-1a2b.js');
    expect(await answer.text()).toBe(SCRIPT);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-encoding': 'gzip',
      vary: 'Accept-Encoding',
      'cross-origin-resource-policy': 'same-origin',
    });
    const plain = await get('/page/assets/main-1a2b.js', { 'accept-encoding': 'identity' });
    expect([plain.headers.get('content-encoding'), await plain.text()]).toEqual([null, SCRIPT]);
    const head = await fetch(`${page.origin}/page/assets/main-1a2b.js`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('is asked for a file again only when it has changed', async () => {
    const first = await get('/page/favicon.svg');
    expect(Object.fromEntries(first.headers)).toMatchObject({
      'content-type': 'image/svg+xml',
      'cache-control': 'no-cache',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
    });
    const again = await get('/page/favicon.svg', { 'if-none-match': first.headers.get('etag')! });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  it('compiles WebAssembly in its worker, and nowhere else', async () => {
    const policyOf = async (path: string) => (await get(path)).headers.get('content-security-policy');
    for (const path of ['/page/assets/worker-3c4d.js', '/page/assets/check-worker-3c4d.js']) {
      expect(await policyOf(path)).toContain("script-src 'self' 'wasm-unsafe-eval'");
    }
    for (const path of [
      '/page/',
      '/page/assets/main-1a2b.js',
      '/page/assets/not-a-worker.js',
      '/page/assets/checksum-worker-3c4d.js',
    ]) {
      expect(await policyOf(path)).not.toContain('wasm-unsafe-eval');
    }
  });

  it.each([
    '/page/assets/gone-5e6f.js',
    '/page/assets/',
    '/page/assets/notes.exe',
    '/page/assets/../../package.json',
    '/page/assets/..%2f..%2fpackage.json',
    '/page/assets/%2e%2e/index.html',
  ])('has no file %s', async (path) => {
    const { status, text } = await getRaw(path);
    // A path that leaves the files is a view, or nothing; it is never a file of the machine.
    expect(status === 404 || text === INDEX).toBe(true);
    expect(text).not.toContain('"dependencies"');
  });

  it('does not show what only the build needs', async () => {
    expect((await getRaw('/page/.vite/manifest.json')).text).toBe(INDEX);
  });

  it('begins at /page/, and takes no other method', async () => {
    const begin = await get('/page');
    expect([begin.status, begin.headers.get('location')]).toEqual([302, '/page/']);
    const put = await fetch(`${page.origin}/page/n`, { method: 'PUT' });
    expect([put.status, put.headers.get('allow')]).toEqual([405, expect.stringContaining('GET')]);
  });

  it('is found from the description of the API, where it is on', async () => {
    const off = await page.startReplica({ config: { page: null } });
    const [here, there] = await Promise.all([get('/'), fetch(off.url)].map(async (each) => (await each).text()));
    await off.stop();
    expect(here).toContain('<a href="/page/">');
    expect(there).not.toContain('/page/');
  });

  it('says that it was not built', async () => {
    const replica = await page.startReplica({
      config: { page: { ...page.settings, filesFolder: join(folder, 'nothing') } },
    });
    const answer = await fetch(`${replica.url}/page/n`);
    const [status, text] = [answer.status, await answer.text()];
    await replica.stop();
    expect([status, text]).toEqual([404, expect.stringContaining('vite build page')]);
    expect(replica.log.entries.map(({ message }) => message)).toContain(
      'the staff page was not built, so that /page/ says so: run `vite build page`, or use an image that was built with it',
    );
  });

  it.each(['/page/signed-out', '/page/callback', '/page/session', '/page/login', '/page/nothing', '/page/assets/x.js'])(
    'cannot be framed at %s',
    async (path) => {
      const { headers } = await get(path);
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    },
  );
});

describe('files of a session', () => {
  let alice: SignedIn;
  let bob: SignedIn;
  beforeAll(async () => {
    [alice, bob] = [await page.signIn('alice'), await page.signIn('bob')];
    const spec = { fields: [{ name: 'a', type: 'string' }], target: { table: 'people', columns: [] } };
    page.api.put('recordschemas', { metadata: { name: 'people', namespace: NAMESPACE }, spec });
    await soon(async () =>
      expect((await alice.call('GET', `/v1/namespaces/${NAMESPACE}/schemas/people`)).status).toBe(200),
    );
  });
  const FILES_PATH = `/v1/namespaces/${NAMESPACE}/files`;
  const body = { name: 'people.csv', size: 6, contentType: 'text/csv' };
  const ask = async (person: SignedIn, headers: Record<string, string> = {}) =>
    (await (await person.call('POST', FILES_PATH, { body, headers })).json()) as {
      id: string;
      put: { url: string; headers: Record<string, string> };
    };

  it('go straight to the storage, as the browser sends them from the origin of the page', async () => {
    const { put } = await ask(alice);
    const preflight = await fetch(put.url, {
      method: 'OPTIONS',
      headers: {
        origin: page.origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type',
      },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBe(page.origin);
    const answer = await fetch(put.url, { method: 'PUT', headers: put.headers, body: 'a,b\n1,' });
    expect(answer.status).toBe(200);
    const state = await alice.call('GET', `${FILES_PATH}/storage`);
    expect(await state.json()).toMatchObject({ pages: { status: 'Allowed' } });
  });

  it('are nothing for another session, whatever it asks for', async () => {
    const { id } = await ask(alice);
    const asked: [string, string, unknown?][] = [
      ['GET', `${FILES_PATH}/${id}`],
      ['GET', `${FILES_PATH}/${id}/parts`],
      ['POST', `${FILES_PATH}/${id}/parts`, { numbers: [1] }],
      ['POST', `${FILES_PATH}/${id}/complete`],
      ['DELETE', `${FILES_PATH}/${id}`],
      ['POST', `/v1/namespaces/${NAMESPACE}/uploads`, { file: id, schema: 'people' }],
    ];
    for (const [method, path, sent] of asked) {
      const answer = await bob.call(method, path, sent === undefined ? {} : { body: sent });
      expect([method, path, answer.status]).toEqual([method, path, 404]);
    }
    expect((await alice.call('GET', `${FILES_PATH}/${id}`)).status).toBe(200);
  });

  it('are asked for once under one Idempotency-Key, by the same person alone', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const [first, again, others] = [await ask(alice, headers), await ask(alice, headers), await ask(bob, headers)];
    expect(again.id).toBe(first.id);
    expect(others.id).not.toBe(first.id);
    // Another session of the same person is the same sender.
    const later = await page.signIn('alice');
    expect((await ask(later, headers)).id).toBe(first.id);
  });
});
