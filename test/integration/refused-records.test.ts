/**
 * What fails with one record alone is that record's fault, on every way of writing, and never the fault of a record
 * where the server, the session or an altered table is at fault; see docs/explanation/refused-records.md.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { connect, databaseFault } from '#ledger/connection/postgres.ts';
import { commitChunkGroup } from '#runner/load/commit-chunk-group.ts';
import { describeTarget, prepareSession } from '#runner/load/target.ts';
import { WRITE_STRATEGIES, type WriteStrategy } from '#runner/load/write-outcome.ts';
import { readTargetColumns } from '#runner/target/read-columns.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { ITEMS_SCHEMA, planTestUpload } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { prepareGroup } from '#support/runner/prepared-chunks.ts';

let server: Postgres;
beforeAll(async () => {
  server = await startPostgres({ settings: { fsync: 'off' } });
});
afterAll(() => server.stop());

interface Load {
  /** Makes the table `items` with the columns k, v, upload and row. */
  sql: string;
  /** The values of v in each chunk. */
  chunks: string[][];
  strategy?: WriteStrategy;
  schema?: RecordSchemaSpec;
  mode?: 'Commit' | 'Validate';
  /** Commits all chunks together, as far as possible; default: each alone. */
  together?: boolean;
  /** Runs before the chunk with this number. */
  before?: { chunk: number; sql: string };
  canLock?: boolean;
}

async function load(options: Load) {
  const { sql, chunks, strategy = 'optimistic', schema = ITEMS_SCHEMA, mode, canLock = true } = options;
  const url = await createLedgerDatabase(server);
  await withClient(url, (client) => client.query(sql));
  const client = await connect({ uri: url, applicationName: 'test' });
  try {
    const target = describeTarget(schema, { rolledBack: mode === 'Validate' });
    await prepareSession(client, target);
    const columnTypes = canLock ? (await readTargetColumns(client, target)).types : null;
    const columns = schema.target.columns.length;
    let row = 2;
    const numbered = chunks.map((values) => values.map((value) => ({ row: row++, value })));
    const id = await withClient(url, (db) =>
      planTestUpload(
        db,
        numbered.map((items) => ({ firstRowNumber: items[0]!.row, recordCount: items.length })),
      ),
    );
    const commit = (numbers: number[]) => {
      const items = numbers.map((number) => {
        const rows = numbered[number]!.map(({ row, value }) => ({
          row,
          values: [`k${row}`, value, id, String(row)].slice(0, columns),
        }));
        return [number, rows] as const;
      });
      const transaction = { client, target, columnTypes, uploadId: id, attempt: 1, metadata: {}, strategy };
      return commitChunkGroup(transaction, prepareGroup(id, new Map(items)));
    };
    const all = numbered.map((_, number) => number);
    const joined = options.together ? await commit(all) : { done: false as const };
    if (!joined.done) {
      for (const number of all) {
        if (options.before?.chunk === number) await withClient(url, (db) => db.query(options.before!.sql));
        await commit([number]);
      }
    }
    const read = async (text: string) => (await client.query(text)).rows;
    const refused = await read(`SELECT row_number::int AS row, error_code AS code, error_message AS message
      FROM batch_upload.batch_upload_errors ORDER BY 1`);
    const [counts] = await read(`SELECT sum(succeeded_count)::int AS succeeded, sum(failed_count)::int AS failed,
      sum(duplicate_count)::int AS duplicate FROM batch_upload.batch_upload_audit_logs WHERE event_type = 'chunk_completed'`);
    const [{ n }] = await read('SELECT count(*)::int AS n FROM items');
    return { refused, counts, stored: n as number };
  } finally {
    await client.end();
  }
}

const table = (type: string, more = '') =>
  `CREATE TABLE items (k text PRIMARY KEY, v ${type}, upload uuid, row bigint${more})`;

/** A trigger that runs the statements for the value `bad`. */
const trigger = (statements: string, kind = 'BEFORE INSERT OR UPDATE') => `${table('text')};
  CREATE FUNCTION check_item() RETURNS trigger LANGUAGE plpgsql AS $f$
  DECLARE n integer; BEGIN IF NEW.v = 'bad' THEN ${statements} END IF; RETURN NEW; END $f$;
  CREATE TRIGGER check_item ${kind} ON items FOR EACH ROW EXECUTE FUNCTION check_item()`;
const raise = (state: string) => trigger(`RAISE EXCEPTION 'the secret' USING ERRCODE = '${state}';`);
const long = () => Array.from({ length: 9000 }, (_, i) => ((i * 7919) % 36).toString(36) + ((i * i) % 97)).join('');

