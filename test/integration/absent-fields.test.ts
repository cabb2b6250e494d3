/** With Update, what a stored row has of fields that the file lacks stays, whatever the format and the kind of column. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';

const COLUMNS: RecordSchemaSpec['target']['columns'] = [
  { name: 'k', field: 'k' },
  { name: 'a', field: 'a' },
  { name: 'b', field: 'b' },
  { name: 'b_long', value: 'b == null ? null : size(b) > 3' },
  { name: 'a_b', value: 'a == null || b == null ? null : a + b' },
  {
    name: 'details',
    json: [
      { path: 'a', field: 'a' },
      { path: 'in.b', field: 'b' },
      { path: 'in.deep.c', field: 'c' },
    ],
  },
  { name: 'only_c', json: [{ path: 'c', field: 'c' }] },
];

const SCHEMA: RecordSchemaSpec = {
  fields: ['k', 'a', 'b', 'c'].map((name) => ({ name, type: 'string' })),
  fieldsMatch: 'superset',
  primaryKey: ['k'],
  target: { table: 'items', create: false, onDuplicate: 'Update', columns: COLUMNS },
};

const STORED = {
  a: 'old a',
  b: 'old b',
  b_long: 'true',
  details: { a: 'old a', more: 1, in: { b: 'old b', deep: { c: 'old c' } } },
  only_c: { c: 'old c' },
};
const TRIGGER = `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION touch()`;

describe.each(['', TRIGGER])('%s', (trigger) => {
  let server: Postgres;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres({ version: 14, settings: { fsync: 'off' } });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = await createLedgerDatabase(server);
    await run(`CREATE TABLE items (k text PRIMARY KEY, a text, b text, b_long text, a_b text, details jsonb, only_c json);
      INSERT INTO items SELECT k, 'old a', 'old b', 'true', NULL, '${JSON.stringify(STORED.details)}', '${JSON.stringify(STORED.only_c)}'
      FROM unnest('{1,2}'::text[]) AS k; ${trigger}`);
  });
  const run = (sql: string) => withClient(url, async (client) => (await client.query(sql)).rows);
  const load = async (key: string, file: string, schema = SCHEMA) => {
    const result = await loadInProcess(url, { schema, key, file, chunkRecords: 1 });
    if (result.refused) throw new Error(result.refused.message);
    return result.progress.counts;
  };

  it.each([
    ['f.csv', 'k,a\n1,new a\n3,third\n'],
    // A key that some object has is a field of the file: the other objects are blank there.
    ['f.ndjson', '{"k":"1","a":"new a"}\n{"k":"3","a":"third"}\n'],
  ])('%s without b and c', async (key, file) => {
    expect(await load(key, file)).toMatchObject({ succeeded: 2, updated: 1, failed: 0 });
    const [first, second, third] = await run('SELECT * FROM items ORDER BY k');
    expect(first).toEqual({ ...STORED, k: '1', a: 'new a', a_b: null, details: { a: 'new a', in: STORED.details.in } });
    expect(second).toMatchObject({ ...STORED, k: '2' });
    expect(third).toEqual({
      k: '3',
      a: 'third',
      b: null,
      b_long: null,
      a_b: null,
      details: { a: 'third' },
      only_c: {},
    });
  });

  it('a field that the file has, blank, is written', async () => {
    await load('f.ndjson', '{"k":"1","a":"new a","b":null}\n{"k":"2"}\n');
    const [first, second] = await run('SELECT k, a, b, details FROM items ORDER BY k');
    expect(first).toEqual({ k: '1', a: 'new a', b: null, details: { a: 'new a', in: { deep: { c: 'old c' } } } });
    expect(second).toEqual({ k: '2', a: null, b: null, details: { in: { deep: { c: 'old c' } } } });
  });
});
