/** What PostgreSQL refuses in a merge is tried row by row on the server; each row ends as if it were written alone. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { connect } from '#ledger/connection/postgres.ts';
import { mergeRows } from '#runner/load/merge-rows.ts';
import { describeTarget, prepareSession } from '#runner/load/target.ts';
import { emptyOutcome, type WriteOutcome } from '#runner/load/write-outcome.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { ITEMS_SCHEMA } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { policySchema } from '#support/records/duplicates.ts';
import { prepareGroup } from '#support/runner/prepared-chunks.ts';

interface Row {
  k: string;
  v: string;
}

const rowOf = (index: number) => index + 2;

function toRow(text: string): Row {
  const [k, v] = text.split(',');
  return { k: k!, v: v! };
}

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  let client: pg.Client;
  let statements: number;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
    await withClient(server.url, (db) => db.query('CREATE ROLE app'));
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = await createLedgerDatabase(server);
    client = await connect({ uri: url, applicationName: 'test' });
    return () => client.end();
  });

  async function merge(
    sql: string,
    rows: readonly Row[],
    schema: RecordSchemaSpec = ITEMS_SCHEMA,
  ): Promise<WriteOutcome> {
    await client.query(sql);
    const target = describeTarget(schema);
    await prepareSession(client, target);
    const uploadId = randomUUID();
    const columns = schema.target.columns.length;
    const group = prepareGroup(
      uploadId,
      new Map([
        [
          0,
          rows.map(({ k, v }, i) => ({ row: rowOf(i), values: [k, v, uploadId, String(rowOf(i))].slice(0, columns) })),
        ],
      ]),
    );
    const outcome = emptyOutcome('merge');
    const positions = rows.map((_, i) => i);
    await client.query('BEGIN; SET CONSTRAINTS ALL IMMEDIATE');
    statements = 0;
    const { query } = client;
    client.query = ((...args: Parameters<typeof query>) => {
      statements += 1;
      return query.apply(client, args);
    }) as typeof query;
    try {
      await mergeRows({ client, target, uploadId, buffer: group.rows, rows: positions, strategy: 'merge' }, outcome);
      await client.query('COMMIT');
    } finally {
      client.query = query;
    }
    return outcome;
  }
  const stored = async (): Promise<Row[]> => (await client.query('SELECT k, v FROM items ORDER BY k')).rows;

  const items = (more = '', v = 'text') =>
    `CREATE TABLE items (k text PRIMARY KEY, v ${v}, upload uuid, row bigint${more})`;
  const trigger = (
    body: string,
    when = 'BEFORE INSERT OR UPDATE',
  ) => `CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS
      $f$ BEGIN ${body} RETURN NEW; END $f$;
    CREATE TRIGGER fired ${when} ON items FOR EACH ROW EXECUTE FUNCTION fired()`;
  const numbered = (count: number, choose: (i: number) => string): Row[] =>
    Array.from({ length: count }, (_, i) => ({ k: `k${String(i).padStart(4, '0')}`, v: choose(i) }));

  it.each([
    ['a check', items(", CHECK (v <> 'bad')"), 30],
    ['an AFTER trigger', `${items()}; ${trigger("ASSERT NEW.v <> 'bad';", 'AFTER INSERT')}`, 30],
    ['a BEFORE trigger', `${items()}; ${trigger("ASSERT NEW.v <> 'bad';")}`, 30],
    [
      'a foreign key',
      `CREATE TABLE others (v text PRIMARY KEY); INSERT INTO others VALUES ('good'); ${items('', 'text REFERENCES others')}`,
      30,
    ],
  ])('every tenth of 1,000 rows is refused by %s: a few statements', async (_what, sql, most) => {
    const rows = numbered(1000, (i) => (i % 10 === 3 ? 'bad' : 'good'));
    const { refused, waiting, lost } = await merge(sql, rows);
    const out = [...refused, ...waiting].map(({ rowNumber }) => rowNumber);
    expect(out).toEqual(rows.flatMap(({ v }, i) => (v === 'bad' ? rowOf(i) : [])));
    expect(lost).toEqual([]);
    expect(await stored()).toEqual(rows.filter(({ v }) => v === 'good'));
    expect(statements).toBeLessThan(most);
  });

  it('every row that no type can read is found by the line that COPY names', async () => {
    const rows = numbered(1000, (i) => (i % 100 === 3 ? 'x' : '10.0.0.1'));
    const { refused } = await merge(items('', 'inet'), rows);
    expect(refused.map(({ rowNumber }) => rowNumber)).toEqual(rows.flatMap(({ v }, i) => (v === 'x' ? rowOf(i) : [])));
    expect(refused[0]!.message).toMatch(/\(22P02\), column v$/);
    expect(await client.query('SELECT FROM items')).toMatchObject({ rowCount: 990 });
  });

  it('each row is told by its own error', async () => {
    const body = `IF NEW.v = 'states' THEN RAISE EXCEPTION 'secret' USING ERRCODE = 'ZZ123'; END IF;
      IF NEW.v = 'zero' THEN NEW.row := 1 / 0; END IF;`;
    const { refused } = await merge(
      `${items(", CONSTRAINT no_bad CHECK (v <> 'bad'), CONSTRAINT no_ill CHECK (v <> 'ill')", 'text NOT NULL')}; ${trigger(body)}`,
      'bad,ill,states,zero,good,bad,zero,states,ill,good'.split(',').map((v, i) => ({ k: `k${i}`, v })),
    );
    const messages = refused.map(({ rowNumber, message }) => [
      rowNumber,
      message.replace(/^.*? (?=\([0-9A-Z]{5}\))/, ''),
    ]);
    expect(messages.slice(0, 4).map(([, message]) => message)).toEqual([
      '(23514), constraint no_bad',
      '(23514), constraint no_ill',
      expect.stringMatching(/^\(ZZ123\), function fired\(\) line 1$/),
      '(22012)',
    ]);
    expect(Object.fromEntries(messages)).toEqual({
      ...{ 2: messages[0]![1], 3: messages[1]![1], 4: messages[2]![1], 5: messages[3]![1] },
      ...{ 7: messages[0]![1], 8: messages[3]![1], 9: messages[2]![1], 10: messages[1]![1] },
    });
  });

  it.each(['57014', '42501', 'XX000', '0A000'])(
    '%s behind other refusals is a fault, and nothing is kept',
    async (state) => {
      const body = `IF NEW.v = 'bad' THEN RAISE EXCEPTION 'x'; END IF;
      IF NEW.v = 'server' THEN RAISE EXCEPTION 'x' USING ERRCODE = '${state}'; END IF;`;
      const rows = numbered(20, (i) => (i === 15 ? 'server' : i % 5 === 0 ? 'bad' : 'good'));
      await expect(merge(`${items()}; ${trigger(body)}`, rows)).rejects.toMatchObject({ code: state });
      await client.query('ROLLBACK');
      expect(await stored()).toEqual([]);
    },
  );

  describe('equal keys', () => {
    const rows = ['a,1', 'a,bad', 'a,3', 'b,bad', 'b,5', 'old,6', 'c,7', 'c,8'].map(toRow);
    it.each([
      ['Skip', { a: '1', b: '5', c: '7', old: 'stored' }, { lost: [4, 7, 9], displaced: [], updated: [] }],
      ['Update', { a: '3', b: '5', c: '8', old: '6' }, { lost: [], displaced: [2, 8], updated: [7] }],
    ] as const)('%s: the policy chooses among the rows that the table takes', async (policy, table, expected) => {
      const schema = policySchema({ policy, owner: true });
      const sql = `${items(", CHECK (v <> 'bad')")}; INSERT INTO items VALUES ('old', 'stored')`;
      const outcome = await merge(sql, rows, schema);
      expect(Object.fromEntries((await stored()).map(({ k, v }) => [k, v]))).toEqual(table);
      expect(outcome.refused.map(({ rowNumber }) => rowNumber)).toEqual([3, 5]);
      expect({ ...outcome, displaced: outcome.displaced.map(({ row }) => row) }).toMatchObject(expected);
    });
  });

  it('of rows that share a value of another unique index the first one stays', async () => {
    const rows = numbered(10, (i) => (i % 2 === 0 ? 'same' : `v${i}`)).reverse();
    const { refused } = await merge(items(', UNIQUE (v)'), rows);
    expect(refused.map(({ rowNumber }) => rowNumber)).toEqual([5, 7, 9, 11]);
  });

  it('rows that refer to later rows, and in a circle, are merged although others are refused', async () => {
    const sql = items(", CHECK (k <> 'bad')", 'text REFERENCES items');
    const rows = ['bad,bad', 'a,b', 'b,c', 'c,c', 'x,y', 'y,x', 'd,bad', 'e,d', 'f,none'].map(toRow);
    const outcome = await merge(sql, rows);
    expect(outcome.refused.map(({ rowNumber }) => rowNumber)).toEqual([2]);
    expect(outcome.waiting.map(({ rowNumber }) => rowNumber).sort((a, b) => a - b)).toEqual([8, 9, 10]);
    expect((await stored()).map(({ k }) => k)).toEqual(['a', 'b', 'c', 'x', 'y']);
  });

  it.each([
    ['the role', "PERFORM set_config('role', 'app', false);"],
    ['the search path', "PERFORM set_config('search_path', 'other', false);"],
    ['when constraints are checked', 'SET CONSTRAINTS ALL DEFERRED;'],
  ])('a trigger that changes %s changes nothing for the rows behind', async (_what, body) => {
    const sql = `CREATE SCHEMA other; CREATE TABLE other.items (k text PRIMARY KEY, v text, upload uuid, row bigint);
      GRANT ALL ON SCHEMA other TO app; GRANT ALL ON other.items TO app;
      ${items(', UNIQUE (v) DEFERRABLE')}; ${trigger(body)}`;
    const rows = numbered(12, (i) => (i % 4 === 3 ? 'v0' : `v${i}`));
    const schema = { ...ITEMS_SCHEMA, target: { ...ITEMS_SCHEMA.target, table: 'public.items' } };
    const { refused } = await merge(sql, rows, schema);
    expect(refused.map(({ rowNumber }) => rowNumber)).toEqual([5, 9, 13]);
    expect(await stored()).toHaveLength(9);
    expect(await client.query('SELECT FROM other.items')).toMatchObject({ rowCount: 0 });
  });
});
