/** The binary format of COPY leaves the same rows as the text format does, and fails the same records. */
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { connect } from '#ledger/connection/postgres.ts';
import { migrate } from '#ledger/migrate.ts';
import { commitChunkGroup } from '#runner/load/commit-chunk-group.ts';
import { createChunkPreparer } from '#runner/load/prepare-chunk.ts';
import { stageRecords } from '#runner/load/stage-records.ts';
import { describeTarget, lockTargetSql, prepareSession } from '#runner/load/target.ts';
import { expectColumnTypes } from '#runner/load/target-columns.ts';
import { writeRecords } from '#runner/load/write-records.ts';
import { chooseEncodings, type Encoding } from '#runner/processor/column-encoding.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { typeOf } from '#runner/processor/types.ts';
import { readTargetColumns } from '#runner/target/read-columns.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { planTestUpload } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { collectFailed, prepareGroup } from '#support/runner/prepared-chunks.ts';

type Field = Omit<RecordSchemaSpec['fields'][number], 'name'>;

const UPLOAD = '8c7c1d3e-0000-4000-8000-000000000000';
const digits = (least: number, most: number) => fc.stringMatching(new RegExp(`^[0-9]{${least},${most}}$`));
const join = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join(''));
const sign = fc.constantFrom('', '+', '-');
const integer = fc.oneof(
  join(sign, digits(1, 25)),
  join(sign, digits(1, 4)),
  fc.constantFrom('32767', '-32768', '32768', '2147483647', '-2147483648', '2147483648', '999999999', '1000000000'),
  fc.constantFrom(
    '9223372036854775807',
    '-9223372036854775808',
    '9223372036854775808',
    '-0',
    '00',
    '+000000000000000007',
  ),
);
const number = fc.oneof(
  integer,
  join(sign, digits(0, 12), fc.constant('.'), digits(1, 12)),
  join(sign, digits(1, 5), fc.constantFrom('', '.', '.25', '.00010'), fc.constantFrom('e', 'E'), sign, digits(1, 3)),
  fc.constantFrom(
    '.5',
    '5.',
    '0.0000',
    '-0.00',
    '10000',
    '00010000.00010000',
    '1e-16383',
    '1e-16384',
    '1e131071',
    '1e131072',
  ),
  fc.constantFrom('0e131072', '1e308', '1e309', '1e-323', '1e-400', '0e-400', '0.1', '123456789.123456789'),
);
const two = (most: number) => fc.integer({ min: 1, max: most }).map((n) => String(n).padStart(2, '0'));
const date = join(
  fc.integer({ min: 1, max: 9999 }).map((n) => `${String(n).padStart(4, '0')}-`),
  join(two(12), fc.constant('-'), two(31)),
);
const text = fc.string({ unit: 'binary', maxLength: 12 }).map((any) => any.replaceAll('\0', ''));
const json = fc.oneof(
  fc.dictionary(text, fc.jsonValue({ stringUnit: 'binary' })).map((value) => JSON.stringify(value)),
  fc.constantFrom('{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"a" : 1.50, "a": 2}'),
);

/** Each case has the field's type, texts, and types of the column. */
const CASES: [Field, fc.Arbitrary<string>, string[]][] = [
  [{ type: 'string' }, text, ['text', 'varchar(5)', 'char(5)', 'varchar']],
  [{ type: 'integer' }, integer, ['smallint', 'integer', 'bigint', 'numeric', 'numeric(6,0)', 'float8', 'varchar(9)']],
  [{ type: 'integer', groupChar: ',' }, join(sign, digits(1, 3), fc.constant(',123')), ['integer', 'text']],
  [{ type: 'number' }, number, ['numeric', 'numeric(10,2)', 'float8', 'text']],
  [{ type: 'boolean' }, fc.constantFrom('true', 'FALSE', '1', '0'), ['boolean', 'text']],
  [{ type: 'date' }, date, ['date', 'text']],
  [{ type: 'date', format: '%d.%m.%Y' }, join(two(31), fc.constant('.'), two(12), fc.constant('.2024')), ['date']],
  [{ type: 'year' }, digits(4, 4), ['smallint', 'integer', 'text']],
  [{ type: 'string', format: 'uuid' }, fc.uuid(), ['uuid', 'text']],
  [{ type: 'object' }, json, ['json', 'jsonb', 'text']],
];
const VALUES = 60;

