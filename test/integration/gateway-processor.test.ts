/** What the gateway says of a schema for the record processor: with it, another program finds what the job runner finds. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ProcessorAnswer } from '#operator/gateway/schemas/processor-route.ts';
import { prepareRecords } from '#runner/record-processor.ts';
import { createdTypes, createTarget } from '#runner/target/create-target.ts';
import { quoteTable } from '#runner/target/names.ts';
import { readTargetColumns } from '#runner/target/read-columns.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { startUploadsGateway, type UploadsGateway } from '#support/gateway/uploads-gateway.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';

type Fields = RecordSchemaSpec['fields'];
type Columns = RecordSchemaSpec['target']['columns'];

function itemsSchema(fields: Fields, columns?: Columns, create = false): RecordSchemaSpec {
  return {
    fields: [{ name: 'k', type: 'integer' }, ...fields],
    fieldsMatch: 'equal',
    primaryKey: ['k'],
    rules: [{ code: 'BIZ_001', message: 'k must be less than 1000', rule: 'k < 1000' }],
    target: {
      table: 'items',
      create,
      onDuplicate: 'Skip',
      columns: [{ name: 'k', field: 'k' }, ...(columns ?? fields.map(({ name }) => ({ name, field: name })))],
    },
  };
}

/** Each case has the type of the field, that of the column, and values. */
const CASES: [Fields[number]['type'], string, string[]][] = [
  ['integer', 'smallint', ['1', '32767', '32768', '-40000', 'x', '']],
  ['integer', 'integer', ['2147483647', '2147483648', '1.5']],
  ['integer', 'small', ['7', '32768', '-32769']],
  ['integer', 'bigint', ['9223372036854775807', '9223372036854775808']],
  ['number', 'numeric(10,2)', ['1.23', '1.239', '123456789.00', '1e3']],
  ['number', 'price', ['1.5', '1.239']],
  ['number', 'real', ['0.1', '16777217', '1e40']],
  ['number', 'double precision', ['1e300', '1e400', '9007199254740993']],
  ['string', 'varchar(3)', ['abc', 'abc ', 'ab ']],
  ['string', 'short', ['abc', 'abc ']],
  ['datetime', 'timestamp(0)', ['2025-01-31T12:00:00Z', '2025-01-31T12:00:00.5Z', '2025-02-30T12:00:00Z']],
  ['datetime', 'local', ['2025-01-31T12:00:00Z', '2025-01-31T12:00:00.5Z']],
  ['string', 'date', ['2025-01-31', '2025-01-31 12:00']],
  ['object', 'jsonb', ['{""a"":1}', '{""a"":1,""a"":2}', '[1]']],
  ['string', 'numeric(10,2)[]', ['{1.5}', '{1.239}']],
];

/** The processor does not know the range of these types. */
const OPEN = new Set(['numeric(10,2)', 'real']);

interface Found {
  row: number;
  code: string;
  message: string;
}

