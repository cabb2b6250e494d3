import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES } from '#operator/bridge/events/parse-events.ts';
import { createWebhookServer, type WebhookSource } from '#operator/bridge/events/webhook.ts';
import type { Outcome } from '#operator/bridge/model/types.ts';
import { createAdmissions, LATER } from '#support/bridge/admissions.ts';
import { eventually } from '#support/process/eventually.ts';
import { FakeClock } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { awsEvent, eventFixture, wrapBySns } from '#support/storage/s3-events.ts';
import { startS3Server } from '#support/storage/s3-server.ts';

const TOKEN = 's3cr+t x/y:z';
const HMAC_KEY = 'another-secret';
const PATH = '/v1/namespaces/team-a/uploadsources/arrivals/events';
const EVENT = awsEvent([{ key: 'in/a.csv' }]);
const GOOD = { authorization: `Bearer ${encodeURIComponent(TOKEN)}` };

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
const signed = (body: string, key = HMAC_KEY) => ({
  'x-signature-256': `sha256=${createHmac('sha256', key).update(body).digest('hex')}`,
});

async function startBridge(options: { clock?: FakeClock; secret?: WebhookSource['secret'] } = {}) {
  const log = createRecordingLog();
  const admissions = createAdmissions();
  const rejected: string[] = [];
  const ignored: [string, string][] = [];
  const end = new AbortController();
  const bearer = encodeURIComponent(TOKEN);
  const source: WebhookSource = {
    secret: options.secret ?? (async () => ({ token: `${bearer}\n`, hmacKey: HMAC_KEY })),
    admit: admissions.admit,
    recorder: { event: () => {}, ignored: (what, { reason }) => ignored.push([what, reason]) },
    onRejected: (reason) => rejected.push(reason),
  };
  const sources: Record<string, WebhookSource> = {
    'team-a/arrivals': source,
    'team-a/basic': { ...source, secret: async () => ({ token: TOKEN }) },
    'team-a/no-secret': { ...source, secret: async () => ({}) },
    'team-a/empty-secret': { ...source, secret: async () => ({ token: '\n', hmacKey: '' }) },
    'team-a/only-hmac': { ...source, secret: async () => ({ hmacKey: HMAC_KEY }) },
  };
  const server = createWebhookServer({
    lookup: (namespace, name) => sources[`${namespace}/${name}`],
    log,
    signal: end.signal,
    ...(options.clock && { clock: options.clock }),
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  let answered = 0;
  server.on('request', (_, response) => response.on('finish', () => (answered += 1)));
  const post = async (body: string | Uint8Array, headers: Record<string, string> = GOOD, path = PATH) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers,
      body: body as string,
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return {
    port,
    post,
    log,
    admissions,
    rejected,
    ignored,
    end,
    answered: () => answered,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Opens a socket for requests that no HTTP client would send. */
async function openSocket(port: number): Promise<{ socket: Socket; read(): string }> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  let answer = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    answer += piece;
  });
  return { socket, read: () => answer };
}

const head = (...lines: string[]) =>
  `POST ${PATH} HTTP/1.1\r\nhost: x\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const BEARER = `authorization: ${GOOD.authorization}`;

it('one source whose storage does not answer leaves places for the others', async () => {
  await using bridge = await startBridge();
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  bridge.admissions.answer(({ key }) => (key === 'stuck' ? promise : { kind: 'Created', name: key }));
  const stuck = Array.from({ length: 200 }, () => bridge.post(awsEvent([{ key: 'stuck' }])));
  await eventually('the others are asked to come again', () => bridge.answered() === 200 - 64);
  const other = '/v1/namespaces/team-a/uploadsources/basic/events';
  expect(await bridge.post(EVENT, basic('whoever', TOKEN), other)).toMatchObject({ status: 200 });
  resolve({ kind: 'Created', name: 'stuck' });
  const statuses = (await Promise.all(stuck)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(64);
});

it('whoever has shown nothing does not keep its connection, however it sent its body', async () => {
  await using bridge = await startBridge();
  for (const pieces of [
    [`${head('content-length: 2')}{}`],
    [head('content-length: 2'), '{}'],
    [head('content-length: 0')],
  ]) {
    const { socket, read } = await openSocket(bridge.port);
    for (const piece of pieces) {
      socket.write(piece);
      if (piece !== pieces.at(-1)) await eventually('the answer', () => read().includes('401'));
    }
    await once(socket, 'close');
    expect(read()).toContain('401');
  }
  const kept = await openSocket(bridge.port);
  for (let n = 1; n <= 2; n += 1) {
    kept.socket.write(head(BEARER, `content-length: ${EVENT.length}`) + EVENT);
    await eventually('the answer', () => kept.read().split(' 200 OK').length === n + 1);
  }
  kept.socket.destroy();
});

describe('whoever shows a secret', () => {
  it.each([
    ['a bearer token', GOOD, PATH],
    ['a scheme in other letters', { authorization: GOOD.authorization.replace('Bearer', 'bEARER') }, PATH],
    [
      'a password, as of a URL with a user',
      basic('whoever', TOKEN),
      '/v1/namespaces/team-a/uploadsources/basic/events',
    ],
    ['a signature', signed(EVENT), PATH],
    ['a signature, and a token that is not meant for us', { ...signed(EVENT), authorization: 'Bearer other' }, PATH],
  ])('is heard: %s', async (_, headers, path) => {
    await using bridge = await startBridge();
    expect(await bridge.post(EVENT, headers, path)).toMatchObject({
      status: 200,
      text: '{"created":1,"known":0,"ignored":0}\n',
    });
    expect(await bridge.post(EVENT, headers, path)).toMatchObject({
      status: 200,
      text: '{"created":0,"known":1,"ignored":0}\n',
    });
    expect(bridge.admissions.notices.map(({ key }) => key)).toEqual(['in/a.csv', 'in/a.csv']);
  });

  it.each([
    ['nothing', {}, 'arrivals'],
    ['a wrong token', { authorization: 'Bearer wrong' }, 'arrivals'],
    ['an empty token', { authorization: 'Bearer ' }, 'arrivals'],
    ['an empty password', basic('user', ''), 'arrivals'],
    ['no pair', { authorization: 'Basic c2VjcmV0' }, 'arrivals'],
    ['another scheme', { authorization: `Digest ${encodeURIComponent(TOKEN)}` }, 'arrivals'],
    ['the key of signatures as a token', { authorization: `Bearer ${HMAC_KEY}` }, 'arrivals'],
    ['the key of signatures where there is no token', { authorization: `Bearer ${HMAC_KEY}` }, 'only-hmac'],
    ['the signature of another body', signed(`${EVENT} `), 'arrivals'],
    ['a signature with another key', signed(EVENT, TOKEN), 'arrivals'],
    ['a signature with no key', signed(EVENT, ''), 'empty-secret'],
    ['half a signature', { 'x-signature-256': signed(EVENT)['x-signature-256'].slice(0, 60) }, 'arrivals'],
    ['no signature', { 'x-signature-256': 'sha256=' }, 'arrivals'],
    ['an empty token where the Secret has an empty one', { authorization: 'Bearer ' }, 'empty-secret'],
    ['an empty password where the Secret has an empty one', basic('user', ''), 'empty-secret'],
    ['a token where there is no Secret', GOOD, 'no-secret'],
    ['a signature where there is no Secret', signed(EVENT, ''), 'no-secret'],
    ['a token for a source that is not there', GOOD, 'other'],
    ['a signature for a source that is not there', signed(EVENT), 'other'],
  ])('is the only one: %s', async (_, headers, name) => {
    await using bridge = await startBridge();
    const refused = await bridge.post(EVENT, headers, `/v1/namespaces/team-a/uploadsources/${name}/events`);
    // The answer is the same for every kind of wrong credentials.
    expect(refused).toMatchObject({ status: 401, text: '{"error":"unauthorized"}\n' });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    expect(bridge.admissions.notices).toEqual([]);
    expect(bridge.log.entries).toMatchObject([{ level: 'warn', fields: { namespace: 'team-a', name } }]);
    expect(JSON.stringify(bridge.log.entries)).not.toMatch(/s3cr|another-secret|wrong|sha256|bearer/i);
  });

  it('refusals are logged once a second at most', async () => {
    const clock = new FakeClock();
    await using bridge = await startBridge({ clock });
    for (let tries = 0; tries < 5; tries += 1) await bridge.post(EVENT, {});
    expect(bridge.log.entries).toHaveLength(1);
    clock.freeze(1_000);
    await bridge.post(EVENT, {});
    expect(bridge.log.entries[1]!.fields).toMatchObject({ refused: 5 });
  });

  it('a Secret that cannot be read is no reason to give up', async () => {
    await using bridge = await startBridge({ secret: () => Promise.reject(new Error('no answer')) });
    expect(await bridge.post(EVENT)).toMatchObject({ status: 503 });
  });
});

describe('what is posted', () => {
  it('is answered when every object is done', async () => {
    await using bridge = await startBridge();
    const outcomes: Record<string, Outcome> = {
      new: { kind: 'Created', name: 'a-1' },
      old: { kind: 'Known', name: 'a-2' },
      other: { kind: 'Ignored', reason: 'Filtered', message: 'not meant' },
    };
    bridge.admissions.answer(({ key }) => outcomes[key]!);
    const event = awsEvent([
      { key: 'new' },
      { key: 'old' },
      { key: 'other' },
      { key: 'gone', eventName: 'ObjectRemoved:Delete' },
    ]);
    for (const body of [event, wrapBySns(event)]) {
      expect(await bridge.post(body)).toMatchObject({ status: 200, text: '{"created":1,"known":1,"ignored":2}\n' });
    }
    expect(bridge.ignored[0]).toEqual(['gone', 'ObjectRemoved']);
  });

  it('is to be sent again when an object has to wait', async () => {
    await using bridge = await startBridge();
    bridge.admissions.answer(({ key }) => (key === 'growing' ? LATER : { kind: 'Created', name: key }));
    const answer = await bridge.post(awsEvent([{ key: 'done' }, { key: 'growing' }]));
    expect(answer).toMatchObject({ status: 503, text: '{"created":1,"known":0,"ignored":0,"later":1}\n' });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('is to be sent again when admission fails, or the bridge ends', async () => {
    await using bridge = await startBridge();
    bridge.admissions.answer(() => Promise.reject(new Error('the ledger is away')));
    expect(await bridge.post(EVENT)).toMatchObject({ status: 503 });
    bridge.end.abort();
    expect(await bridge.post(EVENT)).toMatchObject({ status: 503 });
    expect(bridge.admissions.notices).toHaveLength(1);
  });

  it.each(['versitygw-test', 'aws-test'] as const)('a test event is well: %s', async (name) => {
    await using bridge = await startBridge();
    expect(await bridge.post(eventFixture(name))).toMatchObject({
      status: 200,
      text: '{"created":0,"known":0,"ignored":1}\n',
    });
    expect(await bridge.post(eventFixture(name), {})).toMatchObject({ status: 401 });
  });

  it.each([
    ['no JSON', 'hello', 'not JSON'],
    ['nothing', '', 'not JSON'],
    ['no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'not UTF-8'],
    ['256 KiB of nested lists', '['.repeat(MAX_BODY_BYTES / 2) + ']'.repeat(MAX_BODY_BYTES / 2), 'neither'],
    ['256 KiB of open brackets', '['.repeat(MAX_BODY_BYTES), 'not JSON'],
  ])('cannot be understood: %s', async (_, body, reason) => {
    await using bridge = await startBridge();
    const answer = await bridge.post(body);
    expect(answer).toMatchObject({ status: 400 });
    expect(answer.text).toContain(reason);
    expect(bridge.rejected).toHaveLength(1);
    // Without authentication the answer does not say what is wrong with the body.
    expect(await bridge.post(body, {})).toMatchObject({ status: 401 });
    expect(bridge.rejected).toHaveLength(1);
  });

  it.each([
    ['another path', 'POST', '/v1/namespaces/team-a/uploadsources/arrivals', 404],
    ['a name that is none', 'POST', '/v1/namespaces/team-a/uploadsources/%2e%2e/events', 404],
    ['the health check of a sender', 'HEAD', PATH, 405],
    ['another method', 'PUT', PATH, 405],
  ])('goes nowhere else: %s', async (_, method, path, status) => {
    await using bridge = await startBridge();
    const response = await fetch(`http://127.0.0.1:${bridge.port}${path}`, { method, headers: GOOD });
    expect(response.status).toBe(status);
  });

  it('is not compressed', async () => {
    await using bridge = await startBridge();
    expect(await bridge.post(EVENT, { ...GOOD, 'content-encoding': 'gzip' })).toMatchObject({ status: 415 });
  });
});