const REFUSALS: [what: string, sql: string, good: string, bad: string, message: RegExp][] = [
  ['54000: an index row', `${table('text')}; CREATE INDEX ON items (v)`, 'a', long(), /too large .*\(54000\)/],
  ['42601: tsquery', table('tsquery'), 'a', 'a &', /grammar of its type \(42601\), column v$/],
  ['42601: ltree', `CREATE EXTENSION ltree; ${table('ltree')}`, 'a.b', 'a..b', /\(42601\), column v$/],
  ['42704: regtype', table('regtype'), 'integer', 'nonsense', /names an object .*\(42704\), column v$/],
  ['42883: regprocedure', table('regprocedure'), 'lower(text)', 'nonsense(text)', /\(42883\), column v$/],
  ['42P01: regclass', table('regclass'), 'pg_class', 'nonsense', /names a table .*\(42P01\), column v$/],
  ['0A000: regclass of another database', table('regclass'), 'pg_class', 'a.b.c', /\(0A000\), column v$/],
  [
    '0A000: a trigger moves the row to another partition',
    trigger("NEW.k := 'moved';").replace(
      'row bigint);',
      "row bigint) PARTITION BY LIST (k); CREATE TABLE p1 PARTITION OF items DEFAULT; CREATE TABLE p2 PARTITION OF items FOR VALUES IN ('moved');",
    ),
    'a',
    'bad',
    /moves the row to another partition \(0A000\)$/,
  ],
  ['3F000: regtype with a schema', table('regtype'), 'integer', 'nowhere.t', /\(3F000\), column v$/],
  ['22P02: jsonpath', table('jsonpath'), '$.a', '$.', /\((42601|22P02)\), column v$/],
  ['2201B: a pattern', `${table('text')}; ALTER TABLE items ADD CHECK ('a' ~ v)`, 'a', '(', /\(2201B\)/],
  [
    '22012: a generated column',
    table('integer', ', g integer GENERATED ALWAYS AS (1 / v) STORED'),
    '1',
    '0',
    /\(22012\)/,
  ],
  ['22012: an index', `${table('integer')}; CREATE INDEX ON items ((1 / v))`, '1', '0', /\(22012\)/],
  [
    '23514: a domain',
    `CREATE DOMAIN small AS text CHECK (length(VALUE) < 3); ${table('small')}`,
    'a',
    'abcd',
    /\(23514\)/,
  ],
  [
    '23514: a partition',
    `${table('text')} PARTITION BY LIST (k); CREATE TABLE p PARTITION OF items FOR VALUES IN ('k2', 'k3')`,
    'a',
    'b',
    /\(23514\)/,
  ],
  [
    '23P01: an exclusion',
    `${table('int4range')}; ALTER TABLE items ADD EXCLUDE USING gist (v WITH &&); INSERT INTO items VALUES ('x', '[5,9]')`,
    'empty',
    '[6,7]',
    /\(23P01\), constraint/,
  ],
  [
    '54001: depth',
    `${table('text')}; ALTER TABLE items ADD CHECK (v::json IS NOT NULL)`,
    '1',
    '['.repeat(100_000),
    /\(54001\)/,
  ],
  ['P0001', raise('P0001'), 'a', 'bad', /\(P0001\), function check_item\(\) line \d+$/],
  ['45000', raise('45000'), 'a', 'bad', /\(45000\), function check_item/],
  ['a state of its own', raise('ZZ123'), 'a', 'bad', /\(ZZ123\), function check_item/],
  ['42883 that is raised', raise('42883'), 'a', 'bad', /\(42883\)/],
  ...['2F005', '38000', '39004', '21000', '44000', '02000', 'P0000', '09000', '72000', 'HV000'].map(
    (state): [string, string, string, string, RegExp] => [
      state,
      raise(state),
      'a',
      'bad',
      new RegExp(`\\(${state}\\)`),
    ],
  ),
  ['P0002', trigger('SELECT 1 INTO STRICT n WHERE false;'), 'a', 'bad', /did not find a row \(P0002\), function/],
  ['P0003', trigger('SELECT x INTO STRICT n FROM generate_series(1, 2) x;'), 'a', 'bad', /\(P0003\)/],
  ['P0004', trigger('ASSERT false;'), 'a', 'bad', /\(P0004\)/],
  ['21000', trigger('n := (SELECT x FROM generate_series(1, 2) x);'), 'a', 'bad', /\(21000\)/],
  ['20000', trigger("CASE NEW.v WHEN 'x' THEN n := 1; END CASE;"), 'a', 'bad', /\(20000\)/],
  ['2D000', trigger('COMMIT;'), 'a', 'bad', /\(2D000\)/],
  ['42601 of EXECUTE', trigger("EXECUTE 'SELECT ' || NEW.v || ' from';"), 'a', 'bad', /\(42601\)/],
  ['22P02', trigger('n := NEW.v;'), 'a', 'bad', /\(22P02\)/],
  ['an AFTER trigger', trigger('ASSERT false;', 'AFTER INSERT OR UPDATE'), 'a', 'bad', /\(P0004\)/],
];

