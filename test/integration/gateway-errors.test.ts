import { parse } from 'csv-parse/sync';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { Database } from '#ledger/client/database.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { openTestUpload } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { startUploadsGateway, type UploadsGateway } from '#support/gateway/uploads-gateway.ts';
import { eventually } from '#support/process/eventually.ts';
import { workbook } from '#support/records/workbook.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';

const SCHEMA: RecordSchemaSpec = {
  fields: [
    { name: 'k', type: 'string' },
    { name: 'v', type: 'string' },
    { name: 'n', type: 'integer' },
    { name: 'secret', type: 'string', sensitive: true },
  ],
  fieldsMatch: 'equal',
  primaryKey: ['k'],
  target: {
    table: 'items',
    create: true,
    onDuplicate: 'Skip',
    columns: [
      { name: 'k', field: 'k', type: 'text' },
      { name: 'v', field: 'v', type: 'text' },
      { name: 'n', field: 'n', type: 'bigint' },
    ],
  },
};

let server: Postgres;
let url: string;
let gateway: UploadsGateway;
beforeAll(async () => {
  server = await startPostgres();
  url = await createLedgerDatabase(server);
});
afterAll(() => server.stop());
afterEach(() => gateway?.[Symbol.asyncDispose]());

/** Loads lines by the job runner, and makes the resource of the upload. */
function load(lines: string[], options: { createdBy?: string } = {}) {
  return loadFile({ key: 'people.csv', file: ['k;v;n;secret', ...lines, ''].join('\n') }, options);
}

async function loadFile(
  file: { schema?: RecordSchemaSpec; key: string; file: Buffer | string },
  options: { createdBy?: string } = {},
) {
  const result = await loadInProcess(url, { schema: SCHEMA, ...file });
  if (result.refused) throw new Error(result.refused.message);
  gateway = await startUploadsGateway({ databaseUrl: url });
  await gateway.putUpload('u', { uid: result.id, ...options, status: { startTime: '2026-01-01T00:00:00Z' } });
  return { ...gateway, id: result.id, failed: result.progress.counts.failed };
}

