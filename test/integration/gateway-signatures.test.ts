/** Signed requests of machine partners: each row of the table is an attack, or a mistake of an honest partner. */
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grantSql } from '#ledger/ledger-rights.ts';
import { withClient } from '#support/database/database.ts';
import {
  addProbe,
  type GatewayBench,
  PARTNER_KEY as KEY,
  NAMESPACE,
  OTHER_NAMESPACE,
  putPartners,
  startGatewayBench,
  type TestGateway,
} from '#support/gateway/gateway.ts';
import { type Signing, sign } from '#support/gateway/sign.ts';

const exec = promisify(execFile);
const NEXT_KEY = randomBytes(32);
const BODY = '{"a":1}';

let databaseUrl: string;
let bench: GatewayBench;
let gateway: TestGateway;
let second: TestGateway;

beforeAll(async () => {
  bench = await startGatewayBench();
  ({ databaseUrl } = bench);
  putPartners(bench, { acme: `${KEY}\n`, 'acme.next': NEXT_KEY, short: 'too short', empty: '' });
  [gateway, second] = await Promise.all([bench.start({ extend: addProbe }), bench.start({ extend: addProbe })]);
});
afterAll(() => bench?.[Symbol.asyncDispose]());

interface Sent extends Partial<Signing> {
  at?: TestGateway;
  namespace?: string;
  query?: string;
  /** What is sent in place of what was signed. */
  instead?: { headers?: Record<string, string>; body?: string; query?: string; namespace?: string };
}

