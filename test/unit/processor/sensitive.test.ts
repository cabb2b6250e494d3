/** No sensitive value shows up in what is kept for people when a chunk is prepared, whatever the fault. */
import { describe, expect, test } from 'vitest';
import { createChunkPreparer } from '#runner/load/prepare-chunk.ts';
import { CODES } from '#runner/processor/faults.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { collectFailed } from '#support/runner/prepared-chunks.ts';
import { schemaOf } from './schema.ts';

type Fields = Parameters<typeof schemaOf>[0];

/** Each value of a sensitive field holds one of these markers, in the form of its type; the schema holds none. */
const MARKER = /zq9|48151623|1815|18:15/i;

/** A field, a right value, and wrong values, each with a fault of another kind. */
const SENSITIVE: Record<string, { field: Fields[string]; right: string; wrong: string[] }> = {
  name: {
    field: { constraints: { required: true, maxLength: 20 } },
    right: 'Zq9',
    wrong: ['', `Zq9${'x'.repeat(20)}`],
  },
  short: { field: { constraints: { minLength: 5 } }, right: 'Zq9, "long"', wrong: ['Zq9'] },
  form: { field: { constraints: { pattern: '^[A-Za-z0-9]+$' } }, right: 'Zq9a', wrong: ['Zq9 1'] },
  word: { field: { constraints: { enum: ['x', 'y'] } }, right: 'x', wrong: ['Zq9'] },
  mail: { field: { format: 'email' }, right: 'zq9@example.org', wrong: ['zq9@', 'zq9 at home\nand away'] },
  link: { field: { format: 'uri' }, right: 'a:zq9', wrong: ['zq9'] },
  whole: {
    field: { type: 'integer', constraints: { maximum: '99999999' } },
    right: '48151623',
    wrong: ['zq9', '481516234'],
  },
  amount: {
    field: { type: 'number', decimalChar: ',', bareNumber: false },
    right: '48151623,5 zq9',
    wrong: ['4.8151623'],
  },
  flag: { field: { type: 'boolean', trueValues: ['ja'] }, right: 'ja', wrong: ['Zq9'] },
  day: { field: { type: 'date', format: '%d.%m.%Y' }, right: '23.4.1815', wrong: ['31.2.1815'] },
  moment: {
    field: { type: 'datetime' },
    right: '2025-01-01T00:00:00.48151623',
    wrong: ['2025-13-01T00:00:00.48151623'],
  },
  clock: { field: { type: 'time', format: '%H:%M' }, right: '18:15', wrong: ['18:1516'] },
  map: { field: { type: 'object' }, right: '{"zq9":"zq9"}', wrong: ['{"zq9":zq9}'] },
  list: { field: { type: 'array' }, right: '["zq9"]', wrong: ['["zq9"'] },
  own: { field: { type: 'integer', code: 'OWN_1' }, right: '48151623', wrong: ['zq9'] },
};
const NAMES = Object.keys(SENSITIVE);

const schema = schemaOf(
  Object.fromEntries(NAMES.map((name) => [name, { ...SENSITIVE[name]!.field, sensitive: true }])),
  {
    rules: [
      { rule: "name != 'Zq9 rule'", message: 'name is not allowed', code: 'BIZ_VIOLATED' },
      { rule: "name != 'Zq9 sum' || int(name) > 0", message: 'name must be a number', code: 'BIZ_NOT_COMPUTED' },
    ],
    columns: [
      { name: 'k', field: 'k' },
      { name: 'x', value: "name == 'Zq9 column' ? int(name) : 1" },
      { name: 'j', json: [{ path: 'p', value: "name == 'Zq9 property' ? int(name) : 1" }] },
    ],
  },
);

const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
const lineOf = (key: string, changes: Record<string, string> = {}) =>
  [key, ...NAMES.map((name) => changes[name] ?? SENSITIVE[name]!.right)].map(quote).join(',');

/** Prepares the lines as one chunk. */
function prepare(lines: (string | Buffer)[]) {
  const bytes = Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')]));
  const preparer = createChunkPreparer({
    storeRowData: true,
    schema,
    header: ['k', ...NAMES],
    uploadId: '8c7c1d3e-0000-4000-8000-000000000000',
  });
  const chunk = { number: 0, startByte: 0, endByte: bytes.length, firstRowNumber: 2, recordCount: lines.length };
  const rows = new RowBuffer();
  const collected = collectFailed();
  return { ...preparer.prepare(chunk, bytes, { rows, failed: collected }), failed: collected.list, rows };
}

const wrong = NAMES.flatMap((name) => SENSITIVE[name]!.wrong.map((text) => lineOf('row', { [name]: text })));
const latin1 = (text: string) => Buffer.from(text, 'latin1');
const RECORDS: (string | Buffer)[] = [
  ...wrong,
  ...['Zq9 rule', 'Zq9 sum', 'Zq9 column', 'Zq9 property'].map((name) => lineOf('row', { name })),
  lineOf('row', Object.fromEntries(NAMES.map((name) => [name, SENSITIVE[name]!.wrong.at(-1)!]))),
  lineOf(''),
  latin1(lineOf('row', { name: 'Zq9\xff' })),
  lineOf('row', { name: 'Zq9\0' }),
  // In these lines a quote moves the fields, a field is missing, or there is one too many.
  `${lineOf('row')}zq9`,
  lineOf('row').replace('"Zq9"', 'Zq"9'),
  lineOf('row').replace('"row",', ''),
  `${lineOf('row')},"zq9"`,
  `"zq9",${lineOf('row')}`,
];

describe('no sensitive value is in what is kept of a failed record', () => {
  const { failed, rows } = prepare(RECORDS);

  test('every record fails, and every code is there', () => {
    expect(rows.rows).toBe(0);
    expect(failed).toHaveLength(RECORDS.length);
    const codes = new Set(failed.flatMap(({ faults }) => faults.map(({ code }) => code)));
    expect([...codes].sort()).toEqual([...Object.values(CODES), 'BIZ_VIOLATED', 'BIZ_NOT_COMPUTED', 'OWN_1'].sort());
  });

  test.each(failed.map((row) => ({ ...row, code: row.faults[0]!.code })))('row $rowNumber, $code', (row) => {
    expect(JSON.stringify(row.faults)).not.toMatch(MARKER);
    expect(row.rowData).not.toMatch(MARKER);
    expect(row.rowData).toContain('***');
  });
});

test('nor in the data that is read again for a record which PostgreSQL refused', () => {
  const { rowData } = prepare([lineOf('row')]);
  expect(rowData(2)).toBe(`row,${NAMES.map(() => '***').join(',')}`);
});
