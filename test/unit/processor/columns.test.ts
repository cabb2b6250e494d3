import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { CONTEXT, createRecordRunner } from './run-record.ts';
import { schemaOf } from './schema.ts';

type Json = NonNullable<RecordSchemaSpec['target']['columns'][number]['json']>;
type Fields = Parameters<typeof schemaOf>[0];

/** The text of a JSON column made from these properties. */
function jsonOf(fields: Fields, json: Json, texts: string[]) {
  const schema = schemaOf(fields, {
    columns: [
      { name: 'k', field: 'k' },
      { name: 'x', json },
    ],
  });
  const result = createRecordRunner(schema).process(['key', ...texts]);
  return result.ok ? result.values[1] : result.faults;
}

test('values are aligned with the columns, in PostgreSQL’s text form', () => {
  const schema = schemaOf(
    { n: { type: 'integer' }, b: { type: 'boolean' }, e: {} },
    {
      columns: [
        { name: 'row', system: 'rowNumber' },
        { name: 'empty', field: 'e' },
        { name: 'flag', field: 'b' },
        { name: 'number', field: 'n' },
        { name: 'upload', system: 'uploadId' },
        { name: 'key', field: 'k' },
        { name: 'again', field: 'k' },
      ],
    },
  );
  expect(createRecordRunner(schema).process(['K', '007', 'TRUE', ''])).toEqual({
    ok: true,
    values: ['7', null, 'true', '007', CONTEXT.uploadId, 'K', 'K'],
  });
});

describe('a column from an expression', () => {
  /** The text that PostgreSQL gets in column x; the record's code when the record fails. */
  const columnOf = (value: string, fields: Fields, texts: string[]) => {
    const columns = [
      { name: 'k', field: 'k' },
      { name: 'x', value },
      { name: 'again', field: 'k' },
    ];
    const result = createRecordRunner(schemaOf(fields, { columns })).process(['key', ...texts]);
    if (!result.ok) return result.faults;
    expect([result.values[0], result.values[2]]).toEqual(['key', 'key']);
    return result.values[1];
  };

  test.each<[value: string, fields: Fields, texts: string[], column: string | null]>([
    ["first + ' ' + last", { first: {}, last: {} }, ['Zoë', 'O\\B\tC\nD'], 'Zoë O\\B\tC\nD'],
    ['n * 2', { n: { type: 'integer' } }, ['0021'], '42'],
    ['n', { n: { type: 'integer' } }, ['-9223372036854775808'], '-9223372036854775808'],
    ['x / 4.0', { x: { type: 'number' } }, ['1'], '0.25'],
    ['n > 20', { n: { type: 'integer' } }, ['21'], 'true'],
    ['n > 20', { n: { type: 'integer' } }, ['20'], 'false'],
    ['a', { a: {} }, [''], null],
    ["''", {}, [], null],
    ['1.0 / 0.0', {}, [], null],
    ["a == null ? 'none' : a", { a: {} }, [''], 'none'],
    ["'\\\\N'", {}, [], '\\N'],
  ])('%s of %j', (value, fields, texts, column) => {
    expect(columnOf(value, fields, texts)).toBe(column);
  });

  test('that cannot be computed fails its record, without a value in the message', () => {
    expect(columnOf('int(a)', { a: {} }, ['Zq9secret'])).toEqual([
      { code: 'VAL_006', field: null, message: 'The expression of column x cannot be computed from this record' },
    ]);
  });
});

describe('JSON objects', () => {
  const all: Json = [
    { path: 'name.first', field: 'first' },
    { path: 'n', field: 'n' },
    { path: 'name.last', field: 'last' },
    { path: 'deep.er.est', field: 'first' },
  ];
  const fields: Fields = { first: {}, last: {}, n: { type: 'integer' } };

  test('nested by dots, in the order of the schema', () => {
    expect(jsonOf(fields, all, ['Zoë', 'O"B\\n', '007'])).toBe(
      '{"name":{"first":"Zoë","last":"O\\"B\\\\n"},"n":7,"deep":{"er":{"est":"Zoë"}}}',
    );
  });

  test('blanks are left out, and objects that hold nothing', () => {
    expect(jsonOf(fields, all, ['', 'Lee', ' '])).toBe('{"name":{"last":"Lee"}}');
    expect(jsonOf(fields, all, ['', '', '5'])).toBe('{"n":5}');
    expect(jsonOf(fields, all, ['', '', ''])).toBe('{}');
  });

  test('integers keep every digit', () => {
    expect(jsonOf({ n: { type: 'integer' } }, [{ path: 'n', field: 'n' }], ['00123456789012345678901234567890'])).toBe(
      '{"n":123456789012345678901234567890}',
    );
  });

  test.each(['__proto__', 'constructor', 'a"b', 'é\n'])('a property may be called %j', (name) => {
    const text = jsonOf({}, [{ path: `${name}.x`, field: 'k' }], []);
    expect(text).toBe(`{${JSON.stringify(name)}:{"x":"key"}}`);
  });

  test('any texts come back from it', () => {
    // A record with a NUL fails before its columns are written.
    const text = fc.string({ unit: 'binary' }).map((any) => any.replaceAll('\0', ''));
    fc.assert(
      fc.property(text, text, (first, last) => {
        const value = (text: string) => (text.trim() === '' ? undefined : text);
        const text = jsonOf(
          { first: {}, last: {} },
          [
            { path: 'a.b', field: 'first' },
            { path: 'c', field: 'last' },
          ],
          [first, last],
        );
        const expected = { a: value(first) === undefined ? undefined : { b: first }, c: value(last) };
        expect(JSON.parse(text as string)).toEqual(JSON.parse(JSON.stringify(expected)));
      }),
    );
  });
});

describe('expressions', () => {
  const value = (text: string, fields: Fields, texts: string[]) => jsonOf(fields, [{ path: 'x', value: text }], texts);

  test.each<[text: string, fields: Fields, texts: string[], json: string]>([
    ['a', { a: {} }, ['x"y'], '{"x":"x\\"y"}'],
    ['a', { a: {} }, ['  '], '{}'],
    ["''", {}, [], '{}'],
    ['null', {}, [], '{}'],
    ['a * 2', { a: { type: 'integer' } }, ['021'], '{"x":42}'],
    ['9007199254740993', {}, [], '{"x":9007199254740993}'],
    ['a / 2.0', { a: { type: 'number' } }, ['3'], '{"x":1.5}'],
    ['1.0 / 0.0', {}, [], '{}'],
    ['!a', { a: { type: 'boolean' } }, ['0'], '{"x":true}'],
    ['a == null ? "none" : a', { a: {} }, [''], '{"x":"none"}'],
    ['a > "2025-01-01"', { a: { type: 'date' } }, ['2025-06-01'], '{"x":true}'],
  ])('%s (%#)', (text, fields, texts, json) => {
    expect(value(text, fields, texts)).toBe(json);
  });

  test('one that cannot be computed fails its record, without a value in the message', () => {
    const faults = value('int(a) + 1', { a: {} }, ['Zq9secret']);
    expect(faults).toEqual([
      { code: 'VAL_006', field: null, message: 'The expression of column x cannot be computed from this record' },
    ]);
  });

  test('so does an integer beyond 64 bits that one reads', () => {
    expect(value('a + 1', { a: { type: 'integer' } }, ['9'.repeat(30)])).toHaveLength(1);
  });
});
