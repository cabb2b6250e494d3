import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { rewriteNdjson } from '#runner/source/rewrite-ndjson.ts';
import { findFraming, type JsonFraming } from '#runner/source/split-json.ts';
import { read } from '../csv/scan.ts';
import { collect, piecesOf } from './pieces.ts';
import { schemaOf } from './schema.ts';

const run = (input: string | Buffer, cuts: readonly number[] = [], fieldsMatch?: RecordSchemaSpec['fieldsMatch']) =>
  collect(rewriteNdjson(piecesOf(Buffer.from(input), cuts), { schema: schemaOf(fieldsMatch), maxRecordBytes: 100 }));

/** The rows by the file's lines; the header that is added in front is row 0. */
async function readAll(input: string | Buffer, fieldsMatch?: RecordSchemaSpec['fieldsMatch']) {
  const [header, ...records] = read(await run(input, [], fieldsMatch));
  expect(header!.fields).toEqual(['id', 'full name']);
  return records.map(({ row, fields, malformed }) => (malformed ? [row - 1] : [row - 1, ...fields]));
}

describe('values', () => {
  it.each([
    ['"a\\nb\\"c"', 'a\nb"c'],
    ['"007"', '007'],
    ['1', '1'],
    ['1.0', '1.0'],
    ['-0', '-0'],
    ['1e400', '1e400'],
    ['12345678901234567890123', '12345678901234567890123'],
    ['0.10000000000000000001', '0.10000000000000000001'],
    ['true', 'true'],
    ['false', 'false'],
    ['null', ''],
    ['[1.0, {"b":  12345678901234567890}]', '[1.0,{"b":12345678901234567890}]'],
    ['{}', '{}'],
  ])('%s is %s', async (json, text) => {
    expect(await readAll(`{"id":${json},"name":"n"}\n`)).toEqual([[1, text, 'n']]);
  });
});

describe('lines', () => {
  it.each<[string, string, unknown[], RecordSchemaSpec['fieldsMatch']?]>([
    ['keys by name and alias, in any order and letters', '{"Full_Name":"n","ID":"1"}\n', [[1, '1', 'n']]],
    ['a key that is missing is blank', '{"id":"1"}', [[1, '1', '']]],
    [
      'blank lines are rows',
      '\n{"id":"1"}\r\n\r\n  \n{"id":"2"}',
      [
        [2, '1', ''],
        [5, '2', ''],
      ],
    ],
    ['a mark', '\ufeff{"id":"1"}', [[1, '1', '']]],
    ['an unknown key makes one field too many', '{"id":"1","x":{"y":1}}', [[1, '1', '', '{"x":{"y":1}}']]],
    ['a strange unknown key too', '{"id":"1","__proto__":1}', [[1, '1', '', '{"__proto__":1}']]],
    ['unknown keys where they are allowed', '{"id":"1","x":2}', [[1, '1', '']], 'subset'],
    ['a key twice', '{"id":"1","name":"a","name":"b"}', [[1, '1', 'b', '{"id":"1","name":"a","name":"b"}']]],
    ['a key twice with the same value', '{"id":"1","id":"1"}', [[1, '1', '', '{"id":"1","id":"1"}']], 'subset'],
    ['a key twice, spelled otherwise', '{"id":"1","\\u0069d":"2"}', [[1, '2', '', '{"id":"1","\\u0069d":"2"}']]],
    ['a key twice in an object', '{"id":{"a":1,"a":2}}', [[1, '{"a":2}', '', '{"id":{"a":1,"a":2}}']]],
    [
      'a key twice in an array',
      '{"id":[{"a":1},{"b":1,"b":2}]}',
      [[1, '[{"a":1},{"b":2}]', '', '{"id":[{"a":1},{"b":1,"b":2}]}']],
    ],
    ['a key twice that no field has', '{"id":"1","x":1,"x":2}', [[1, '1', '', '{"id":"1","x":1,"x":2}']], 'subset'],
    [
      '__proto__ twice',
      '{"id":"1","__proto__":1,"__proto__":2}',
      [[1, '1', '', '{"id":"1","__proto__":1,"__proto__":2}']],
      'subset',
    ],
    [
      'colons in texts, and equal keys of different objects',
      '{"id":"a:\\"b\\":c\\\\","name":{"a":{"a":1},"b":[{"a":1},{"a":":"}]}}',
      [[1, 'a:"b":c\\', '{"a":{"a":1},"b":[{"a":1},{"a":":"}]}']],
    ],
    ['the same field twice', '{"id":"1","I D":"2"}', [[1, '1', '', '{"I D":"2"}']], 'subset'],
    [
      'no JSON, no object',
      '{"id":\n1\nnull\n[{"id":1}]\n{"id":"2"} x\n{"id":"3"}',
      [[1], [2], [3], [4], [5], [6, '3', '']],
    ],
    [
      'all of it blank',
      '{}\n{"id":null}\n',
      [
        [1, '', ''],
        [2, '', ''],
      ],
    ],
  ])('%s', async (_name, text, expected, fieldsMatch) => {
    expect(await readAll(text, fieldsMatch)).toEqual(expected);
  });

  it('a line that is no JSON stays one row, whatever is in it', async () => {
    expect(await readAll('{"a":1,"b\r"c\n{"id":"1"}')).toEqual([[1], [2, '1', '']]);
  });

  it.each([Buffer.from('{"id":"\xff"}\n', 'latin1'), Buffer.from('{"id":"\\ud800"}\n')])(
    'what is no text does not become text',
    async (line) => {
      const out = await run(line);
      expect(() => new TextDecoder('utf-8', { fatal: true }).decode(out)).toThrow();
      expect(out.toString('latin1').split('\n')).toHaveLength(3);
    },
  );

  it('a line has a limit', async () => {
    await expect(run(`{"id":"1"}\n{"id":"${'x'.repeat(100)}"}\n`)).rejects.toThrow(/row 2 is longer than 100 bytes/);
    await expect(run(`{"id":"1"}\n${'x'.repeat(101)}`, [50, 90])).rejects.toThrow(/row 2 is longer/);
  });
});