/** What a program finds that knows the answer of the gateway and the file, and nothing else. */
async function checkByAnswer({ spec, columnTypes }: ProcessorAnswer, file: string): Promise<Found[]> {
  const schema: RecordSchemaSpec = { ...spec, target: { ...spec.target, table: 'unknown' } };
  const bytes = (async function* () {
    yield Buffer.from(file);
  })();
  const format = { type: 'csv', chunkDelimiter: ',' } as const;
  const found: Found[] = [];
  const records = prepareRecords(
    { bytes, format, schema, firstRowNumber: 1 },
    { maxRecordBytes: 1_000_000, columnTypes },
  );
  for await (const list of records) {
    for (const { rowNumber, faults } of list) {
      const [first] = faults;
      if (first !== undefined) found.push({ row: rowNumber, code: first.code, message: first.message });
    }
  }
  return found;
}

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  let gateway: UploadsGateway;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
    url = await createLedgerDatabase(server);
    await run(
      'CREATE DOMAIN local AS timestamp(0); CREATE DOMAIN cents AS numeric(10,2); CREATE DOMAIN price AS cents; CREATE DOMAIN short AS varchar(3); CREATE DOMAIN small AS smallint',
    );
    gateway = await startUploadsGateway({ databaseUrl: url });
  });
  afterEach(() => run('DROP TABLE IF EXISTS items'));
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await server.stop();
  });
  const run = (sql: string) => withClient(url, async (client) => (await client.query(sql)).rows);

  let schemas = 0;
  async function ask(spec: RecordSchemaSpec): Promise<ProcessorAnswer> {
    schemas += 1;
    gateway.putSchema(`s${schemas}`, { spec } as never);
    const { status, body } = await gateway.call('GET', `/schemas/s${schemas}/processor`);
    expect(status).toBe(200);
    return body;
  }

  /** @param isOpen does PostgreSQL alone find numbers out of range? */
  async function expectSame(spec: RecordSchemaSpec, file: string, isOpen = false): Promise<Found[]> {
    const answer = await ask(spec);
    const result = await loadInProcess(url, { schema: spec, key: 'f.csv', file });
    if (result.refused) throw new Error(result.refused.message);
    const known = result.errors.filter(({ message }) => !isOpen || !message.includes('22003'));
    expect(await checkByAnswer(answer, file)).toEqual(known);
    return result.errors;
  }

  it.each(CASES)('%s into %s: the same faults as those of an upload', async (type, column, values) => {
    // A table with a column of type oid is written in the text format of COPY.
    for (const other of ['bigint', 'oid']) {
      await run(`DROP TABLE IF EXISTS items; CREATE TABLE items (k integer PRIMARY KEY, v ${column}, o ${other})`);
      const spec = itemsSchema([
        { name: 'v', type },
        { name: 'o', type: 'integer' },
      ]);
      const file = `k,v,o\n${values.map((value, i) => `${i},"${value}",1\n`).join('')}`;
      const found = await expectSame(spec, file, other === 'oid' || OPEN.has(column));
      expect(found.length).toBeGreaterThan(0);
    }
  });

  it('a member of a JSON column, an expression and a rule', async () => {
    await run('CREATE TABLE items (k integer PRIMARY KEY, j jsonb, e text, row_id uuid, at bigint)');
    const columns: Columns = [
      { name: 'j', json: [{ path: 'm.v', field: 'v' }] },
      { name: 'e', value: 'k / o' },
      { name: 'row_id', system: 'uuid' },
      { name: 'at', system: 'rowNumber' },
    ];
    const fields: Fields = [
      { name: 'v', type: 'object' },
      { name: 'o', type: 'integer' },
    ];
    const file = 'k,v,o\n1,"{""a"":1}",1\n2,"{""a"":1,""a"":2}",1\n3,,0\n1000,,1\n4,{,1\n';
    const found = await expectSame(itemsSchema(fields, columns), file);
    expect(found.map(({ code }) => code)).toEqual(['DB_001', 'VAL_006', 'BIZ_001', 'VAL_006']);
  });

  it('the types of a table that is yet to be created are those that it gets', async () => {
    const types = ['string', 'integer', 'number', 'boolean', 'date', 'time', 'datetime', 'year', 'yearmonth'] as const;
    const more = ['duration', 'object', 'array', 'any'] as const;
    const fields: Fields = [...types, ...more].map((type) => ({ name: `f_${type}`, type }));
    const declared = ['text', 'date', 'time', 'timestamptz', 'interval', 'bigint', 'integer', 'numeric'] as const;
    const others = ['double precision', 'boolean', 'uuid', 'jsonb', 'json'] as const;
    const columns: Columns = [
      ...fields.map(({ name }) => ({ name, field: name })),
      ...[...declared, ...others].map((type) => ({ name: `t_${type}`, field: 'f_string', type })),
      { name: 'id', system: 'uploadId' },
      { name: 'at', system: 'rowNumber' },
      { name: 'j', json: [{ path: 'm', field: 'f_any' }] },
      { name: 'u', field: 'u' },
    ];
    const spec = itemsSchema([...fields, { name: 'u', type: 'string', format: 'uuid' }], columns, true);
    const answer = await ask(spec);
    await withClient(url, async (client) => {
      await createTarget(client, spec);
      const names = spec.target.columns.map(({ name }) => name);
      const { baseTypes } = await readTargetColumns(client, { table: quoteTable('items'), columns: names });
      expect(answer.columnTypes).toEqual(baseTypes);
    });
    expect(answer.columnTypes).toEqual(createdTypes(spec));
    expect(answer).not.toHaveProperty('message');
  });

  it('says why the types are not known', async () => {
    const spec = itemsSchema([{ name: 'v', type: 'string' }]);
    expect(await ask(spec)).toMatchObject({ columnTypes: null, message: expect.stringMatching(/does not exist\. So/) });
    await run('CREATE TABLE items (k integer PRIMARY KEY)');
    expect(await ask(spec)).toMatchObject({ columnTypes: null, message: expect.stringMatching(/lacks a column.* So/) });
    const answer = await ask({ ...spec, target: { ...spec.target, table: 'nowhere.items' } });
    expect(answer).toMatchObject({ columnTypes: null, message: expect.stringMatching(/does not exist\. So/) });
    expect(JSON.stringify(answer)).not.toContain('nowhere');
  });

  it('has an ETag that changes with the schema and with the table, which is looked at every few seconds', async () => {
    await run('CREATE TABLE items (k integer PRIMARY KEY, v varchar(3))');
    const spec = itemsSchema([{ name: 'v', type: 'string' }]);
    gateway.putSchema('tagged', { spec } as never);
    const ask = (headers: Record<string, string> = {}) => gateway.call('GET', '/schemas/tagged/processor', { headers });
    const first = await ask();
    const tag = first.headers['etag']!;
    expect((await ask({ 'if-none-match': tag })).status).toBe(304);
    gateway.putSchema('tagged', { spec: { ...spec, fieldsMatch: 'exact' } } as never);
    await expect.poll(async () => (await ask()).headers['etag']).not.toBe(tag);
  });
});

it('answers without the types when the database is away', async () => {
  const gateway = await startUploadsGateway({ databaseUrl: 'postgres://nobody@127.0.0.1:1/nothing' });
  try {
    gateway.putSchema('people');
    const { status, body } = await gateway.call('GET', '/schemas/people/processor');
    expect(status).toBe(200);
    expect(body).toMatchObject({ columnTypes: null, message: expect.stringContaining('So it is not known') });
    expect(body.spec.fields).toHaveLength(2);
    expect(body.spec.target).not.toHaveProperty('table');
  } finally {
    await gateway[Symbol.asyncDispose]();
  }
});