describe('failed records', () => {
  it('are counted by their codes', async () => {
    const { call, failed } = await load(['a;b;1;s', 'a;b;1;s', 'c;d;x;s', ';d;1;s', 'e;f;y;s']);
    expect(failed).toBe(3);
    const { status, body } = await call('GET', '/uploads/u/errors');
    expect(status).toBe(200);
    // The duplicate was left out, and is no failed record.
    expect(body.failed).toBe(3);
    expect(body.codes.map(({ code, count }: { code: string; count: number }) => [code, count])).toEqual([
      ['VAL_005', 2],
      ['VAL_001', 1],
    ]);
    expect(JSON.stringify(body)).not.toContain('DUP_001');
  });

  it('come in pages, with sensitive values masked', async () => {
    const { call } = await load(['a;b;1;s', 'c;d;x;hidden', 'e;f;y;hidden', ';h;z;hidden']);
    const first = (await call('GET', '/uploads/u/errors/records?limit=2')).body;
    expect(first.items.map(({ row, data }: { row: number; data: string }) => [row, data])).toEqual([
      [3, 'c,d,x,***'],
      [4, 'e,f,y,***'],
    ]);
    expect(first.items[0].faults).toEqual([{ code: 'VAL_005', field: 'n', message: expect.any(String) }]);
    expect(first.nextAfter).toBe(4);
    const second = (await call('GET', `/uploads/u/errors/records?limit=2&after=${first.nextAfter}`)).body;
    expect(second.items.map(({ row, faults }: { row: number; faults: object[] }) => [row, faults.length])).toEqual([
      [5, 2],
    ]);
    expect(second).not.toHaveProperty('nextAfter');
    for (const query of ['limit=0', 'limit=501', 'after=-1', 'after=x', 'page=2', `after=${'9'.repeat(16)}`]) {
      expect([query, (await call('GET', `/uploads/u/errors/records?${query}`)).status]).toEqual([query, 400]);
    }
  });

  it('come whole as a file with the columns and the delimiter of the upload’s own', async () => {
    const wide = Array.from({ length: 1500 }, (_, i) => `k${i};"=1+1 ""é;";${i % 3 === 0 ? i : `x${i}`};hidden-${i}`);
    const { call, failed } = await load(wide);
    expect(failed).toBe(1000);
    const { status, text, headers } = await call('GET', '/uploads/u/errors.csv');
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="u-errors.csv"',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    const [header, ...records] = parse(text, { delimiter: ';' });
    expect(header).toEqual(['k', 'v', 'n', 'secret', '_row', '_code', '_message']);
    const rows = Array.from({ length: 1500 }, (_, i) => i).filter((i) => i % 3 !== 0);
    expect(records.map(([k, v, n, secret, row, code]: string[]) => [k, v, n, secret, row, code])).toEqual(
      rows.map((i) => [`k${i}`, `'=1+1 "é;`, `x${i}`, '***', String(i + 2), 'VAL_005']),
    );
    const kept = parse((await call('GET', '/uploads/u/errors.csv?formulas=kept')).text, { delimiter: ';' });
    expect(kept[1]![1]).toBe('=1+1 "é;');
  });

  it('are those of the upload that has loaded the same content', async () => {
    const { call, putUpload, id } = await load(['a;b;x;s']);
    const same = await withClient(url, async (client) => {
      const uid = await openTestUpload(client, { schema: SCHEMA });
      await client.query('UPDATE batch_upload.batch_uploads SET same_as = $2 WHERE id = $1', [uid, id]);
      return uid;
    });
    await putUpload('same', { uid: same, status: { startTime: '2026-01-01T00:00:00Z' } });
    expect((await call('GET', '/uploads/same/errors')).body.failed).toBe(1);
    expect((await call('GET', '/uploads/same/errors/records')).body.items).toHaveLength(1);
    expect((await call('GET', '/uploads/same/errors.csv')).text).toMatch(
      /^k;v;n;secret;_row;_code;_message\na;b;x;\*{3};2;/,
    );
  });

  it('are none before the upload is accepted', async () => {
    gateway = await startUploadsGateway({ databaseUrl: url });
    const { call, putUpload } = gateway;
    await putUpload('u');
    expect((await call('GET', '/uploads/u/errors')).body).toEqual({ failed: 0, codes: [] });
    expect((await call('GET', '/uploads/u/errors/records')).body).toEqual({ items: [] });
    expect((await call('GET', '/uploads/u/errors.csv')).text).toBe('_row,_code,_message\n');
  });

  it('need the right to read them, or to have sent the file', async () => {
    const { call, allow } = await load(['a;b;x;s'], { createdBy: 'partner' });
    const paths = ['/errors', '/errors/records', '/errors.csv'];
    const statuses = (user: string) =>
      Promise.all(paths.map(async (path) => (await call('GET', `/uploads/u${path}`, { user })).status));
    // The role view may list uploads, and nothing of what they hold.
    allow(({ user, resourceAttributes: { verb, subresource } }) => {
      if (user === 'viewer') return subresource === undefined && ['get', 'list', 'watch'].includes(verb);
      return verb === 'create' && subresource === undefined;
    });
    expect(await statuses('viewer')).toEqual([403, 403, 403]);
    expect(await statuses('other-partner')).toEqual([404, 404, 404]);
    expect(await statuses('partner')).toEqual([200, 200, 200]);
  });

  it('are read no further than their reader takes them, and a cut file never looks whole', async () => {
    const text = 'é'.repeat(4000);
    const { url: base } = await load(Array.from({ length: 6000 }, (_, i) => `k${i};${text};x;s`));
    const run = Database.prototype.run;
    let pages = 0;
    Database.prototype.run = function (this: Database, ...rest: Parameters<typeof run>) {
      pages += 1;
      return run.apply(this, rest);
    } as never;
    try {
      const answer = await fetch(`${base}/v1/namespaces/n/uploads/u/errors.csv`, {
        headers: { 'x-test-user': 'alice' },
      });
      expect(answer.status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const read = pages;
      expect(read).toBeLessThan(25);
      await withClient(url, (client) => client.query('ALTER TABLE batch_upload.batch_upload_errors RENAME TO away'));
      await expect(answer.text()).rejects.toThrow();
      expect(gateway.log.entries.map(({ message }) => message)).toContain('a file of failed records was cut off');
    } finally {
      Database.prototype.run = run;
      await withClient(url, (client) =>
        client.query('ALTER TABLE IF EXISTS batch_upload.away RENAME TO batch_upload_errors'),
      );
    }
  });

  it('are read as four files at the same time by one user, and others go on', async () => {
    const text = 'é'.repeat(4000);
    const { url: base, call } = await load(Array.from({ length: 3000 }, (_, i) => `k${i};${text};x;s`));
    const read = () => fetch(`${base}/v1/namespaces/n/uploads/u/errors.csv`, { headers: { 'x-test-user': 'alice' } });
    const answers = await Promise.all([read(), read(), read(), read()]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const fifth = await call('GET', '/uploads/u/errors.csv');
    expect([fifth.status, fifth.headers['retry-after']]).toEqual([429, '5']);
    expect(fifth.body.detail).toMatch(/You are reading 4 files of failed records/);
    expect((await call('GET', '/uploads/u/errors.csv', { user: 'bob' })).status).toBe(200);
    expect((await call('GET', '/uploads/u/errors')).status).toBe(200);
    // A file that is read to its end, and one whose reader goes away, make room for another one.
    expect((await answers[0]!.text()).split('\n')).toHaveLength(3002);
    await answers[1]!.body!.cancel();
    const next = async () => (await call('GET', '/uploads/u/errors.csv')).status === 200;
    await eventually('alice may read a file again', next);
    // An upload that cannot be read takes none of the files.
    for (let count = 0; count < 5; count += 1) {
      expect((await call('GET', '/uploads/none/errors.csv')).status).toBe(404);
    }
    await Promise.all([call('GET', '/uploads/u/errors.csv'), call('GET', '/uploads/u/errors.csv')]).then((both) =>
      expect(both.map(({ status }) => status)).toEqual([200, 200]),
    );
    await Promise.all([answers[2]!.body!.cancel(), answers[3]!.body!.cancel()]);
  });

  it('cannot be had while their database is away, which is said', async () => {
    const { call, api, deps, putUpload } = await load(['a;b;x;s']);
    const uri = url.replace(/@[^/]*/, '@127.0.0.1:1');
    api.put('secrets', {
      metadata: { name: 'batch-upload-database', namespace: 'n' },
      data: { uri: Buffer.from(uri).toString('base64') },
    });
    await deps.databases.open({ namespace: 'n', name: 'batch-upload-database' }, { fresh: true });
    for (const path of ['/errors', '/errors/records', '/errors.csv']) {
      const { status, headers, body } = await call('GET', `/uploads/u${path}`);
      expect([status, headers['retry-after']]).toEqual([503, '5']);
      expect(body.detail).toContain('The database cannot be reached');
    }
    await putUpload('v', {
      spec: {
        source: { type: 'Manual', s3: { bucket: 'b', key: 'k' } },
        schemaRef: { name: 's' },
        target: { databaseSecretRef: { name: 'others' } },
      },
      status: { startTime: '2026-01-01T00:00:00Z' },
    });
    const other = await call('GET', '/uploads/v/errors');
    expect([other.status, other.body.detail]).toEqual([422, expect.stringContaining('extraSecretNames')]);
  });
});

/** One schema of German texts, whose workbooks and lines of JSON have typed values. */
const PAYMENTS: RecordSchemaSpec = {
  fields: [
    { name: 'id', type: 'integer', groupChar: '.' },
    { name: 'amount', type: 'number', decimalChar: ',', groupChar: '.' },
    { name: 'paid', type: 'boolean', trueValues: ['ja'], falseValues: ['nein'] },
    { name: 'day', type: 'date', format: '%d.%m.%Y' },
    { name: 'sent', type: 'datetime', format: '%d.%m.%Y %H:%M' },
    { name: 'note', type: 'string', constraints: { enum: ['good'] } },
  ],
  fieldsMatch: 'equal',
  primaryKey: ['id'],
  target: {
    table: 'payments',
    create: true,
    onDuplicate: 'Skip',
    columns: [
      { name: 'id', field: 'id', type: 'bigint' },
      { name: 'amount', field: 'amount', type: 'numeric' },
      { name: 'paid', field: 'paid', type: 'boolean' },
      { name: 'day', field: 'day', type: 'date' },
      { name: 'sent', field: 'sent', type: 'timestamptz' },
      { name: 'note', field: 'note', type: 'text' },
    ],
  },
};
const PAYMENT_FIELDS = PAYMENTS.fields.map(({ name }) => name);
const LOADED = ['1234', '1.234', true, '2025-01-31', '2025-01-31T18:00:00', 'good'];

describe('failed records with typed values', () => {
  it.each([
    [
      'payments.xlsx',
      workbook({
        formats: ['dd.mm.yyyy', 'dd.mm.yyyy hh:mm'],
        rows: {
          1: PAYMENT_FIELDS,
          2: [{ v: '1234' }, { v: '1.234' }, { t: 'b', v: '1' }, { s: 1, v: '45688' }, { s: 2, v: '45688.75' }, 'bad'],
        },
      }),
    ],
    [
      'payments.ndjson',
      `${JSON.stringify({ id: 1234, amount: 1.234, paid: true, day: '31.01.2025', sent: '31.01.2025 18:00', note: 'bad' })}\n`,
    ],
  ])('load again as the same values when the faulty field of %s is mended', async (key, file) => {
    const { call, failed } = await loadFile({ schema: PAYMENTS, key, file });
    expect(failed).toBe(1);
    const { items } = (await call('GET', '/uploads/u/errors/records')).body;
    const csv = (await call('GET', '/uploads/u/errors.csv')).text;
    const [header, record] = parse(csv) as string[][];
    expect(header!.slice(0, 6)).toEqual(PAYMENT_FIELDS);
    const own = (line: string[]) => line.slice(0, 6).map((text) => `"${text}"`);
    const [shown] = parse(items[0].data) as string[][];
    for (const line of [record!, shown!]) {
      const mended = [header!.slice(0, 6).join(','), own(line).join(',').replace('bad', 'good'), ''].join('\n');
      await withClient(url, (client) => client.query('DROP TABLE payments'));
      const again = await loadInProcess(url, { schema: PAYMENTS, key: 'again.csv', file: mended });
      expect(again).toMatchObject({ refused: null, progress: { counts: { succeeded: 1, failed: 0 } } });
      const { rows } = await withClient(url, (client) =>
        client.query({
          text: `SELECT id::text, amount::text, paid, day::text,
              to_char(sent AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS'), note FROM payments`,
          rowMode: 'array',
        }),
      );
      expect(rows).toEqual([LOADED]);
    }
  });
});
