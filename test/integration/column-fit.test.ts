/** Values of which a column's type would lose a part: they fail their record, or are stored without the loss. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';

type FieldType = RecordSchemaSpec['fields'][number]['type'];

/** Each case has the field's type, the column's type, values that are stored (as what), and values that fail. */
const CASES: [FieldType, string, Record<string, string>, string[]][] = [
  [
    'datetime',
    'timestamp',
    {
      '2025-01-31T12:00:00+02:00': '2025-01-31 10:00:00',
      '2025-01-01T00:30:00.123456+01:00': '2024-12-31 23:30:00.123456',
      '2024-02-28T23:30:00-00:45': '2024-02-29 00:15:00',
      '2025-01-31T12:00:00Z': '2025-01-31 12:00:00',
      '2025-01-31T12:00:01': '2025-01-31 12:00:01',
      '9999-12-31T23:59:59Z': '9999-12-31 23:59:59',
    },
    ['0001-01-01T00:00:00+14:00'],
  ],
  ['datetime', 'local', { '2025-01-31T12:00:00+02:00': '2025-01-31 10:00:00' }, ['2025-01-31T12:00:00.12+02:00']],
  ['datetime', 'timestamptz', { '2025-01-31T12:00:00+02:00': '2025-01-31 10:00:00+00' }, []],
  [
    'datetime',
    'timestamptz(3)',
    { '2025-01-31T12:00:00.1230Z': '2025-01-31 12:00:00.123+00' },
    ['2025-01-31T12:00:00.1239Z'],
  ],
  [
    'string',
    'timestamp',
    { '2025-01-31 12:00:00': '2025-01-31 12:00:00', '2025-01-30': '2025-01-30 00:00:00' },
    ['2025-01-31 12:00:00+02', '2025-01-31T12:00:00.5-05:30'],
  ],
  [
    'string',
    'timestamp',
    {
      '20250131T120000': '2025-01-31 12:00:00',
      '20250131T1200': '2025-01-31 12:00:00',
      '20250131 120000': '2025-01-31 12:00:00',
      '20250131': '2025-01-31 00:00:00',
      'Jan 31 2025 12:00': '2025-01-31 12:00:00',
      '250131 120000': '2025-01-31 12:00:00',
    },
    ['20250131T120000+02', '20250131T1200-05', '20250131 120000+02', '250131 120000-0530', '20250131T115960'],
  ],
  ['string', 'local', { '20250131T120000.0': '2025-01-31 12:00:00' }, ['20250131T120000.5', '20250131 120000.5']],
  ['string', 'time', { '12:00': '12:00:00' }, ['12:00+02', '12:00:00-0530']],
  [
    'string',
    'time',
    { '120000': '12:00:00', T1200: '12:00:00' },
    ['120000+02', 'T120000+02', '20250131T120000', '20250131 120000', '2025.01.31 12:00', '250131 120000'],
  ],
  ['string', 'date', { '2025-01-31': '2025-01-31' }, ['2025-01-31 12:00']],
  ['string', 'date', { '20250131': '2025-01-31' }, ['20250131T120000', '20250131 120000', '2025-01-31 120000']],
  [
    'number',
    'numeric(10,2)',
    { '1.23': '1.23', '1.2300': '1.23', '1e3': '1000.00', '-0.00': '0.00', '0.00000': '0.00' },
    ['1.239', '-0.005', '1e-3', '12.39e-1'],
  ],
  ['number', 'price', { '1.5': '1.50' }, ['1.239']],
  ['string', 'numeric(10,2)', { '7.10': '7.10', ' 8 ': '8.00' }, ['1.239', 'x']],
  ['string', 'money', { '$1.50': '$1.50', '($2.00)': '-$2.00', '$1,000.50': '$1,000.50' }, ['$1.239', '($1.005)']],
  ['number', 'money', { '1.5': '$1.50', '-1234.56': '-$1,234.56' }, ['1.239']],
  ['integer', 'real', { '16777216': '1.6777216e+07', '-5': '-5' }, ['16777217']],
  ['number', 'real', { '0.1': '0.1', '644.0278930664062': '644.0279', '1e3': '1000' }, ['16777217', '1.23456789']],
  ['string', 'real', { '0.1': '0.1', NaN: 'NaN' }, ['16777217']],
  ['integer', 'double precision', { '9007199254740992': '9.007199254740992e+15', '+7': '7' }, ['9007199254740993']],
  ['number', 'double precision', { '0.1': '0.1', '1e300': '1e+300' }, ['9007199254740993', '9007199254740993.0']],
  ['integer', 'oid', { '4294967295': '4294967295' }, ['-1']],
  ['string', 'varchar(3)', { 'ab ': 'ab ', äöü: 'äöü' }, ['abc ', 'äöü ', 'abcd']],
  ['string', 'short', { 'ab ': 'ab ' }, ['abc ']],
  ['string', 'char(3)', { 'abc  ': 'abc' }, ['abcd']],
  ['string', 'interval(0)', { '1.5 days': '1 day 12:00:00' }, ['PT1.5S']],
  ['string', 'jsonb', { '{""a"":1}': '{"a": 1}' }, ['{""a"":1,""a"":2}']],
  ['string', 'json', { '{""a"":1,""a"":2}': '{"a":1,"a":2}' }, []],
  ['object', 'jsonb', { '{""a"":1}': '{"a": 1}' }, ['{""a"":1,""a"":2}']],
  ['object', 'json', { '{""a"":1,""a"":2}': '{"a":1,"a":2}' }, []],
  ['array', 'text', { '[{""a"":1,""a"":2}]': '[{"a":1,"a":2}]' }, []],
  ['string', 'varchar(2)[]', { '{DE,NULL,FR}': '{DE,NULL,FR}', '[0:1]={DE,FR}': '[0:1]={DE,FR}' }, ['{DE,""FR ""}']],
  ['string', 'numeric(10,2)[]', { '{1.5,NULL}': '{1.50,NULL}' }, ['{1.5,1.239}']],
  ['string', 'tsrange', { '[2025-01-31,)': '["2025-01-31 00:00:00",)' }, ['[2025-01-31 12:00+02,)']],
  ['string', 'timestamp', { infinity: 'infinity' }, ['now', '2025-06-30 23:59:60', '2025-01-31 12:00 EST']],
  ['string', 'time', { '24:00:00': '24:00:00' }, ['2025-01-31 12:00', 'now']],
];

