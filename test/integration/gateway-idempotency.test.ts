import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '#common/clock.ts';
import { claimRequest, releaseRequest, renewClaim, storeAnswer } from '#ledger/gateway/requests.ts';
import { createDatabase, createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { soon } from '#support/gateway/file-steps.ts';
import {
  type Answer,
  type CallOptions,
  startUploadsGateway,
  type UploadsGateway,
} from '#support/gateway/uploads-gateway.ts';
import { eventually } from '#support/process/eventually.ts';

let server: Postgres;
let url: string;
let gateway: UploadsGateway;
let key: string;
beforeAll(async () => {
  server = await startPostgres();
  url = await createLedgerDatabase(server);
});
afterAll(() => server.stop());
beforeEach(async () => {
  gateway = await startUploadsGateway({ databaseUrl: url });
  gateway.putSchema('people');
  key = randomUUID();
});
afterEach(() => gateway[Symbol.asyncDispose]());

const FAILED = {
  phase: 'Failed',
  conditions: [
    { type: 'Failed', status: 'True', reason: 'x', message: 'x', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ],
};

/** Registers a file with an Idempotency-Key. */
const post = (body: object, options: CallOptions = {}): Promise<Answer> =>
  gateway.call('POST', '/uploads', { body, ...options, headers: { 'idempotency-key': key, ...options.headers } });
const uploads = () => gateway.api.all('batchuploads');
const sql = (text: string, values: unknown[] = []) => withClient(url, (client) => client.query(text, values));
const keys = async () =>
  (await sql('SELECT status FROM batch_upload.batch_upload_requests WHERE key = $1', [key])).rows;

describe('a request that comes again under its key', () => {
  it('gets the first answer, and changes nothing', async () => {
    const body = { file: gateway.putFile(), schema: 'people', name: 'u' };
    const first = await post(body);
    gateway.api.remove('batchuploads', 'n', 'u');
    const again = await post(body);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    for (const name of ['location', 'etag', 'content-type']) expect(again.headers[name]).toBe(first.headers[name]);
    expect([first.headers['idempotent-replayed'], again.headers['idempotent-replayed']]).toEqual([undefined, 'true']);
    expect(uploads()).toHaveLength(0);
  });

  it('is refused when it is another request', async () => {
    const file = gateway.putFile();
    await post({ file, schema: 'people', name: 'u' });
    for (const answer of [
      await post({ file, schema: 'people', name: 'v' }),
      await gateway.call('POST', '/uploads/u/retry', { headers: { 'idempotency-key': key } }),
    ]) {
      expect([answer.status, answer.body.type]).toEqual([422, 'https://batchupload.dev/problems/key-reused']);
      expect(answer.body.errors).toEqual([{ header: 'Idempotency-Key', detail: expect.any(String) }]);
    }
    expect(uploads()).toHaveLength(1);
  });

  it('is another one of another sender', async () => {
    await post({ file: gateway.putFile(), schema: 'people' });
    const other = await post({ file: gateway.putFile('bob'), schema: 'people' }, { user: 'bob' });
    expect([other.status, other.headers['idempotent-replayed']]).toEqual([201, undefined]);
    expect(uploads()).toHaveLength(2);
  });

  it('is another one in another namespace', async () => {
    await post({ file: gateway.putFile(), schema: 'people' });
    const other = await post({ file: gateway.putFile(), schema: 'people' }, { namespace: 'other' });
    expect([other.status, other.body.detail]).toEqual([
      422,
      expect.stringContaining('There is no RecordSchema people'),
    ]);
  });

  it('is carried out after a refusal, which has changed nothing', async () => {
    const body = { file: gateway.putFile(), schema: 'later' };
    expect((await post(body)).status).toBe(422);
    expect(await keys()).toEqual([]);
    gateway.putSchema('later');
    expect((await post(body)).status).toBe(201);
    expect(await keys()).toEqual([{ status: 201 }]);
  });

  it('is carried out after a fault', async () => {
    const body = { file: gateway.putFile(), schema: 'people' };
    const end = gateway.api.refuse(({ method }) => method === 'POST', 500, 'InternalError');
    gateway.deps.authorizer.authorize = async () => 'All';
    expect((await post(body)).status).toBe(503);
    expect(await keys()).toEqual([]);
    end();
    expect((await post(body)).status).toBe(201);
  });

  it('waits for the first one', async () => {
    const body = { file: gateway.putFile(), schema: 'people' };
    const release = gateway.api.hold(({ method, plural }) => method === 'POST' && plural === 'batchuploads');
    const answers: Answer[] = [];
    const posts = [1, 2, 3, 4, 5].map(async () => answers.push(await post(body)));
    await eventually('the answers to all but the first one', () => answers.length === 4);
    expect(answers.map(({ status }) => status)).toEqual([409, 409, 409, 409]);
    expect(answers[0]!.headers['retry-after']).toBe('2');
    release();
    await Promise.all(posts);
    expect(answers.at(-1)!.status).toBe(201);
    const later = await post(body);
    expect([later.status, later.headers['idempotent-replayed']]).toEqual([201, 'true']);
    expect(uploads()).toHaveLength(1);
  });

  it('takes over from a gateway that has died, after a minute', async () => {
    const body = { file: gateway.putFile(), schema: 'people' };
    await post(body);
    const die = (seconds: number) =>
      sql(
        `UPDATE batch_upload.batch_upload_requests SET status = NULL, headers = NULL, body = NULL,
           created_at = now() - make_interval(secs => $2) WHERE key = $1`,
        [key, seconds],
      );
    await die(50);
    expect((await post(body)).status).toBe(409);
    await die(61);
    // Another request never takes the key over.
    expect((await post({ ...body, name: 'other' })).status).toBe(422);
    const taken = await post(body);
    expect([taken.status, taken.headers['idempotent-replayed']]).toEqual([200, undefined]);
    expect(uploads()).toHaveLength(1);
  });

  it('waits for a request that takes minutes, and takes nothing over', async () => {
    // Time passes a hundred times as fast: the claim is renewed five times in a second.
    const clock: Clock = { ...systemClock, schedule: (ms, callback) => systemClock.schedule(ms / 100, callback) };
    await using fast = await startUploadsGateway({ databaseUrl: url, clock });
    fast.putSchema('people');
    const options = { body: { file: fast.putFile(), schema: 'people' }, headers: { 'idempotency-key': key } };
    const release = fast.api.hold(({ method, plural }) => method === 'POST' && plural === 'batchuploads');
    const first = fast.call('POST', '/uploads', options);
    await soon(async () => expect(await keys()).toEqual([{ status: null }]));
    await sql(`UPDATE batch_upload.batch_upload_requests SET created_at = now() - interval '61 s' WHERE key = $1`, [
      key,
    ]);
    const claimed = `SELECT created_at > now() - interval '30 s' AS renewed FROM batch_upload.batch_upload_requests WHERE key = $1`;
    await soon(async () => expect((await sql(claimed, [key])).rows).toEqual([{ renewed: true }]));
    expect((await fast.call('POST', '/uploads', options)).status).toBe(409);
    release();
    expect((await first).status).toBe(201);
    const later = await fast.call('POST', '/uploads', options);
    expect([later.status, later.headers['idempotent-replayed']]).toEqual([201, 'true']);
  });

  it('is not ended by the call from which it was taken over', async () => {
    const id = { clusterId: 'c', namespace: 'n', sender: 'alice', key };
    const [slow, taker] = [
      { ...id, claim: 'slow' },
      { ...id, claim: 'taker' },
    ];
    const answer = { status: 200, headers: {}, body: 'of the slow one' };
    await withClient(url, async (client) => {
      expect(await claimRequest(client, slow, 'h')).toEqual({ kind: 'claimed' });
      expect(await renewClaim(client, slow)).toBe(true);
      await client.query(
        `UPDATE batch_upload.batch_upload_requests SET created_at = now() - interval '61 s' WHERE key = $1`,
        [key],
      );
      expect(await claimRequest(client, taker, 'h')).toEqual({ kind: 'claimed' });
      expect(await renewClaim(client, slow)).toBe(false);
      await releaseRequest(client, slow);
      await storeAnswer(client, slow, answer);
      expect(await claimRequest(client, { ...id, claim: 'third' }, 'h')).toEqual({ kind: 'running' });
      await storeAnswer(client, taker, { ...answer, body: 'of the taker' });
      expect(await claimRequest(client, { ...id, claim: 'third' }, 'h')).toMatchObject({
        kind: 'answered',
        answer: { body: 'of the taker', headers: {} },
      });
    });
  });

  it('tells nothing of an upload of somebody else to a sender who may see only its own by now', async () => {
    await gateway.putUpload('bobs', { createdBy: 'bob', status: FAILED });
    const again = () => gateway.call('POST', '/uploads/bobs/retry', { headers: { 'idempotency-key': key } });
    expect((await again()).status).toBe(202);
    expect((await again()).headers['idempotent-replayed']).toBe('true');
    gateway.deps.authorizer.authorize = async () => 'Own';
    const refused = await again();
    expect([refused.status, refused.body.createdBy]).toEqual([422, undefined]);
  });

  it('is carried out again after a day, and old keys are removed', async () => {
    const body = { file: gateway.putFile(), schema: 'people' };
    await post(body);
    await sql(`UPDATE batch_upload.batch_upload_requests SET created_at = now() - interval '25 hours' WHERE key = $1`, [
      key,
    ]);
    await sql(
      `INSERT INTO batch_upload.batch_upload_requests (cluster_id, namespace, sender, key, request_hash, created_at)
       SELECT 'cluster', 'n', 'old', i::text, 'h', now() - interval '26 hours' FROM generate_series(1, 50) i`,
    );
    const again = await post(body);
    expect([again.status, again.headers['idempotent-replayed']]).toEqual([200, undefined]);
    const left = await sql(
      `SELECT count(*)::integer AS n FROM batch_upload.batch_upload_requests WHERE sender = 'old'`,
    );
    expect(left.rows[0].n).toBe(30);
  });
});

describe('a key', () => {
  it.each(['', 'a b', 'a'.repeat(129), 'a\tb', 'é'])('has printable ASCII characters: %j', async (bad) => {
    const answer = await post({ file: gateway.putFile(), schema: 'people' }, { headers: { 'idempotency-key': bad } });
    expect(answer.status).toBe(400);
    expect(uploads()).toHaveLength(0);
  });

  it('does nothing to a GET', async () => {
    await gateway.putUpload('u');
    const headers = { 'idempotency-key': key };
    expect((await gateway.call('GET', '/uploads/u', { headers })).status).toBe(200);
    expect(await keys()).toEqual([]);
  });
});

describe('the ledger', () => {
  it('is made by the first request', async () => {
    const fresh = await createDatabase(server);
    gateway.api.put('secrets', {
      metadata: { name: 'batch-upload-database', namespace: 'n' },
      data: { uri: Buffer.from(fresh).toString('base64') },
    });
    expect((await post({ file: gateway.putFile(), schema: 'people' })).status).toBe(201);
    const kept = await withClient(fresh, (client) => client.query('SELECT FROM batch_upload.batch_upload_requests'));
    expect(kept.rowCount).toBe(1);
  });

  it('must be there: nothing is done while it is away', async () => {
    gateway.api.put('secrets', {
      metadata: { name: 'batch-upload-database', namespace: 'n' },
      data: { uri: Buffer.from(url.replace(/@[^/]*/, '@127.0.0.1:1')).toString('base64') },
    });
    const answer = await post({ file: gateway.putFile(), schema: 'people' });
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5']);
    expect(answer.body.detail).toContain('The database cannot be reached');
    expect(uploads()).toHaveLength(0);
  });

  it('keeps every character in a database that is not in UTF-8', async () => {
    const name = `latin_${randomUUID().replaceAll('-', '')}`;
    await sql(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
    gateway.api.put('secrets', {
      metadata: { name: 'batch-upload-database', namespace: 'n' },
      data: { uri: Buffer.from(server.url.replace(/\/postgres$/, `/${name}`)).toString('base64') },
    });
    const file = gateway.putFile();
    gateway.files.get(file)!.key = `raw-uploads/${file}/名簿 €.csv`;
    const body = { file, schema: 'people' };
    const first = await post(body);
    const again = await post(body);
    expect([again.headers['idempotent-replayed'], again.body.file.name]).toEqual(['true', '名簿 €.csv']);
    expect(again.body).toEqual(first.body);
  });
});