describe.each(WRITE_STRATEGIES)('one record fails, the others are stored (first strategy: %s)', (strategy) => {
  it.each(REFUSALS)('%s', async (_what, sql, good, bad, message) => {
    const isPartition = bad === 'b';
    const chunks = isPartition ? [[good, good, bad]] : [[good, bad, good]];
    const expected = {
      refused: [{ row: isPartition ? 4 : 3, code: 'DB_001', message: expect.stringMatching(message) }],
    };
    const result = await load({ sql, chunks, strategy });
    expect(result).toMatchObject({ ...expected, counts: { succeeded: 2, failed: 1, duplicate: 0 } });
    expect(JSON.stringify(result)).not.toContain('secret');
  });
});

describe('on the other ways of writing', () => {
  const sql = `${trigger('ASSERT false;')}; INSERT INTO items VALUES ('k2', 'old'), ('k4', 'old')`;
  const update: RecordSchemaSpec = { ...ITEMS_SCHEMA, target: { ...ITEMS_SCHEMA.target, onDuplicate: 'Update' } };
  const noOwner: RecordSchemaSpec = {
    ...update,
    target: { ...update.target, columns: ITEMS_SCHEMA.target.columns.slice(0, 2) },
  };

  it.each(['optimistic', 'probe'] as const)('several chunks together (%s)', async (strategy) => {
    const result = await load({
      ...{ sql: trigger('ASSERT false;'), strategy, together: true },
      chunks: [['a', 'b'], ['c', 'bad'], ['d']],
    });
    expect(result).toMatchObject({
      stored: 4,
      refused: [{ row: 5, code: 'DB_001' }],
      counts: { succeeded: 4, failed: 1 },
    });
  });

  it('a stored row that is replaced', async () => {
    const result = await load({ sql, schema: update, chunks: [['bad', 'b', 'c']] });
    expect(result).toMatchObject({
      stored: 3,
      refused: [{ row: 2, code: 'DB_001' }],
      counts: { succeeded: 2, failed: 1 },
    });
  });

  it('a record alone in its chunk', async () => {
    const result = await load({ sql: trigger('ASSERT false;'), chunks: [['bad'], ['a']] });
    expect(result).toMatchObject({
      stored: 1,
      refused: [{ row: 2, code: 'DB_001' }],
      counts: { succeeded: 1, failed: 1 },
    });
  });

  it('mode Validate', async () => {
    const result = await load({ sql, mode: 'Validate', chunks: [['a', 'bad', 'c'], ['bad']] });
    expect(result.stored).toBe(2);
    expect(result.refused.filter(({ code }) => code === 'DB_001').map(({ row }) => row)).toEqual([3, 5]);
  });

  it('Update into a table that does not say which upload wrote a row', async () => {
    const result = await load({
      sql,
      schema: noOwner,
      chunks: [
        ['bad', 'b', 'c'],
        ['bad', 'e'],
      ],
    });
    expect(result).toMatchObject({
      ...{ stored: 4, counts: { succeeded: 3, failed: 2, duplicate: 0 } },
      refused: [
        { row: 2, code: 'DB_001' },
        { row: 5, code: 'DB_001' },
      ],
    });
  });

  describe.each(['Commit', 'Validate'] as const)('what is checked at COMMIT, mode %s', (mode) => {
    const deferred = `${trigger('', 'AFTER INSERT')}; DROP TRIGGER check_item ON items;
      CREATE OR REPLACE FUNCTION check_item() RETURNS trigger LANGUAGE plpgsql AS
        $f$ BEGIN ASSERT NEW.v <> 'bad'; RETURN NULL; END $f$;
      CREATE CONSTRAINT TRIGGER check_item AFTER INSERT OR UPDATE ON items DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION check_item()`;
    const again = `${deferred}; CREATE FUNCTION defer() RETURNS trigger LANGUAGE plpgsql AS
        $f$ BEGIN SET CONSTRAINTS ALL DEFERRED; RETURN NEW; END $f$;
      CREATE TRIGGER defer BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION defer()`;
    const unique = `${table('text')}; ALTER TABLE items ADD UNIQUE (v) DEFERRABLE INITIALLY DEFERRED;
      INSERT INTO items VALUES ('x', 'bad')`;
    it.each([
      ['a constraint trigger', deferred, 'P0004'],
      ['a constraint trigger that another trigger defers again', again, 'P0004'],
      ['a unique constraint', unique, '23505'],
    ])('%s', async (_what, sqlOf, code) => {
      for (const together of [false, true]) {
        const result = await load({
          sql: sqlOf,
          mode,
          together,
          chunks: [
            ['a', 'bad'],
            ['b', 'c'],
          ],
        });
        expect(result).toMatchObject({
          refused: [{ row: 3, code: 'DB_001', message: expect.stringContaining(code) }],
          counts: { succeeded: 3, failed: 1 },
        });
      }
    });
  });
});