describe('a sender cannot hurt', () => {
  it('by its length: refused before a byte of the body', async () => {
    await using bridge = await startBridge();
    const { socket, read } = await openSocket(bridge.port);
    socket.write(head(BEARER, `content-length: ${MAX_BODY_BYTES + 1}`));
    await eventually('an answer', () => read().includes('\r\n\r\n'));
    expect(read()).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
  });

  it('by a length that it does not say', async () => {
    await using bridge = await startBridge();
    const pieces = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const response = await fetch(`http://127.0.0.1:${bridge.port}${PATH}`, {
      method: 'POST',
      headers: GOOD,
      body: pieces,
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(413);
  });

  it('by the largest body that is allowed', async () => {
    await using bridge = await startBridge();
    const body = EVENT.padEnd(MAX_BODY_BYTES);
    expect(await bridge.post(body, signed(body))).toMatchObject({ status: 200 });
  });

  it('by a body that never ends', async () => {
    const clock = new FakeClock();
    await using bridge = await startBridge({ clock });
    const { socket, read } = await openSocket(bridge.port);
    socket.write(`${head(BEARER, 'content-length: 100')}{"Rec`);
    await eventually('the body is waited for', () => clock.waiting === 1);
    await clock.advance(10_000);
    await eventually('an answer', () => read().includes('\r\n\r\n'));
    expect(read()).toMatch(/^HTTP\/1.1 408 /);
    // The rest of the body is discarded, and the connection is closed soon.
    const closed = once(socket, 'close');
    await clock.advance(2_000);
    await closed;
    expect(clock.waiting).toBe(0);
  });

  it('by asking first: without a secret the answer is not to go on', async () => {
    await using bridge = await startBridge();
    const forged = await openSocket(bridge.port);
    forged.socket.write(head('authorization: Bearer wrong', 'content-length: 5', 'expect: 100-continue'));
    await eventually('an answer', () => forged.read().includes('\r\n\r\n'));
    expect(forged.read()).toMatch(/^HTTP\/1.1 401 /);
    forged.socket.destroy();

    const good = await openSocket(bridge.port);
    good.socket.write(head(BEARER, `content-length: ${EVENT.length}`, 'expect: 100-continue'));
    await eventually('leave to go on', () => good.read().startsWith('HTTP/1.1 100 '));
    good.socket.write(EVENT);
    await eventually('an answer', () => good.read().includes('"created":1'));
    good.socket.destroy();
  });

  it('by going away: the event is handled all the same', async () => {
    await using bridge = await startBridge();
    const { promise, resolve } = Promise.withResolvers<void>();
    let done = false;
    bridge.admissions.answer(async ({ key }) => {
      await promise;
      done = true;
      return { kind: 'Created', name: key };
    });
    const { socket } = await openSocket(bridge.port);
    socket.write(head(BEARER, `content-length: ${EVENT.length}`) + EVENT);
    await eventually('admission', () => bridge.admissions.notices.length === 1);
    socket.destroy();
    resolve();
    await eventually('done', () => done);
    expect(await bridge.post(eventFixture('aws-test'))).toMatchObject({ status: 200 });
  });

  it('by their number: some are asked to come later, and places become free again', async () => {
    await using bridge = await startBridge();
    const { promise, resolve } = Promise.withResolvers<void>();
    bridge.admissions.answer(async ({ key }) => {
      await promise;
      return { kind: 'Created', name: key };
    });
    const waiting = Array.from({ length: 64 }, () => bridge.post(EVENT));
    await eventually('all are in admission', () => bridge.admissions.notices.length === 64);
    expect(await bridge.post(EVENT)).toMatchObject({ status: 503 });
    expect(await bridge.post(EVENT, signed(EVENT))).toMatchObject({ status: 503 });
    resolve();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(64).fill(200));
    expect(await bridge.post(EVENT)).toMatchObject({ status: 200 });
  });

  it('by their number, when they have shown nothing: the others are heard', async () => {
    await using bridge = await startBridge();
    const slow = await Promise.all(Array.from({ length: 40 }, () => openSocket(bridge.port)));
    const signature = `x-signature-256: sha256=${'0'.repeat(64)}`;
    for (const { socket } of slow) socket.write(`${head(signature, 'content-length: 100')}{"Rec`);
    await eventually(
      'some are refused',
      () => slow.filter(({ read }) => read().startsWith('HTTP/1.1 503 ')).length === 8,
    );
    expect(await bridge.post(EVENT)).toMatchObject({ status: 200 });
    expect(await bridge.post(EVENT, signed(EVENT))).toMatchObject({ status: 503 });
    for (const { socket } of slow) socket.destroy();
    let status = 0;
    for (let tries = 0; status !== 200 && tries < 100; tries += 1)
      status = (await bridge.post(EVENT, signed(EVENT))).status;
    expect(status).toBe(200);
  });
});

describe('a real S3 server', () => {
  const url = (port: number, password: string) =>
    `http://versitygw:${encodeURIComponent(password)}@127.0.0.1:${port}${PATH.replace('arrivals', 'basic')}`;

  async function startStorage(eventWebhookUrl: string) {
    const storage = await startS3Server({ eventWebhookUrl });
    const { endpoint, region, accessKeyId, secretAccessKey } = storage;
    const client = new S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    });
    await client.send(new CreateBucketCommand({ Bucket: 'bank-files' }));
    return { client, [Symbol.asyncDispose]: () => storage.stop() };
  }

  it('tells of its objects by its own webhook, with the password of the URL', async () => {
    await using bridge = await startBridge();
    await using storage = await startStorage(url(bridge.port, TOKEN));
    expect(bridge.ignored).toEqual([['event', 'TestEvent']]);
    const keys = ['in/a.csv', 'in/a b+c.csv', 'in/März 文件 😀.csv', 'in/100%25.csv', 'in/50%.csv', 'in/../out.csv'];
    for (const Key of keys) await storage.client.send(new PutObjectCommand({ Bucket: 'bank-files', Key, Body: 'x' }));
    await storage.client.send(new DeleteObjectCommand({ Bucket: 'bank-files', Key: 'in/a.csv' }));
    await eventually(
      'every event',
      () => bridge.admissions.notices.length === keys.length && bridge.ignored.length === 2,
    );
    // The server sends each event in its own request, in any order.
    expect(bridge.admissions.notices.map(({ key }) => key).toSorted()).toEqual(keys.toSorted());
    expect(bridge.admissions.notices[0]).toMatchObject({
      bucket: 'bank-files',
      versionId: null,
      eTag: '9dd4e461268c8034f5c8564e155c67a6',
      size: 1,
    });
    expect(bridge.ignored[1]).toEqual(['in/a.csv', 'ObjectRemoved']);
  });

  it('is not heard with another password', async () => {
    await using bridge = await startBridge();
    await using storage = await startStorage(url(bridge.port, 'forged'));
    await storage.client.send(new PutObjectCommand({ Bucket: 'bank-files', Key: 'in/a.csv', Body: 'x' }));
    await eventually('answers to the test event and to the event', () => bridge.answered() === 2);
    expect(bridge.ignored).toEqual([]);
    expect(bridge.admissions.notices).toEqual([]);
  });
});