it('any objects, cut anywhere: what was written is read', async () => {
  const object = fc.record({ id: fc.string({ unit: 'grapheme', maxLength: 8 }), name: fc.string({ maxLength: 8 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(object, { maxLength: 6 }), fc.array(fc.nat(200)), async (objects, cuts) => {
      const text = objects.map((each) => JSON.stringify(each)).join('\n');
      const [, ...records] = read(await run(text, cuts));
      expect(records.map(({ fields }) => fields)).toEqual(objects.map(({ id, name }) => [id, name]));
    }),
  );
});

describe('framing', () => {
  const bytesOf = (text: string, cuts: number[], framing: JsonFraming) =>
    collect(rewriteNdjson(piecesOf(Buffer.from(text), cuts), { schema: schemaOf(), maxRecordBytes: 100, framing }));

  it.each<[string, JsonFraming | null, string, unknown[]]>([
    [
      'objects behind each other',
      'concatenated',
      '{"id":"1"}{"id":"2"} \n {"id":"}{\\"3"}',
      [
        [1, '1', ''],
        [2, '2', ''],
        [3, '}{"3', ''],
      ],
    ],
    [
      'with what is no JSON between them',
      'concatenated',
      '{"id":"1"}{"id":"2"}oops\n{"id":"3"},{"id":"4"}\n',
      [[1, '1', ''], [2, '2', ''], [3], [4, '3', ''], [5]],
    ],
    ['cut off at the end', 'concatenated', '{"id":"1"}{"id":"2"}{"id":', [[1, '1', ''], [2, '2', ''], [3]]],
    [
      'a sequence',
      'sequence',
      '\x1e{"id":"1"}\n\x1e{"id":\n"2"}\n',
      [
        [1, '1', ''],
        [2, '2', ''],
      ],
    ],
    [
      'a sequence with a text that is cut off',
      'sequence',
      '\x1e{"id":"1"}\n\x1e{"id":\x1e{"id":"3"}',
      [[1, '1', ''], [2], [3, '3', '']],
    ],
    ['lines', 'lines', '{"id":"1"}\n{"id":"2"}{"id":"3"}\n', [[1, '1', ''], [2]]],
  ])('%s', async (_name, framing, text, expected) => {
    expect(findFraming(text)).toBe(framing);
    for (let cut = 1; cut < text.length; cut += 1) {
      const [, ...records] = read(await bytesOf(text, [cut], framing!));
      expect(records.map(({ row, fields, malformed }) => (malformed ? [row - 1] : [row - 1, ...fields]))).toEqual(
        expected,
      );
    }
  });

  it.each(['{\n  "id": 1\n}\n', '{ "id": 1,\n  "name": "a" }\n{', '{\r\n  "id": {'])(
    'an object over several lines: %j',
    (text) => {
      expect(findFraming(text)).toBeNull();
    },
  );

  it('a text has a limit', async () => {
    const long = `{"id":"${'x'.repeat(100)}"}`;
    await expect(bytesOf(`{"id":"1"}${long}`, [], 'concatenated')).rejects.toThrow(/row 2 is longer than 100 bytes/);
    await expect(bytesOf(`\x1e{"id":"1"}\n\x1e${long}`, [20, 60], 'sequence')).rejects.toThrow(/row 2 is longer/);
  });
});