/** A schema of the table `items` with the key `k`. By default each field goes into the column of its name. */
function itemsSchema(
  fields: RecordSchemaSpec['fields'],
  columns: RecordSchemaSpec['target']['columns'] = fields.map(({ name }) => ({ name, field: name })),
): RecordSchemaSpec {
  return {
    fields,
    fieldsMatch: 'equal',
    primaryKey: ['k'],
    target: { table: 'items', create: false, onDuplicate: 'Skip', columns },
  };
}

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off', lc_monetary: 'C' } });
    url = await createLedgerDatabase(server);
    await run(
      'CREATE DOMAIN local AS timestamp(0); CREATE DOMAIN cents AS numeric(10,2); CREATE DOMAIN price AS cents; CREATE DOMAIN short AS varchar(3)',
    );
  });
  afterAll(() => server.stop());
  const run = (sql: string) => withClient(url, async (client) => (await client.query(sql)).rows);

  it.each(CASES)('%s into %s', async (field, type, stored, failing) => {
    const kept = Object.entries(stored);
    // A table with a column of type oid is written in the text format of COPY.
    for (const other of ['bigint', 'oid']) {
      await run(`DROP TABLE IF EXISTS items; CREATE TABLE items (k integer PRIMARY KEY, v ${type}, o ${other})`);
      const schema = itemsSchema([
        { name: 'k', type: 'integer' },
        { name: 'v', type: field },
        { name: 'o', type: 'integer' },
      ]);
      const values = [...kept.map(([value]) => value), ...failing];
      const file = `k,v,o\n${values.map((value, i) => `${i},"${value}",1\n`).join('')}`;
      const result = await loadInProcess(url, { schema, key: 'f.csv', file });
      if (result.refused) throw new Error(result.refused.message);
      const rows = await withClient(url, async (client) => {
        await client.query("SET timezone = 'UTC'");
        return (await client.query('SELECT v::text FROM items ORDER BY k')).rows;
      });
      expect(rows.map(({ v }) => v)).toEqual(kept.map(([, as]) => as));
      expect(result.errors.map(({ code }) => code)).toEqual(failing.map(() => 'DB_001'));
    }
  });

  it('a member of a JSON column with a key twice fails in jsonb alone', async () => {
    for (const type of ['jsonb', 'json']) {
      await run(`DROP TABLE IF EXISTS items; CREATE TABLE items (k integer PRIMARY KEY, v ${type})`);
      const schema = itemsSchema(
        [
          { name: 'k', type: 'integer' },
          { name: 'v', type: 'object' },
        ],
        [
          { name: 'k', field: 'k' },
          { name: 'v', json: [{ path: 'm', field: 'v' }] },
        ],
      );
      const file = 'k,v\n1,"{""a"":1,""b"":2}"\n2,"{""a"":1,""a"":2}"\n';
      const result = await loadInProcess(url, { schema, key: 'f.csv', file });
      if (result.refused) throw new Error(result.refused.message);
      expect(result.errors.map(({ code }) => code)).toEqual(type === 'jsonb' ? ['DB_001'] : []);
      expect(await run('SELECT k FROM items ORDER BY 1')).toHaveLength(type === 'jsonb' ? 1 : 2);
    }
  });

  it('says which column has no room for which part', async () => {
    await run('DROP TABLE IF EXISTS items; CREATE TABLE items (k integer PRIMARY KEY, v numeric(10,2))');
    const schema = itemsSchema([
      { name: 'k', type: 'integer' },
      { name: 'v', type: 'number' },
    ]);
    const result = await loadInProcess(url, { schema, key: 'f.csv', file: 'k,v\n1,1.239\n' });
    expect(result).toMatchObject({
      errors: [{ message: expect.stringMatching(/column v keeps 2 digits .* a type that keeps it/) }],
    });
    expect(JSON.stringify(result)).not.toContain('1.239');
  });

  it.each([
    ['number', 'double precision', ['0.1', '0.10000000000000000001', '9007199254740992', '9007199254740993'], 2],
    ['number', 'real', ['16777216', '16777217'], 1],
    ['datetime', 'timestamptz', ['2025-01-31T12:00:00.123456Z', '2025-01-31T12:00:00.1234561Z'], 1],
    ['string', 'varchar(3)', ['abc', 'abc ', 'ab', 'ab '], 3],
  ] as const)('a key is never rounded: %s into %s', async (type, column, values, kept) => {
    await run(`DROP TABLE IF EXISTS items; CREATE TABLE items (k ${column} PRIMARY KEY)`);
    const schema = itemsSchema([{ name: 'k', type }]);
    const file = `k\n${values.map((value) => `"${value}"\n`).join('')}`;
    const result = await loadInProcess(url, { schema, key: 'f.csv', file });
    const counts = { succeeded: kept, failed: values.length - kept, duplicate: 0 };
    expect(result).toMatchObject({ progress: { counts } });
  });

  it('an interval that keeps no seconds is refused before the first record', async () => {
    await run('DROP TABLE IF EXISTS items; CREATE TABLE items (k text PRIMARY KEY, v interval year to month)');
    const schema = itemsSchema([
      { name: 'k', type: 'string' },
      { name: 'v', type: 'duration' },
    ]);
    expect(await loadInProcess(url, { schema, key: 'f.csv', file: 'k,v\na,P1D\n' })).toMatchObject({
      refused: { reason: 'TargetTypeLossy', message: expect.stringMatching(/smaller units.*TYPE interval;$/) },
    });
    await run('ALTER TABLE items ALTER v TYPE interval day to second');
    expect(await loadInProcess(url, { schema, key: 'f.csv', file: 'k,v\na,P1Y\n' })).toMatchObject({ refused: null });
  });

  it('a datetime as key: the same moment in two zones is one key', async () => {
    await run('DROP TABLE IF EXISTS items; CREATE TABLE items (k timestamp PRIMARY KEY)');
    const schema = itemsSchema([{ name: 'k', type: 'datetime' }]);
    const file = 'k\n2025-01-31T12:00:00+02:00\n2025-01-31T10:00:00Z\n2025-01-31T12:00:00\n';
    const result = await loadInProcess(url, { schema, key: 'f.csv', file });
    expect(result).toMatchObject({ progress: { counts: { succeeded: 2, duplicate: 1, failed: 0 } } });
  });
});