async function send({ at = gateway, namespace = NAMESPACE, query = '', instead = {}, ...signing }: Sent = {}) {
  const path = (inside: string, search: string) => new URL(`${at.url}/v1/namespaces/${inside}/probe${search}`);
  const headers = sign({ key: KEY, keyId: 'acme', ...signing, url: path(namespace, query) });
  const body = instead.body ?? signing.body;
  const response = await fetch(path(instead.namespace ?? namespace, instead.query ?? query), {
    method: signing.method ?? 'GET',
    headers: { ...headers, ...instead.headers },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
const POST = { method: 'POST', body: BODY };

describe('a signed request', () => {
  it('names the partner, who is valid in this namespace alone', async () => {
    expect(await send({ ...POST, headers: { 'idempotency-key': '"1"' } })).toEqual({
      status: 200,
      body: {
        user: 'batchupload:partner:n:acme',
        groups: ['batchupload:partners', 'batchupload:partners:n'],
        proof: 'MessageSignature',
        namespace: 'n',
        expiresAt: expect.any(Number),
        body: { a: 1 },
      },
    });
    expect(await send({ query: '?limit=5' })).toMatchObject({ status: 200 });
  });

  it('may be signed by the next key, which may be any bytes', async () => {
    expect(await send({ key: NEXT_KEY })).toMatchObject({ status: 200, body: { user: 'batchupload:partner:n:acme' } });
  });

  it('is asked for the rights of the partner', async () => {
    const asked: object[] = [];
    bench.allow((spec) => {
      asked.push(spec);
      return false;
    });
    // The other gateways still have the answers of the tests before.
    const fresh = await bench.start({ extend: addProbe });
    const answer = await send({ at: fresh });
    await fresh.stop();
    bench.allow(() => true);
    expect(answer).toMatchObject({ status: 403 });
    const groups = ['batchupload:partners', 'batchupload:partners:n'];
    expect(asked).toMatchObject([
      { user: 'batchupload:partner:n:acme', groups, resourceAttributes: { namespace: 'n' } },
    ]);
  });

  const now = () => Math.floor(Date.now() / 1000);
  it.each<[string, () => Sent, string]>([
    ['with a changed body', () => ({ ...POST, instead: { body: '{"a":2}' } }), 'not the one that was signed'],
    [
      'with a changed body and its digest',
      () => ({ ...POST, instead: { body: '{"a":2}', headers: digestOf('{"a":2}') } }),
      'not of a key',
    ],
    [
      'with a body that was not signed',
      () => ({ method: 'POST', instead: { body: BODY, headers: { 'content-type': 'application/json' } } }),
      'must cover "content-digest"',
    ],
    ['with a changed query', () => ({ query: '?limit=5', instead: { query: '?limit=6' } }), 'not of a key'],
    ['of another namespace', () => ({ instead: { namespace: OTHER_NAMESPACE } }), 'not of a key'],
    ['by a key of another namespace', () => ({ namespace: OTHER_NAMESPACE }), 'not of a key'],
    ['for a namespace that is not enabled', () => ({ namespace: 'kube-system' }), 'not of a key'],
    ['by an unknown key id', () => ({ keyId: 'nobody' }), 'not of a key'],
    ['by the name of the next key', () => ({ keyId: 'acme.next', key: NEXT_KEY }), 'not of a key'],
    ['by a key with too few bytes', () => ({ keyId: 'short', key: 'too short' }), 'only 9 bytes'],
    ['by an empty key', () => ({ keyId: 'empty', key: '' }), 'only 0 bytes'],
    ['too long ago', () => ({ created: now() - 400 }), 'created at another time'],
    ['in the future', () => ({ created: now() + 100 }), 'created at another time'],
    [
      'with an Idempotency-Key that was not signed',
      () => ({ ...POST, instead: { headers: { 'idempotency-key': '"1"' } } }),
      'must cover "idempotency-key"',
    ],
    [
      'with another Idempotency-Key',
      () => ({ ...POST, headers: { 'idempotency-key': '"1"' }, instead: { headers: { 'idempotency-key': '"2"' } } }),
      'not of a key',
    ],
  ])('%s is refused', async (_what, sent, why) => {
    expect(await send(sent())).toMatchObject({ status: 401, body: { detail: expect.stringContaining(why) } });
  });
});

const digestOf = (body: string) => {
  const { 'content-digest': digest } = sign({ url: new URL('http://a/'), key: '', keyId: '', body });
  return { 'content-digest': digest! };
};

describe('a nonce', () => {
  it('works once, whichever gateway gets it', async () => {
    const nonce = randomUUID();
    expect(await send({ nonce })).toMatchObject({ status: 200 });
    const used = { status: 401, body: { detail: expect.stringContaining('nonce was used before') } };
    expect(await send({ nonce })).toMatchObject(used);
    expect(await send({ nonce, at: second })).toMatchObject(used);
    expect(await send({ nonce, key: NEXT_KEY, created: Math.floor(Date.now() / 1000) - 60 })).toMatchObject(used);
  });

  it('works once when many gateways get it at the same time', async () => {
    const nonce = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => send({ nonce, at: i % 2 ? gateway : second })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(401)]);
  });

  it('is not spent by a request that was changed', async () => {
    const nonce = randomUUID();
    expect(await send({ ...POST, nonce, instead: { body: '{"a":2}' } })).toMatchObject({ status: 401 });
    expect(await send({ ...POST, nonce, query: '?a', instead: { query: '?b' } })).toMatchObject({ status: 401 });
    expect(await send({ ...POST, nonce })).toMatchObject({ status: 200 });
  });

  it('is not recorded for a partner that sends too much, who may send the same request later', async () => {
    // No token comes back while the test runs, however long the test takes.
    const busy = await bench.start({ config: { rateLimit: { perSecond: 0.001, burst: 3 } }, extend: addProbe });
    const nonces = Array.from({ length: 8 }, () => randomUUID());
    const statuses: number[] = [];
    for (const nonce of nonces) statuses.push((await send({ nonce, at: busy })).status);
    await busy.stop();
    expect(statuses).toEqual([...Array<number>(3).fill(200), ...Array<number>(5).fill(429)]);
    const refused = nonces.slice(3);
    const { rowCount } = await withClient(databaseUrl, (client) =>
      client.query('SELECT FROM batch_upload.batch_upload_nonces WHERE nonce = ANY ($1)', [refused]),
    );
    expect(rowCount).toBe(0);
    expect(await send({ nonce: refused[0]! })).toMatchObject({ status: 200 });
  });

  it('that a gateway knows to be used costs the database nothing', async () => {
    const nonce = randomUUID();
    expect(await send({ nonce })).toMatchObject({ status: 200 });
    await withClient(databaseUrl, (client) =>
      client.query('DELETE FROM batch_upload.batch_upload_nonces WHERE nonce = $1', [nonce]),
    );
    expect(await send({ nonce })).toMatchObject({ status: 401 });
    // The other gateway asks the database, which has just forgotten the nonce.
    expect(await send({ nonce, at: second })).toMatchObject({ status: 200 });
  });

  it('of another namespace is another nonce', async () => {
    const nonce = randomUUID();
    const other = { namespace: OTHER_NAMESPACE, key: 'a key of another acme, also long enough' };
    expect(await send({ nonce })).toMatchObject({ status: 200 });
    expect(await send({ nonce, ...other })).toMatchObject({ status: 200 });
  });

  it('is forgotten when no signature with it can be valid', async () => {
    await withClient(databaseUrl, async (client) => {
      await client.query(
        `INSERT INTO batch_upload.batch_upload_nonces SELECT 'c', 'n', 'k', i::text, now() - make_interval(mins => i)
         FROM generate_series(1, 3) i`,
      );
      const left = async () => {
        const { rows } = await client.query("SELECT nonce FROM batch_upload.batch_upload_nonces WHERE key_id = 'k'");
        return rows.map(({ nonce }) => nonce);
      };
      await send();
      expect(await left()).toEqual(['1']);
      await send();
      expect(await left()).toEqual([]);
      const { rows } = await client.query(
        "SELECT min(expires_at) > now() + interval '8 minutes' AS kept FROM batch_upload.batch_upload_nonces",
      );
      expect(rows).toEqual([{ kept: true }]);
    });
  });
});

it('the program of the docs signs as the gateway wants it', async () => {
  const page = await readFile(new URL('../../docs/how-to/gateway-identity.md', import.meta.url), 'utf8');
  const [, program = ''] = /```js\n(.*?)```/s.exec(page) ?? [];
  const run = async (...args: string[]) => {
    const command = ['--input-type=module', '-e', program, '-', ...args];
    const { stdout } = await exec(process.execPath, command, { env: { KEY_ID: 'acme', KEY } });
    return stdout;
  };
  const url = `${gateway.url}/v1/namespaces/n/probe?limit=5`;
  expect(await run('GET', url)).toMatch(/^200 .*batchupload:partner:n:acme/);
  expect(await run('POST', url, BODY)).toMatch(/^200 .*"body":\{"a":1\}/);
});

it('no key is right in a namespace that has no Secret with keys', async () => {
  const without = await startGatewayBench({ databaseUrl });
  const at = await without.start({ extend: addProbe });
  const answers = await Promise.all([
    send({ at }),
    send({ at, key: '' }),
    send({ at, keyId: 'batch-upload-partners' }),
  ]);
  await without[Symbol.asyncDispose]();
  const refused = { status: 401, body: { detail: expect.stringContaining('not of a key') } };
  expect(answers).toMatchObject([refused, refused, refused]);
});

describe('a partner waits', () => {
  it('while the database of the namespace is away: nothing is let through', async () => {
    const away = await startGatewayBench({ databaseUrl: 'postgres://nobody@127.0.0.1:1/nothing' });
    away.secret(NAMESPACE, 'batch-upload-partners', { acme: KEY });
    const at = await away.start({ extend: addProbe });
    const answer = await send({ at });
    const wrong = await send({ at, key: 'x'.repeat(32) });
    await away[Symbol.asyncDispose]();
    expect(answer).toMatchObject({
      status: 503,
      body: { detail: expect.stringContaining('nonces of signatures, cannot be used') },
    });
    expect(wrong.status).toBe(401);
  });

  it('while the database has no ledger that can be used', async () => {
    const away = await startGatewayBench({ databaseUrl });
    away.api.remove('secrets', NAMESPACE, 'batch-upload-database');
    away.secret(NAMESPACE, 'batch-upload-partners', { acme: KEY });
    const answer = await send({ at: await away.start({ extend: addProbe }) });
    await away[Symbol.asyncDispose]();
    expect(answer).toMatchObject({
      status: 503,
      body: { detail: expect.stringContaining('no Secret batch-upload-database') },
    });
  });

  it('while the role of the Secret has not all rights on the ledger, and no longer', async () => {
    await using other = await startGatewayBench();
    const own = other.databaseUrl;
    const as = new URL(own);
    [as.username, as.password] = ['sender', 'secret'];
    const answer = async () => {
      const away = await startGatewayBench({ databaseUrl: as.href });
      away.secret(NAMESPACE, 'batch-upload-partners', { acme: KEY });
      const result = await send({ at: await away.start({ extend: addProbe }) });
      await away[Symbol.asyncDispose]();
      return result;
    };
    await withClient(own, async (client) => {
      await client.query("CREATE ROLE sender LOGIN PASSWORD 'secret'");
      await client.query(grantSql('sender'));
      expect(await answer()).toMatchObject({ status: 200 });
      await client.query('REVOKE UPDATE ON batch_upload.batch_upload_nonces FROM sender');
      expect(await answer()).toMatchObject({
        status: 503,
        body: { detail: expect.stringContaining('Run as its owner: GRANT') },
      });
    });
  });

  it('while the Secret with the keys cannot be read', async () => {
    const fresh = await bench.start({ extend: addProbe });
    const heal = bench.api.refuse(
      ({ plural, name }) => plural === 'secrets' && name === 'batch-upload-partners',
      403,
      'Forbidden',
    );
    const answer = await send({ at: fresh });
    heal();
    expect(answer).toMatchObject({ status: 503, body: { detail: expect.stringContaining('Role names the Secret') } });
    expect(await send({ at: fresh })).toMatchObject({ status: 200 });
    await fresh.stop();
  });
});
