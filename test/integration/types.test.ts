/**
 * Every value that a type accepts is accepted by PostgreSQL in the column that `create: true` makes, on the oldest and
 * the newest version, both by itself and inside a JSON column.
 */
import fc from 'fast-check';
import type { ClientBase } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { copyRows } from '#ledger/connection/copy-rows.ts';
import { createChunkPreparer } from '#runner/load/prepare-chunk.ts';
import { describeTarget } from '#runner/load/target.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { typeOf } from '#runner/processor/types.ts';
import { createTarget } from '#runner/target/create-target.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { collectFailed } from '#support/runner/prepared-chunks.ts';

type Field = RecordSchemaSpec['fields'][number];

const VALUES = 300;

const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
const sign = fc.constantFrom('', '+', '-');
const optional = (text: fc.Arbitrary<string>, before = '') =>
  fc.option(text).map((t) => (t === null ? '' : before + t));
const join = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join(''));
const two = fc.nat(61).map((n) => String(n).padStart(2, '0'));
const fraction = optional(digits(12), '.');
const zone = fc.oneof(fc.constantFrom('', 'Z'), join(fc.constantFrom('+', '-'), two, fc.constant(':'), two));
const year = fc.oneof(
  fc.constantFrom('0001', '9999'),
  fc.nat(9999).map((n) => String(n).padStart(4, '0')),
);
const day = join(year, fc.constant('-'), two, fc.constant('-'), two);
const clock = join(two, fc.constant(':'), two, fc.constant(':'), two);
const amount = (unit: string) => optional(digits(10).map((n) => n + unit));
const duration = join(
  fc.constant('P'),
  amount('Y'),
  amount('M'),
  amount('D'),
  optional(join(amount('H'), amount('M'), optional(join(digits(10), fraction, fc.constant('S')))), 'T'),
);
const text = fc.string({ unit: 'binary' }).map((any) => any.replaceAll('\0', ''));
/** Escapes in every form, also those that PostgreSQL refuses. */
const escaped = fc
  .array(
    fc.constantFrom('a', 'é', '😀', '\\n', '\\"', '\\\\', '\\u0041', '\\ud83d\\ude00', '\\u0000', '\\udc00', '\\ud800'),
  )
  .map((parts) => `"${parts.join('')}"`);
const object = fc.oneof(
  fc.dictionary(text, fc.jsonValue({ stringUnit: 'binary' })).map((value) => JSON.stringify(value)),
  fc
    .tuple(escaped, escaped)
    .map(([name, value]) => ` { ${name} :\n${value}, "deep": ${'['.repeat(90)}${']'.repeat(90)}}`),
);
const array = fc.oneof(
  fc.array(fc.jsonValue({ stringUnit: 'binary' })).map((value) => JSON.stringify(value)),
  fc.array(escaped).map((all) => `[${all.join(', ')}]`),
  fc.constantFrom(`${'['.repeat(100)}${']'.repeat(100)}`, '[-0, 1e300, 1E-300, 0.1000]'),
);

/**
 * The types and their texts: only integers that bigint holds, and only numbers that numeric holds, as the documentation
 * says.
 */