/** The longest numbers have more than 32,767 digits to the base of 10,000. */
const NUMBERS_AT_LIMITS = [
  '0e131073 -0.00e200000 0e-20000 0e1073741822 0e99999999999 1e131071 1e131072 12e131070 0.01e131073',
  '1e-16383 1e-16384 1e-20000 1e-1073741822 1e-9999999999 99999999.994 99999999.995 0.005 -0.005 0.0049999',
  `0.${'0'.repeat(16_382)}5 0.${'0'.repeat(16_383)}5 0.00${'4'.repeat(20_000)} 0.005${'0'.repeat(20_000)}`,
  `${'9'.repeat(131_072)}.${'9'.repeat(16_383)} -${'9'.repeat(131_072)} 1${'0'.repeat(131_072)} ${'0'.repeat(140_000)}1`,
].flatMap((line) => line.split(' '));

const schemaFor = (field: Field): RecordSchemaSpec => ({
  fields: [
    { name: 'k', type: 'integer' },
    { name: 'f', ...field },
  ],
  fieldsMatch: 'equal',
  primaryKey: ['k'],
  target: {
    table: 'items',
    create: false,
    onDuplicate: 'Skip',
    columns: [
      { name: 'k', field: 'k' },
      { name: 'v', field: 'f' },
      { name: 'j', json: [{ path: 'a."b\\.c', field: 'f' }] },
      { name: 'upload', system: 'uploadId' },
      { name: 'n', system: 'rowNumber' },
    ],
  },
});

function prepare(schema: RecordSchemaSpec, values: readonly string[], encodings: Encoding[] | null) {
  const file = Buffer.from(values.map((value, i) => `${i},"${value.replaceAll('"', '""')}"\n`).join(''));
  const rows = new RowBuffer(encodings ? 'binary' : 'text');
  const failed = collectFailed();
  createChunkPreparer({ schema, header: ['k', 'f'], storeRowData: true, uploadId: UPLOAD, encodings }).prepare(
    { number: 0, startByte: 0, endByte: file.length, firstRowNumber: 2, recordCount: values.length },
    file,
    { rows, failed },
  );
  return { rows, failed: failed.list.map(({ rowNumber, faults }) => ({ rowNumber, message: faults[0]!.message })) };
}