describe('never the fault of a record', () => {
  it('all values of a chunk that the type of a column cannot read: the upload fails, and says why', async () => {
    const chunks = [['nowhere', 'gone', 'lost']];
    await expect(load({ sql: table('regclass'), chunks })).rejects.toMatchObject({
      code: 'DB_42P01',
      message: expect.stringMatching(/refused all 3 records of a chunk/),
    });
  });

  const states = ['08000', '0A000', '25006', '26000', '28000', '3D000', '40001', '42501', '42P01', '53100', '55000'];
  it.each([...states, '57014', '55P03', '58030', 'F0000', 'XX000'])('%s', async (state) => {
    const error = await load({ sql: raise(state), chunks: [['a', 'bad', 'c']] }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: state });
    // A trigger that raises such a code is named, with what it should raise instead.
    if (state.startsWith('28')) return;
    expect(databaseFault(error).message).toMatch(
      /function check_item\(\) line \d+.*must raise another SQLSTATE.*P0001/,
    );
    expect(databaseFault(error).message).not.toContain('secret');
  });

  it.each<[string, string]>([
    ['42703', 'n := NEW.gone;'],
    ['42883', 'n := no_such_function(1);'],
    ['42601', "EXECUTE 'SELECT FROM WHERE';"],
    ['3F000', 'n := nowhere.f(1);'],
  ])('a trigger that fails for every record with %s: the upload fails, and says why', async (state, statement) => {
    const sql = trigger(statement).replace("IF NEW.v = 'bad'", 'IF true');
    await expect(load({ sql, chunks: [['a', 'b', 'c']] })).rejects.toMatchObject({
      code: `DB_${state}`,
      category: 'permanent',
      message: expect.stringMatching(/refused all 3 records of a chunk.*Correct it/),
    });
  });
});

describe('the table is altered while it is loaded', () => {
  it.each([true, false])('a column is dropped (the role may lock the table: %s)', async (canLock) => {
    const before = { chunk: 1, sql: 'ALTER TABLE items DROP COLUMN v' };
    await expect(
      load({
        sql: table('text'),
        canLock,
        before,
        chunks: [
          ['a', 'b'],
          ['c', 'd'],
        ],
      }),
    ).rejects.toMatchObject({ code: 'DB_TARGET_CHANGED' });
  });

  it.each([true, false])('a column gets another type (the role may lock the table: %s)', async (canLock) => {
    const before = { chunk: 1, sql: 'ALTER TABLE items ALTER COLUMN v TYPE text' };
    await expect(
      load({ sql: table('integer'), canLock, before, strategy: 'merge', chunks: [['1'], ['2', 'x']] }),
    ).rejects.toMatchObject({
      code: 'DB_TARGET_CHANGED',
    });
  });

  it.each([true, false])('the key is dropped (the role may lock the table: %s)', async (canLock) => {
    const before = { chunk: 1, sql: 'ALTER TABLE items DROP CONSTRAINT items_pkey' };
    await expect(
      load({ sql: table('text'), canLock, before, strategy: 'merge', chunks: [['a'], ['b']] }),
    ).rejects.toMatchObject({ code: 'DB_TARGET_CHANGED' });
  });

  it.each([true, false])('the table is dropped (the role may lock the table: %s)', async (canLock) => {
    const before = { chunk: 1, sql: 'DROP TABLE items' };
    await expect(load({ sql: table('text'), canLock, before, chunks: [['a'], ['b']] })).rejects.toMatchObject({
      code: '42P01',
    });
  });

  it('a column that only a trigger uses is dropped', async () => {
    const sql = `${trigger('', 'BEFORE INSERT')}; ALTER TABLE items ADD COLUMN note text;
      CREATE OR REPLACE FUNCTION check_item() RETURNS trigger LANGUAGE plpgsql AS
        $f$ BEGIN NEW.note := NEW.v; RETURN NEW; END $f$`;
    const before = { chunk: 1, sql: 'ALTER TABLE items DROP COLUMN note' };
    await expect(
      load({
        sql,
        before,
        chunks: [
          ['a', 'b'],
          ['c', 'd'],
        ],
      }),
    ).rejects.toMatchObject({
      code: 'DB_42703',
      category: 'permanent',
    });
  });
});
