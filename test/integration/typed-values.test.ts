/** One schema serves a German CSV, the same sheet as a workbook and the same records as NDJSON. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { completeUpload } from '#ledger/uploads/finish-upload.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { withClient } from '#support/database/database.ts';
import { workbook } from '#support/records/workbook.ts';
import { type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

let bench: RunnerBench;
beforeAll(async () => {
  bench = await startRunnerBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

const SCHEMA: RecordSchemaSpec = {
  fields: [
    { name: 'id', type: 'integer', groupChar: '.' },
    { name: 'amount', type: 'number', decimalChar: ',', groupChar: '.', missingValues: ['-1'] },
    { name: 'paid', type: 'boolean', trueValues: ['ja'], falseValues: ['nein'] },
    { name: 'day', type: 'date', format: '%d.%m.%Y' },
    { name: 'sent', type: 'datetime', format: '%d.%m.%Y %H:%M' },
    { name: 'note', type: 'string' },
  ],
  fieldsMatch: 'equal',
  primaryKey: ['id'],
  target: {
    table: 'payments',
    create: false,
    onDuplicate: 'Skip',
    columns: ['id', 'amount', 'paid', 'day', 'sent', 'note'].map((name) => ({ name, field: name })),
  },
};
const NAMES = SCHEMA.fields.map(({ name }) => name);

const FILES: Record<string, Buffer | string> = {
  CSV: [
    NAMES.join(';'),
    '1.234;1,234;ja;31.01.2025;31.01.2025 18:00;a',
    '1.235;1.234,5;nein;01.02.2025;01.02.2025 09:05;b',
    '1.236;-1;;;;',
    '',
  ].join('\n'),
  XLSX: workbook({
    formats: ['dd.mm.yyyy', 'dd.mm.yyyy hh:mm'],
    rows: {
      1: NAMES,
      2: [{ v: '1234' }, { v: '1.234' }, { t: 'b', v: '1' }, { s: 1, v: '45688' }, { s: 2, v: '45688.75' }, 'a'],
      // Texts in cells are read as the texts of a CSV are.
      3: ['1.235', '1.234,5', 'nein', '01.02.2025', '01.02.2025 09:05', 'b'],
      4: [{ v: '1236' }, { v: '-1' }],
    },
  }),
  NDJSON: [
    { id: 1234, amount: 1.234, paid: true, day: '31.01.2025', sent: '31.01.2025 18:00', note: 'a' },
    { id: '1.235', amount: '1.234,5', paid: false, day: '01.02.2025', sent: '01.02.2025 09:05', note: 'b' },
    { id: 1236, amount: -1 },
  ]
    .map((record) => `${JSON.stringify(record)}\n`)
    .join(''),
};
const EXPECTED = [
  ['1234', '1.234', true, '2025-01-31', '2025-01-31T18:00:00', 'a'],
  ['1235', '1234.5', false, '2025-02-01', '2025-02-01T09:05:00', 'b'],
  ['1236', null, null, null, null, null],
];

const TABLE =
  'CREATE TABLE payments (id bigint PRIMARY KEY, amount numeric, paid boolean, day date, sent timestamptz, note text)';

async function newTarget(): Promise<string> {
  const url = await bench.newDatabase();
  await withClient(url, (client) => client.query(TABLE));
  return url;
}

async function load(url: string, body: Buffer | string) {
  const key = `typed-${Math.random()}`;
  await bench.put(key, body);
  const id = await bench.open(url, key, { schema: SCHEMA });
  const { code, log } = await bench.run('plan', url, id);
  expect(code, JSON.stringify(log)).toBe(0);
  return withClient(url, async (client) => {
    const { counts } = (await readProgress(client, [id])).get(id)!;
    expect(await completeUpload(client, id)).toBe('Complete');
    return counts;
  });
}

const rowsOf = (url: string) =>
  withClient(url, async (client) => {
    const text = `SELECT id::text, amount::text, paid, day::text, to_char(sent AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS'), note
      FROM payments ORDER BY id`;
    return (await client.query({ text, rowMode: 'array' })).rows;
  });

describe('one schema', () => {
  it.each(Object.entries(FILES))('%s', async (_kind, body) => {
    const url = await newTarget();
    expect(await load(url, body)).toMatchObject({ succeeded: 3, failed: 0 });
    expect(await rowsOf(url)).toEqual(EXPECTED);
  });

  it('the keys of one kind of file are those of the other', async () => {
    const url = await newTarget();
    await load(url, FILES['CSV']!);
    expect(await load(url, FILES['XLSX']!)).toMatchObject({ succeeded: 0, duplicate: 3 });
    expect(await load(url, FILES['NDJSON']!)).toMatchObject({ succeeded: 0, duplicate: 3 });
    expect(await rowsOf(url)).toEqual(EXPECTED);
  });

  it('a typed value has more than the format of texts can say, and of a failed record a person sees the texts', async () => {
    const url = await newTarget();
    const body = workbook({
      formats: ['yyyy-mm-dd hh:mm:ss.000'],
      rows: {
        1: NAMES,
        2: [{ v: '1' }, { v: '1' }, null, null, { s: 1, v: '45688.99999884' }],
        3: [{ v: '2.5' }, { v: '1.5' }, { t: 'b', v: '1' }],
      },
    });
    expect(await load(url, body)).toMatchObject({ succeeded: 1, failed: 1 });
    const [sent, failed] = await withClient(url, async (client) => [
      (await client.query("SELECT sent AT TIME ZONE 'UTC' = '2025-01-31 23:59:59.9' AS same FROM payments")).rows,
      (await client.query('SELECT error_code, error_message, row_data FROM batch_upload.batch_upload_errors')).rows,
    ]);
    expect(sent).toEqual([{ same: true }]);
    expect(failed).toEqual([
      {
        error_code: 'VAL_005',
        error_message: 'id must be a whole number without a decimal point',
        // These texts load as the same values, when they are corrected and sent back.
        row_data: '"2,5","1,5",ja,,,',
      },
    ]);
  });
});
