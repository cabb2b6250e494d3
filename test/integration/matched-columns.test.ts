/** The plan says what became of each column of the file, and the status shows it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat } from '#api/source-format.ts';
import { migrate } from '#ledger/migrate.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { readColumns } from '#ledger/uploads/read-columns.ts';
import { startController } from '#support/cluster/controller.ts';
import { createDatabase, createLedgerDatabase, withClient } from '#support/database/database.ts';
import { testPlan } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { eventually } from '#support/process/eventually.ts';
import { workbook } from '#support/records/workbook.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';

const SCHEMA: RecordSchemaSpec = {
  fields: [
    { name: 'id', type: 'string' },
    { name: 'birth_date', type: 'date', aliases: ['born'] },
  ],
  fieldsMatch: 'partial',
  primaryKey: ['id'],
  target: {
    table: 'people',
    create: true,
    onDuplicate: 'Skip',
    columns: [
      { name: 'id', field: 'id' },
      { name: 'birth_date', field: 'birth_date' },
    ],
  },
};
const NAMED: DeclaredFormat = {
  columns: [
    { name: 'Date of birth', field: 'birth_date' },
    { name: 'Comment', ignore: true },
  ],
};
const MATCHED = [
  { name: 'ID', field: 'id' },
  { name: 'Date of birth', field: 'birth_date' },
  { name: 'Comment', ignored: true },
];

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
    url = await createLedgerDatabase(server);
  });
  afterAll(() => server.stop());

  async function columnsOf(key: string, file: Buffer | string, format: DeclaredFormat = {}, database = url) {
    const result = await loadInProcess(database, { schema: SCHEMA, key, file, format });
    if (result.refused) throw new Error(result.refused.message);
    return withClient(database, (client) => readColumns(client, result.id));
  }

  it.each<[string, string, Buffer | string]>([
    ['a CSV', 'f.csv', 'ID,Date of birth,Comment\na,2000-01-31,x\n'],
    ['a CSV of another dialect', 'f.csv', Buffer.from('ID;Date of birth;Comment\na;2000-01-31;x\n', 'utf16le')],
    ['NDJSON', 'f.ndjson', '{"ID":"a","Date of birth":"2000-01-31"}\n{"ID":"b","Comment":1}\n'],
    [
      'a workbook',
      'f.xlsx',
      workbook({ rows: { 1: ['ID', 'Date of birth', 'Comment'], 2: ['a', '2000-01-31', 'x'] } }),
    ],
  ])('%s whose columns the upload names', async (_what, key, file) => {
    const format = Buffer.isBuffer(file) && key === 'f.csv' ? ({ ...NAMED, encoding: 'utf-16le' } as const) : NAMED;
    expect(await columnsOf(key, file, format)).toEqual({ columns: MATCHED, total: 3 });
  });

  it.each([
    ['f.csv', 'id,Born,other\na,2000-01-31,x\n'],
    ['f.ndjson', '{"id":"a","Born":"2000-01-31","other":1}\n'],
  ])('%s whose columns nobody names', async (key, file) => {
    const columns = [
      { name: 'id', field: 'id' },
      { name: 'Born', field: 'birth_date' },
      { name: 'other', ignored: true },
    ];
    expect(await columnsOf(key, file)).toEqual({ columns, total: 3 });
  });

  it('an empty file has none', async () => {
    expect(await columnsOf('f.csv', '')).toBeNull();
  });

  it('a database keeps names that it cannot store as texts of their characters', async () => {
    await withClient(server.url, (client) =>
      client.query("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"),
    );
    const latin = server.url.replace(/\/postgres$/, '/latin');
    await withClient(latin, migrate);
    const found = await columnsOf('f.ndjson', '{"id":"a","Größe":1,"имя":1,"half \\ud800":1}\n', {}, latin);
    expect(found?.columns.map(({ name }) => name)).toEqual([
      'id',
      'Größe',
      '\\u0438\\u043c\\u044f',
      expect.stringContaining('half '),
    ]);
  });

  it('of very many columns the first are read, with the number of all', async () => {
    const names = Array.from({ length: 2000 }, (_, i) => `c${i}`.padEnd(500, 'x'));
    const found = await columnsOf('f.csv', `id,${names.join(',')}\na${','.repeat(names.length)}\n`);
    expect(found).toMatchObject({ total: 2001 });
    expect(found!.columns).toHaveLength(100);
    expect(found!.columns[1]).toEqual({ name: names[0]!.slice(0, 256), ignored: true });
  });
});

describe('the status', () => {
  let server: Postgres;
  beforeAll(async () => {
    server = await startPostgres({ settings: { fsync: 'off' } });
  });
  afterAll(() => server.stop());

  it('shows the columns once the file is planned, and asks for them once', async () => {
    const url = await createDatabase(server);
    await using bench = await startController({ databases: { one: url } });
    bench.upload('one', 'u');
    await eventually('the upload is planned', () => bench.status('one', 'u')?.phase === 'Planning');
    expect(bench.status('one', 'u')).not.toHaveProperty('columns');
    const { uid: id } = bench.api.get('batchuploads', 'one', 'u')!.metadata!;
    const { columns } = testPlan('x');
    await withClient(url, (client) => commitPlan(client, { id: id!, attempt: 1 }, testPlan('x')));
    await eventually('the columns are shown', () => bench.status('one', 'u')?.columns !== undefined);
    expect(bench.status('one', 'u')).toMatchObject({ phase: 'Processing', columns });
    await withClient(url, (client) => client.query('UPDATE batch_upload.batch_uploads SET columns = NULL'));
    await withClient(url, (client) =>
      client.query(
        "UPDATE batch_upload.batch_uploads SET status = 'Failed', failure_reason = 'Test', completed_at = now()",
      ),
    );
    await eventually('the upload has failed', () => bench.status('one', 'u')?.phase === 'Failed');
    expect(bench.status('one', 'u')).toMatchObject({ columns });
  });

  it('says nothing of the columns that a release before this one has planned', async () => {
    const url = await createDatabase(server);
    await using bench = await startController({ databases: { one: url } });
    bench.upload('one', 'u');
    await eventually('the upload is planned', () => bench.status('one', 'u')?.phase === 'Planning');
    const { uid: id } = bench.api.get('batchuploads', 'one', 'u')!.metadata!;
    await withClient(url, (client) => commitPlan(client, { id: id!, attempt: 1 }, { ...testPlan('y'), columns: null }));
    await eventually('the upload goes on', () => bench.status('one', 'u')?.phase === 'Processing');
    expect(bench.status('one', 'u')).not.toHaveProperty('columns');
  });
});
