/** One schema reads a German CSV and the typed values of NDJSON: no rule about texts is for a typed value. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { isUtf8Portable } from '#runner/csv/utf8.ts';
import { compileField } from '#runner/processor/check-field.ts';
import type { RecordFault } from '#runner/processor/record-fault.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { createBlockPreparer } from '#runner/records/prepare-block.ts';
import { rewriteNdjson } from '#runner/source/rewrite-ndjson.ts';
import { formatRecord } from '#runner/source/write-csv.ts';
import { collect, piecesOf } from '../source/pieces.ts';
import { decodeRows } from './run-record.ts';

type Field = RecordSchemaSpec['fields'][number];

function schemaOf(field: Omit<Field, 'name'>, missingValues: string[] = []): RecordSchemaSpec {
  return {
    fields: [
      { name: 'k', type: 'string' },
      { name: 'f', ...field },
    ],
    fieldsMatch: 'equal',
    missingValues,
    primaryKey: ['k'],
    target: {
      table: 't',
      create: false,
      onDuplicate: 'Skip',
      columns: [
        { name: 'k', field: 'k' },
        { name: 'f', field: 'f' },
      ],
    },
  };
}

function prepare(schema: RecordSchemaSpec, bytes: Buffer, typedValues: boolean): string | null {
  const rows = new RowBuffer();
  const header = schema.fields.map(({ name }) => name);
  const options = {
    schema,
    header,
    uploadId: '8c7c1d3e-0000-4000-8000-000000000000',
    typedValues,
    isUtf8: isUtf8Portable,
  };
  let codes = '';
  createBlockPreparer(options).prepare(bytes, 1, {
    rows,
    onRecord() {},
    onFailed: (_row, faults) => {
      codes = faults.map(({ code }) => code).join(' ');
    },
  });
  return codes || decodeRows(rows.all())[0]![1]!;
}

async function ofJson(field: Omit<Field, 'name'>, json: string, missingValues?: string[]) {
  const schema = schemaOf(field, missingValues);
  const input = piecesOf(Buffer.from(`{"k":"1","f":${json}}\n`));
  const bytes = await collect(rewriteNdjson(input, { schema, maxRecordBytes: 1000 }));
  return prepare(schema, bytes.subarray(bytes.indexOf('\n') + 1), true);
}

const ofCsv = (field: Omit<Field, 'name'>, text: string, missingValues?: string[]) =>
  prepare(schemaOf(field, missingValues), Buffer.from(formatRecord(['1', text])), false);

const GERMAN = { type: 'number', decimalChar: ',', groupChar: '.' } as const;
const COUNT = { type: 'integer', groupChar: '.' } as const;
const MONEY = { ...GERMAN, bareNumber: false } as const;
const JA = { type: 'boolean' as const, trueValues: ['ja'], falseValues: ['nein'] };
const DAY = { type: 'date', format: '%d.%m.%Y' } as const;
const COMPACT = { type: 'date', format: '%Y%m%d' } as const;
const MINUTE = { type: 'datetime', format: '%d.%m.%Y %H:%M' } as const;

describe('a value that JSON types', () => {
  it.each<[string, Omit<Field, 'name'>, string, string]>([
    ['a number with a point', GERMAN, '1.234', '1.234'],
    ['a number with more digits', GERMAN, '1234.5', '1234.5'],
    ['a negative number', GERMAN, '-0.001', '-0.001'],
    ['minus zero', GERMAN, '-0', '-0'],
    ['an exponent', GERMAN, '1e3', '1e3'],
    ['a big exponent', GERMAN, '1E+20', '1E+20'],
    [
      'more digits than a double has',
      GERMAN,
      '9007199254740993.000000000000000001',
      '9007199254740993.000000000000000001',
    ],
    ['a whole number', COUNT, '12345678901234567890', '12345678901234567890'],
    ['a fraction where whole numbers are wanted', COUNT, '1.234', 'VAL_005'],
    ['a number where a unit is allowed', MONEY, '1.234', '1.234'],
    ['a number where only a unit is allowed', { type: 'number', bareNumber: false }, '-1.5', '-1.5'],
    ['true', JA, 'true', 'true'],
    ['false', JA, 'false', 'false'],
    ['null', JA, 'null', null as unknown as string],
    ['true in a field of numbers', GERMAN, 'true', 'VAL_006'],
    ['a number in a field of booleans', JA, '1', 'VAL_006'],
    ['a number that is a word for true', { ...JA, trueValues: ['1'] }, '1', 'true'],
    ['a number in a field of dates is read as its text', COMPACT, '20250131', '2025-01-31'],
    ['a number in a field of texts', { type: 'string' }, '1.50', '1.50'],
    ['true in a field of texts', { type: 'string' }, 'true', 'true'],
  ])('%s', async (_name, field, json, expected) => {
    expect(await ofJson(field, json)).toBe(expected);
  });
});

describe('a text is read by the rules for texts, in JSON as in a CSV', () => {
  it.each<[Omit<Field, 'name'>, string, string]>([
    [GERMAN, '1.234', '1234'],
    [GERMAN, '1.234,50', '1234.50'],
    [GERMAN, '1234.5', 'VAL_006'],
    [COUNT, '1.234', '1234'],
    [MONEY, '95 €', '95'],
    [JA, 'ja', 'true'],
    [JA, 'true', 'VAL_006'],
    [DAY, '31.01.2025', '2025-01-31'],
    [DAY, '2025-01-31', 'VAL_002'],
    [MINUTE, '31.01.2025 9:05', '2025-01-31T09:05:00'],
    [MINUTE, '2025-01-31T09:05:00', 'VAL_006'],
  ])('%j %s', async (field, text, expected) => {
    expect(ofCsv(field, text)).toBe(expected);
    expect(await ofJson(field, JSON.stringify(text))).toBe(expected);
  });
});

describe('constraints and words for "no value" are the same for both', () => {
  it.each<[string, Omit<Field, 'name'>, string, string, string | null]>([
    ['one of an enum', { ...GERMAN, constraints: { enum: ['1,5', '2'] } }, '1,5', '1.50', '1.5'],
    ['none of an enum', { ...GERMAN, constraints: { enum: ['1,5'] } }, '15', '15', 'VAL_004'],
    ['at least the minimum', { ...GERMAN, constraints: { minimum: '1.000,5' } }, '1.000,5', '1000.5', '1000.5'],
    ['under the minimum', { ...GERMAN, constraints: { minimum: '1.000' } }, '1,234', '1.234', 'VAL_009'],
    ['a boolean of an enum', { ...JA, constraints: { enum: ['ja'] } }, 'ja', 'true', 'true'],
    ['a boolean that is none of an enum', { ...JA, constraints: { enum: ['ja'] } }, 'nein', 'false', 'VAL_004'],
    ['a number that means no value', { ...GERMAN, missingValues: ['-999,5'] }, '-999,5', '-999.5', null],
    [
      'a missing value that is required',
      { ...GERMAN, missingValues: ['-1'], constraints: { required: true } },
      '-1',
      '-1',
      'VAL_001',
    ],
  ])('%s', async (_name, field, text, json, expected) => {
    const csv = ofCsv(field, text);
    const typed = await ofJson(field, json);
    expect(csv).toBe(expected);
    expect(typed === null || typed.startsWith('VAL') ? typed : Number(typed) || typed).toBe(
      expected === null || expected.startsWith('VAL') ? expected : Number(expected) || expected,
    );
  });

  it('a word means the value that the rules read, for digits alone, too', async () => {
    const field = { ...GERMAN, missingValues: ['1.000'] };
    expect([ofCsv(field, '1.000'), ofCsv(field, '1000')]).toEqual([null, '1000']);
    expect([await ofJson(field, '1000'), await ofJson(field, '1.000')]).toEqual([null, '1.000']);
  });

  it('the words of the schema count, too', async () => {
    expect([ofCsv(GERMAN, '-9', ['-9']), await ofJson(GERMAN, '-9', ['-9'])]).toEqual([null, null]);
  });
});

it('the quick test by bytes accepts only what both readings return as it is', () => {
  const texts = fc.stringMatching(/^-?[0-9]{1,5}([.,][0-9]{1,3}){0,2}$/);
  const rules = fc.constantFrom({ groupChar: '.', decimalChar: ',' }, { decimalChar: ',' }, { groupChar: ',' });
  const words = fc.array(texts, { maxLength: 3 });
  fc.assert(
    fc.property(rules, words, words, texts, (rule, missing, allowed, text) => {
      const constraints = allowed.length > 0 ? { enum: allowed } : {};
      const field = { name: 'f', type: 'number' as const, ...rule, constraints };
      const check = compileField(field, { path: 'f', required: false, missingValues: missing, typedValues: true });
      const bytes = Buffer.from(text);
      if (!check.acceptsBytes(bytes, 0, bytes.length)) return;
      for (const { present, read } of [check, check.typed!]) {
        const faults: RecordFault[] = [];
        expect([present(text), read(text, faults), faults]).toEqual([text, text, []]);
      }
    }),
  );
});

it('a plan of the release before has no such quotes: all its values are read as texts', () => {
  expect(prepare(schemaOf(GERMAN), Buffer.from('1,1.234\n'), false)).toBe('1234');
});