describe.each([14, 18] as const)('PostgreSQL %d', (version) => {
  let server: Postgres;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
    url = await createDatabase(server);
  });
  afterAll(() => server.stop());

  /**
   * Loads values by the merge, so that PostgreSQL accepts or refuses each record alone.
   * @returns the rows and refusals.
   */
  async function load(client: pg.Client, schema: RecordSchemaSpec, values: string[], encodings: Encoding[] | null) {
    const target = describeTarget(schema);
    const { rows, failed } = prepare(schema, values, encodings);
    const all = Array.from({ length: rows.rows }, (_, i) => i);
    await client.query('BEGIN');
    const outcome = await writeRecords({
      client,
      target,
      uploadId: UPLOAD,
      buffer: rows,
      rows: all,
      strategy: 'optimistic',
    });
    const stored = await client.query('SELECT k, v::text AS v, j::text AS j, upload, n FROM items ORDER BY k');
    await client.query('ROLLBACK');
    return { stored: stored.rows, refused: [...failed, ...outcome.refused].sort((a, b) => a.rowNumber - b.rowNumber) };
  }

  async function expectSame(
    { field, type, jsonType }: { field: Field; type: string; jsonType: string },
    values: string[],
  ): Promise<void> {
    const schema = schemaFor(field);
    await withClient(url, async (client) => {
      await client.query(`DROP TABLE IF EXISTS items; CREATE TABLE items
        (k integer PRIMARY KEY, v ${type}, j ${jsonType}, upload uuid, n bigint)`);
      const target = describeTarget(schema);
      await prepareSession(client, target);
      const encodings = chooseEncodings(schema, (await readTargetColumns(client, target)).types!);
      expect(encodings).not.toBeNull();
      const byText = await load(client, schema, values, null);
      expect(byText.stored.length + byText.refused.length).toBe(values.length);
      expect(await load(client, schema, values, encodings)).toEqual(byText);
    });
  }

  it.each(CASES.flatMap(([field, texts, types]) => types.map((type) => ({ field, texts, type }))))(
    '$field into $type',
    async ({ field, texts, type }) => {
      const { read } = typeOf({ name: 'f', ...field }, 'f');
      const valid = texts.filter((each) => each.trim() !== '' && read(each) !== undefined);
      const jsonType = type === 'json' ? 'json' : 'jsonb';
      await expectSame({ field, type, jsonType }, fc.sample(valid, { numRuns: VALUES, seed: 7 }));
    },
  );

  it.each(['numeric', 'numeric(10,2)', 'numeric(1000,1000)', 'float8'])('numbers at their limits into %s', (type) =>
    // Numbers in json have no limits of their own.
    expectSame({ field: { type: 'number' }, type, jsonType: 'json' }, NUMBERS_AT_LIMITS),
  );

  it.each([
    ['integer', "date USING DATE '2000-01-01' + v"],
    ['numeric(10,2)', 'numeric(10,4)'],
  ])('a table whose %s has become %s since the rows were encoded gets none of them', async (before, after) => {
    const schema = schemaFor({ type: 'integer' });
    const target = describeTarget(schema);
    await withClient(url, async (client) => {
      await migrate(client);
      await client.query(`DROP TABLE IF EXISTS items;
        CREATE TABLE items (k integer PRIMARY KEY, v ${before}, j jsonb, upload uuid, n bigint)`);
    });
    const client = await connect({ uri: url, applicationName: 'test' });
    await prepareSession(client, target);
    const columnTypes = (await readTargetColumns(client, target)).types;
    await withClient(url, (other) => other.query(`ALTER TABLE items ALTER v TYPE ${after}`));
    const id = await withClient(url, (other) => planTestUpload(other, [{ firstRowNumber: 2, recordCount: 1 }]));
    const group = prepareGroup(id, new Map([[0, [{ row: 2, values: ['1', '2', '{}', id, '2'] }]]]));
    const transaction = {
      client,
      target,
      columnTypes,
      uploadId: id,
      attempt: 1,
      strategy: 'optimistic' as const,
      metadata: {},
    };
    await expect(commitChunkGroup(transaction, group)).rejects.toMatchObject({
      code: 'DB_TARGET_CHANGED',
      category: 'retryable',
      retryable: false,
    });
    expect((await client.query('SELECT * FROM items')).rows).toEqual([]);
    await client.end();
  });

  it('whatever their types, the columns of the stage are like those of the table', async () => {
    const types = ['word', 'mood', 'pair', 'varchar(5)[]', 'int4range', 'name', '"char"', 'bit(3)', 'varbit'];
    const withModifiers = ['time(2)', 'timestamptz(3)', 'interval day to second(2)', 'numeric(5,1)', 'char(3)'];
    const others = [...types, ...withModifiers];
    const schema = schemaFor({ type: 'string' });
    const columns = [{ name: 'k', field: 'k' }, ...others.map((_, i) => ({ name: `c${i}`, field: 'f' }))];
    const target = describeTarget({ ...schema, target: { ...schema.target, columns } });
    await withClient(url, async (client) => {
      await client.query(`CREATE DOMAIN word AS varchar(5) NOT NULL; CREATE TYPE mood AS ENUM ('glad');
        CREATE TYPE pair AS (a integer, b text); DROP TABLE IF EXISTS items;
        CREATE TABLE items (k integer PRIMARY KEY, ${others.map((type, i) => `c${i} ${type}`).join(', ')})`);
      await prepareSession(client, target);
      await expectColumnTypes(client, target, (await readTargetColumns(client, target)).types!);
    });
  });

  it('a chunk of which nothing is left to be staged', async () => {
    const schema = schemaFor({ type: 'integer' });
    const target = describeTarget(schema);
    await withClient(url, async (client) => {
      await client.query(
        'DROP TABLE IF EXISTS items; CREATE TABLE items (k integer PRIMARY KEY, v integer, j jsonb, upload uuid, n bigint)',
      );
      await prepareSession(client, target);
      const buffer = new RowBuffer('binary');
      await stageRecords({ client, target, uploadId: UPLOAD, buffer, rows: [], strategy: 'optimistic' });
      expect((await client.query(`SELECT * FROM ${target.byKey!.merge.stage}`)).rows).toEqual([]);
    });
  });

  it('a role that may insert into the columns alone loads in the text format, since it cannot lock the table', async () => {
    const schema = schemaFor({ type: 'integer' });
    const target = describeTarget(schema);
    const role = `app_${version}`;
    await withClient(url, (client) =>
      client.query(`DROP TABLE IF EXISTS items;
        CREATE TABLE items (k integer PRIMARY KEY, v integer, j jsonb, upload uuid, n bigint, w text);
        CREATE ROLE ${role} LOGIN PASSWORD 'app'; GRANT SELECT, INSERT (k, v, j, upload, n) ON items TO ${role}`),
    );
    const asRole = url.replace('postgres:postgres@', `${role}:app@`);
    const readEncodings = () =>
      withClient(asRole, async (client) => {
        const types = (await readTargetColumns(client, target)).types;
        if (types === null) return null;
        await client.query('BEGIN');
        await prepareSession(client, target);
        await client.query(lockTargetSql(target));
        await expectColumnTypes(client, target, types);
        return chooseEncodings(schema, types);
      });
    expect(await readEncodings()).toBeNull();
    await withClient(url, (client) => client.query(`GRANT INSERT ON items TO ${role}`));
    expect(await readEncodings()).toEqual(['int4', 'int4', 'jsonb', 'uuid', 'int8']);
  });
});