const TYPES: [field: Omit<Field, 'name'>, texts: fc.Arbitrary<string>][] = [
  [{ type: 'string' }, text],
  [{ type: 'any' }, text],
  [{ type: 'string', format: 'email' }, fc.emailAddress()],
  [{ type: 'string', format: 'uri' }, fc.webUrl({ withFragments: true, withQueryParameters: true })],
  [
    { type: 'string', format: 'uuid' },
    fc.oneof(
      fc.uuid(),
      fc.uuid().map((uuid) => uuid.toUpperCase()),
    ),
  ],
  [{ type: 'string', format: 'binary' }, fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64'))],
  [{ type: 'integer' }, join(sign, digits(18))],
  [
    { type: 'integer', groupChar: ',', bareNumber: false },
    join(sign, digits(3), fc.constantFrom('', ',123', '%', ' kg')),
  ],
  [
    { type: 'number' },
    join(sign, optional(digits(40)), optional(digits(40), '.'), optional(join(sign, digits(2)), 'e')),
  ],
  [
    { type: 'number', decimalChar: ',', groupChar: '.' },
    join(sign, digits(3), fc.constantFrom('', '.123', '.'), optional(digits(9), ',')),
  ],
  [{ type: 'boolean' }, fc.constantFrom('true', 'True', 'TRUE', '1', 'false', 'False', 'FALSE', '0')],
  [{ type: 'boolean', trueValues: ['ja'], falseValues: ['nein'] }, fc.constantFrom('ja', 'nein')],
  [{ type: 'date' }, day],
  [{ type: 'date', format: '%d.%m.%y' }, join(two, fc.constant('.'), two, fc.constant('.'), two)],
  [{ type: 'time' }, join(clock, optional(digits(6), '.'))],
  [{ type: 'time', format: '%I:%M:%S.%f %p' }, join(clock, fc.constant('.'), digits(6), fc.constantFrom(' AM', ' pm'))],
  [{ type: 'datetime' }, join(day, fc.constant('T'), clock, fraction, zone)],
  [{ type: 'datetime', format: '%Y-%m-%d %H:%M:%S%z' }, join(day, fc.constant(' '), clock, zone)],
  [{ type: 'year' }, year],
  [{ type: 'yearmonth' }, join(year, fc.constant('-'), two)],
  [
    { type: 'duration' },
    fc.oneof(
      duration,
      digits(10).map((weeks) => `P${weeks}W`),
    ),
  ],
  [{ type: 'object' }, object],
  [{ type: 'array' }, array],
];

/** Samples values that the type accepts, since the generators also make others. */
function sample(field: Field, texts: fc.Arbitrary<string>): string[] {
  const { read } = typeOf(field, 'f');
  const accepted = texts.filter((text) => text.trim() !== '' && read(text) !== undefined);
  return fc.sample(accepted, { numRuns: VALUES, seed: 4 });
}

function toRows(schema: RecordSchemaSpec, values: readonly string[]): RowBuffer {
  const file = Buffer.from(values.map((value, i) => `${i},"${value.replaceAll('"', '""')}"\n`).join(''));
  const rows = new RowBuffer();
  const preparer = createChunkPreparer({
    schema,
    header: ['k', 'f'],
    storeRowData: true,
    uploadId: '8c7c1d3e-0000-4000-8000-000000000000',
  });
  const chunk = { number: 0, startByte: 0, endByte: file.length, firstRowNumber: 2, recordCount: values.length };
  const failed = collectFailed();
  preparer.prepare(chunk, file, { rows, failed });
  expect(failed.list).toEqual([]);
  return rows;
}

describe.each([14, 18] as const)('PostgreSQL %d', (version) => {
  let server: Postgres;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
    url = await createDatabase(server);
  });
  afterAll(() => server.stop());

  it.each(TYPES.map(([field, texts], i) => ({ field, texts, i })))('$field', async ({ field, texts, i }) => {
    const schema: RecordSchemaSpec = {
      fields: [
        { name: 'k', type: 'integer' },
        { name: 'f', ...field },
      ],
      fieldsMatch: 'equal',
      primaryKey: ['k'],
      target: {
        table: `types_${i}`,
        create: true,
        onDuplicate: 'Skip',
        columns: [
          { name: 'k', field: 'k' },
          { name: 'v', field: 'f' },
          { name: 'j', json: [{ path: 'f', field: 'f' }] },
        ],
      },
    };
    const values = sample(schema.fields[1]!, texts);
    const rows = toRows(schema, values);
    await withClient(url, async (client) => {
      await createTarget(client, schema);
      expect(await copyRows(client, describeTarget(schema).copyIntoTarget, rows.all())).toBe(VALUES);
      // The column and the JSON hold the same value, so neither has changed it.
      const isJson = field.type === 'object' || field.type === 'array';
      const cast = isJson ? "j->'f'" : `(j->>'f')::${await columnType(client, schema)}`;
      const { rows: different } = await client.query(
        `SELECT k FROM ${schema.target.table} WHERE v IS NULL OR v IS DISTINCT FROM ${cast}`,
      );
      expect(different).toEqual([]);
    });
  });
});

async function columnType(client: ClientBase, { target }: RecordSchemaSpec): Promise<string> {
  const { rows } = await client.query(
    'SELECT format_type(atttypid, NULL) AS type FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2',
    [target.table, 'v'],
  );
  return rows[0].type;
}
