import { describe, expect, test } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { compileSchema } from '#runner/processor/process-record.ts';
import { APPEND_SCHEMA } from '#support/database/ledger.ts';
import { createRecordRunner, type RecordResult } from './run-record.ts';
import { schemaOf } from './schema.ts';

type Field = Partial<RecordSchemaSpec['fields'][number]>;

const run = (schema: RecordSchemaSpec, fields: string[], header: string[] | null = null): RecordResult =>
  createRecordRunner(schema, header).process(fields);

/** The faults of a record whose only field beside the key has this text. */
const faultsOf = (field: Field, text: string) => {
  const result = run(schemaOf({ f: field }), ['1', text]);
  return result.ok ? [] : result.faults;
};

describe('every rule has its code and says what is allowed', () => {
  test.each<[field: Field, text: string, code: string, message: string]>([
    [{ constraints: { required: true } }, '', 'VAL_001', 'f is required'],
    [{ constraints: { required: true } }, ' \t\u00a0', 'VAL_001', 'f is required'],
    [{ type: 'date' }, '2025-02-30', 'VAL_002', 'f must be a date that exists, as YYYY-MM-DD'],
    [{ format: 'email' }, 'nobody', 'VAL_003', 'f must be an email address such as name@example.org'],
    [{ constraints: { enum: ['a', 'b'] } }, 'A', 'VAL_004', 'f must be one of: a, b'],
    [{ constraints: { enum: ['a', 'b'] } }, 'a ', 'VAL_004', 'f must be one of: a, b'],
    [{ type: 'integer' }, '1.5', 'VAL_005', 'f must be a whole number without a decimal point'],
    [{ type: 'number' }, '1,5', 'VAL_006', 'f must be a number such as 12.5'],
    [{ type: 'boolean' }, 'maybe', 'VAL_006', 'f must be true or false'],
    [{ type: 'datetime' }, '2025-01-01', 'VAL_006', 'f must be a date and time such as 2025-01-31T12:00:00Z'],
    [{ constraints: { pattern: '^[A-Z]{2}$' } }, 'Abc', 'VAL_007', 'f must match ^[A-Z]{2}$'],
    [{ constraints: { minLength: 3 } }, 'ab', 'VAL_008', 'f must have at least 3 characters'],
    [{ constraints: { maxLength: 3 } }, 'abcd', 'VAL_008', 'f must have at most 3 characters'],
    [{ type: 'integer', constraints: { minimum: '10' } }, '9', 'VAL_009', 'f must be at least 10'],
    [{ type: 'integer', constraints: { maximum: '10' } }, '11', 'VAL_009', 'f must be at most 10'],
    [{ type: 'integer', constraints: { exclusiveMinimum: '10' } }, '010', 'VAL_009', 'f must be more than 10'],
    [{ type: 'number', constraints: { exclusiveMaximum: '10' } }, '10.0', 'VAL_009', 'f must be less than 10'],
    [{ type: 'number', decimalChar: ',', constraints: { maximum: '1,5' } }, '1,51', 'VAL_009', 'f must be at most 1,5'],
    [
      { type: 'date', format: '%d.%m.%Y', constraints: { minimum: '31.12.2024' } },
      '30.12.2024',
      'VAL_009',
      'f must be at least 31.12.2024',
    ],
    [{ type: 'time', constraints: { maximum: '12:00:00' } }, '12:00:01', 'VAL_009', 'f must be at most 12:00:00'],
    [{ type: 'year', constraints: { minimum: '1900' } }, '1899', 'VAL_009', 'f must be at least 1900'],
    [{ type: 'yearmonth', constraints: { maximum: '2025-06' } }, '2025-07', 'VAL_009', 'f must be at most 2025-06'],
    [{ type: 'time' }, '7', 'VAL_006', 'f must be a time of the day, as hh:mm:ss'],
    [{ type: 'time', format: '%I:%M %p' }, '7', 'VAL_006', 'f must be a time such as 02:05 PM'],
    [{ type: 'year' }, '7', 'VAL_006', 'f must be a year, as YYYY'],
    [{ type: 'yearmonth' }, '7', 'VAL_006', 'f must be a month of a year, as YYYY-MM'],
    [{ type: 'duration' }, '7', 'VAL_006', 'f must be a duration such as P1Y2M10D, PT1H30M or P2W'],
    [{ type: 'object' }, '[]', 'VAL_006', 'f must be a JSON object of at most 1 MiB and 100 levels, without \\u0000'],
    [{ type: 'array' }, '{}', 'VAL_006', 'f must be a JSON array of at most 1 MiB and 100 levels, without \\u0000'],
    [{ format: 'uri' }, 'x', 'VAL_006', 'f must be a URI such as https://example.org/page'],
    [{ format: 'uuid' }, 'x', 'VAL_006', 'f must be a UUID such as 123e4567-e89b-12d3-a456-426614174000'],
    [{ format: 'binary' }, 'x', 'VAL_006', 'f must be base64 text'],
    [{ type: 'date', format: '%m/%d/%Y' }, '31/01/2025', 'VAL_002', 'f must be a date that exists, such as 01/31/2025'],
    [
      { type: 'datetime', format: '%d.%m.%y %H:%M' },
      'x',
      'VAL_006',
      'f must be a date and time such as 31.01.25 14:05',
    ],
    [{ type: 'number', decimalChar: ',', groupChar: '.' }, 'x', 'VAL_006', 'f must be a number such as 1.234,5'],
    [
      { type: 'integer', groupChar: ',', bareNumber: false },
      'x',
      'VAL_005',
      'f must be a whole number without a decimal point such as 1,234, with at most a unit or a currency before or behind it',
    ],
    [
      { type: 'boolean', trueValues: ['yes', 'y'], falseValues: ['no'] },
      'true',
      'VAL_006',
      'f must be true (yes, y) or false (no)',
    ],
    [
      { type: 'date', constraints: { minimum: '2025-01-01' } },
      '2024-12-31',
      'VAL_009',
      'f must be at least 2025-01-01',
    ],
    [{ type: 'number', constraints: { maximum: '90' } }, '90.0001', 'VAL_009', 'f must be at most 90'],
    [
      { type: 'datetime', constraints: { maximum: '2025-01-01T00:00:00Z' } },
      '2025-01-01T00:00:01Z',
      'VAL_009',
      'f must be at most 2025-01-01T00:00:00Z',
    ],
  ])('%j refuses %j: %s', (field, text, code, message) => {
    expect(faultsOf(field, text)).toEqual([{ code, field: 'f', message }]);
  });

  test.each<[field: Field, text: string]>([
    [{ type: 'date' }, ''],
    [{ type: 'date' }, '  '],
    [{ format: 'email' }, ''],
    [{ constraints: { enum: ['a'] } }, ' '],
    [{ type: 'integer', constraints: { pattern: '^[0-9]+$' } }, '\t'],
    [{ constraints: { minLength: 3 } }, ''],
    [{ constraints: { minLength: 3, maxLength: 3 } }, 'abc'],
    [{ constraints: { maxLength: 2 } }, 'é😀'],
    [{ type: 'integer', constraints: { minimum: '10', maximum: '10' } }, '010'],
    [{ constraints: { pattern: 'b' } }, 'abc'],
    [{ constraints: { enum: ['a', 'b'] } }, 'b'],
    [{ type: 'integer', constraints: { exclusiveMinimum: '9', exclusiveMaximum: '11' } }, '10'],
    [{ type: 'date', format: '%d.%m.%Y', constraints: { minimum: '31.12.2024' } }, '01.01.2025'],
    [{ type: 'number', decimalChar: ',', constraints: { enum: ['1,50'] } }, '1,50'],
  ])('%j accepts %j', (field, text) => {
    expect(faultsOf(field, text)).toEqual([]);
  });

  test('a pattern is RE2: it ends at the end of the text only, and its flags are RE2’s', () => {
    expect(faultsOf({ constraints: { pattern: '^a$' } }, 'a\n')).toHaveLength(1);
    expect(faultsOf({ constraints: { pattern: '(?i)^A\\pL$' } }, 'aé')).toEqual([]);
  });

  // Backtracking would take longer than the universe is old, and quadratic time longer than a test may take.
  test.each([
    ['^(a+)+$', `${'a'.repeat(100_000)}!`, false],
    ['^(a+)+$', 'a'.repeat(100_000), true],
    ['^(a|aa)+$', `${'a'.repeat(100_000)}!`, false],
    ['^(a*)*b?$', `${'a'.repeat(100_000)}!`, false],
    ['^(.*a){8}$', 'a'.repeat(100_000), true],
    ['(x+x+)+y', 'x'.repeat(100_000), false],
    ['^([a-z]+)*@$', 'a'.repeat(100_000), false],
  ])('%s: a hostile text takes linear time (%#)', (pattern, text, matches) => {
    expect(faultsOf({ constraints: { pattern } }, text)).toHaveLength(matches ? 0 : 1);
  });

  test('a long list of allowed values is cut in the message', () => {
    const allowed = Array.from({ length: 25 }, (_, i) => `v${i}`);
    expect(faultsOf({ constraints: { enum: allowed } }, 'x')[0]!.message).toMatch(/v19, …$/);
  });
});

describe('a value has one form in PostgreSQL, JSON and CEL, however it stands in the file', () => {
  test.each<[field: Field, text: string, column: string, json: string]>([
    [{ type: 'date', format: '%m/%d/%Y' }, '1/31/2025', '2025-01-31', '"2025-01-31"'],
    [{ type: 'datetime', format: '%d.%m.%Y %H:%M' }, '31.01.2025 7:05', '2025-01-31T07:05:00', '"2025-01-31T07:05:00"'],
    [{ type: 'time', format: '%I:%M %p' }, '7:05 PM', '19:05:00', '"19:05:00"'],
    [{ type: 'number', decimalChar: ',', groupChar: '.' }, '1.234,50', '1234.50', '1234.50'],
    [{ type: 'integer', bareNumber: false }, '095 %', '095', '95'],
    [{ type: 'boolean', trueValues: ['ja'], falseValues: ['nein'] }, 'ja', 'true', 'true'],
    [{ type: 'boolean', trueValues: ['ja'] }, '0', 'false', 'false'],
    [{ type: 'year' }, '0044', '0044', '44'],
    [{ type: 'object' }, '{"a": "b\\"c"}', '{"a": "b\\"c"}', '{"a": "b\\"c"}'],
    [{ type: 'array' }, '[1]', '[1]', '[1]'],
    [{ type: 'any' }, ' x', ' x', '" x"'],
  ])('%j of %j', (field, text, column, json) => {
    const columns = [
      { name: 'k', field: 'k' },
      { name: 'column', field: 'f' },
      { name: 'json', json: [{ path: 'p', field: 'f' }] },
      { name: 'cel', value: 'f' },
    ];
    const result = run(schemaOf({ f: field }, { columns }), ['1', text]);
    const cel = field.type === 'integer' || field.type === 'year' ? json : field.type === 'number' ? '1234.5' : column;
    expect(result).toEqual({ ok: true, values: ['1', column, `{"p":${json}}`, cel] });
  });

  test('a rule compares it', () => {
    const rules = [{ rule: "f < '2025-02-01' && n > 1.2", message: 'm', code: 'BIZ_1' }];
    const fields: Record<string, Field> = {
      f: { type: 'date', format: '%d.%m.%Y' },
      n: { type: 'number', decimalChar: ',' },
    };
    const runner = createRecordRunner(schemaOf(fields, { rules }));
    expect(runner.process(['1', '31.01.2025', '1,5']).ok).toBe(true);
    expect(runner.process(['1', '1.2.2025', '1,5']).ok).toBe(false);
    expect(runner.process(['1', '31.01.2025', '1,1']).ok).toBe(false);
  });
});

describe("the schema's own codes", () => {
  const digits: Field = { type: 'integer', constraints: { pattern: '^[0-9]+$' }, code: 'VAL_005' };

  test.each(['-1', '+5', '1.5', 'six', '１２', '3 4'])('digits only: %j is one fault, VAL_005', (text) => {
    expect(faultsOf(digits, text)).toEqual([expect.objectContaining({ code: 'VAL_005', field: 'f' })]);
  });

  test('a missing value stays VAL_001', () => {
    const required: Field = { constraints: { required: true }, code: 'AGE_001' };
    expect(faultsOf(required, '')[0]!.code).toBe('VAL_001');
  });
});

describe('all faults of a record', () => {
  test('in the order missing, date, email, allowed values, integer, others, whatever the order of the fields', () => {
    const schema = schemaOf({
      own: { type: 'integer', code: 'AGE_001' },
      range: { type: 'integer', constraints: { maximum: '5' } },
      length: { constraints: { maxLength: 1 } },
      pattern: { constraints: { pattern: '^x' } },
      number: { type: 'number' },
      integer: { type: 'integer' },
      type: { constraints: { enum: ['a'] } },
      email: { format: 'email' },
      date: { type: 'date' },
      missing: { constraints: { required: true } },
      own2: { type: 'integer', code: 'AAA_001' },
    });
    const result = run(schema, ['1', 'x', '6', 'ab', 'y', 'x', 'x', 'b', 'x', 'x', '', 'x']);
    expect(result.ok ? [] : result.faults.map(({ code, field }) => `${code} ${field}`)).toEqual([
      'VAL_001 missing',
      'VAL_002 date',
      'VAL_003 email',
      'VAL_004 type',
      'VAL_005 integer',
      'VAL_006 number',
      'VAL_007 pattern',
      'VAL_008 length',
      'VAL_009 range',
      'AGE_001 own',
      'AAA_001 own2',
    ]);
  });

  test('several of one field, and equal codes in the order of the fields', () => {
    const field: Field = { constraints: { pattern: '^x', maxLength: 2, enum: ['xx'] } };
    const result = run(schemaOf({ b: field, a: field }), ['1', 'abc', 'abc']);
    expect(result.ok ? [] : result.faults.map(({ code, field: name }) => code + name)).toEqual([
      'VAL_004b',
      'VAL_004a',
      'VAL_007b',
      'VAL_007a',
      'VAL_008b',
      'VAL_008a',
    ]);
  });

  test('no message holds a value', () => {
    const secret = 'Zq9secret';
    const schema = schemaOf(
      {
        a: { type: 'date' },
        b: { format: 'email' },
        c: { constraints: { enum: ['x'], pattern: '^x$', maxLength: 1 } },
        d: { type: 'integer' },
        e: { type: 'number' },
        f: { type: 'boolean' },
        g: { type: 'datetime' },
      },
      { columns: [{ name: 'k', field: 'k' }] },
    );
    const result = run(schema, ['1', ...new Array<string>(7).fill(secret)]);
    expect(result.ok ? 0 : result.faults.length).toBe(9);
    expect(JSON.stringify(result)).not.toContain(secret);
  });

  test('key fields are required', () => {
    expect(run(schemaOf({}), [' '])).toEqual({
      ok: false,
      faults: [{ code: 'VAL_001', field: 'k', message: 'k is required' }],
    });
  });
});

describe('missing values', () => {
  test('of the schema, unless the field has its own; blank always is one', () => {
    const schema = schemaOf(
      { a: {}, b: { missingValues: ['-'] }, c: { missingValues: [] } },
      { missingValues: ['NA'] },
    );
    expect(run(schema, ['1', 'NA', 'NA', 'NA'])).toEqual({ ok: true, values: ['1', null, 'NA', 'NA'] });
    expect(run(schema, ['1', '-', '-', '-'])).toEqual({ ok: true, values: ['1', '-', null, '-'] });
    expect(run(schema, ['1', ' ', '', '\u3000'])).toEqual({ ok: true, values: ['1', null, null, null] });
  });

  test('a missing key is a fault', () => {
    expect(run(schemaOf({}, { missingValues: ['NA'] }), ['NA']).ok).toBe(false);
  });

  test('a value is kept as it is, its spaces and zeros too', () => {
    expect(run(schemaOf({ a: {} }), ['007', ' x '])).toEqual({ ok: true, values: ['007', ' x '] });
  });
});

describe('columns of the file', () => {
  const schema = schemaOf({ a: {}, b: {} }, { fieldsMatch: 'partial' });

  test('in any order, more or fewer than the schema has', () => {
    expect(run(schema, ['B', 'x', 'K'], ['b', 'other', 'K'])).toEqual({ ok: true, values: ['K', null, 'B'] });
  });

  test('a required field that the file lacks is missing in every record', () => {
    const lacking = schemaOf({ a: { constraints: { required: true } } }, { fieldsMatch: 'partial' });
    expect(() => compileSchema(lacking, ['k'])).toThrow(/missing: a/);
  });

  test.each<[fields: string[], ok: boolean]>([
    [['1', 'a', 'b'], true],
    [['1', 'a', 'b', '', ' '], true],
    [['1', 'a'], false],
    [[''], false],
    [['1', 'a', 'b', 'c'], false],
    [['1', 'a', 'b', '', 'c'], false],
  ])('%j: %s', (fields, ok) => {
    const result = run(schemaOf({ a: {}, b: {} }), fields);
    expect(result.ok).toBe(ok);
    if (!result.ok) {
      const message = `The record has ${fields.length} fields, the header has 3`;
      expect(result.faults).toEqual([{ code: 'VAL_010', field: null, message }]);
    }
  });

  test('columns at the end without a name are none', () => {
    const runner = createRecordRunner(schemaOf({ a: {} }), ['k', 'a', '', '']);
    expect(runner.process(['1', 'x', '', '']).ok).toBe(true);
    expect(runner.process(['1', 'x']).ok).toBe(true);
    expect(runner.process(['1', 'x', 'y', '']).ok).toBe(false);
  });
});

describe('bytes that are not text', () => {
  const schema = schemaOf({ mail: { format: 'email' }, day: { type: 'date' } }, { fieldsMatch: 'subset' });
  const runner = createRecordRunner(schema, ['day', 'other', 'mail', 'k']);
  const latin1 = (text: string) => Buffer.from(text, 'latin1');

  test.each(['m\xff', 'm\xe5\xb1', '\0', '\xed\xa0\x80'])(
    '%j is a fault of its field, and the only one of it; the other fields are checked',
    (mail) => {
      expect(runner.processBytes(latin1(`x,o,${mail},1`))).toEqual({
        ok: false,
        faults: [
          expect.objectContaining({ code: 'VAL_002', field: 'day' }),
          {
            code: 'VAL_011',
            field: 'mail',
            message: "mail holds bytes that are not text in the file's encoding, or a NUL character",
          },
        ],
      });
    },
  );

  test('in a column that the schema does not read are nothing', () => {
    expect(runner.processBytes(latin1('2025-01-01,\xff,,1')).ok).toBe(true);
  });

  test('the character that stands for such bytes is one like others', () => {
    const names = createRecordRunner(schemaOf({ name: {} }));
    expect(names.process(['1', '\ufffd'])).toEqual({ ok: true, values: ['1', '\ufffd'] });
  });
});

describe('for people', () => {
  const schema = schemaOf({ a: { sensitive: true }, b: {} }, { fieldsMatch: 'superset' });
  const processor = compileSchema(schema, ['b', 'a', 'k']);

  test('sensitive values are masked, and blanks stay', () => {
    expect(processor.mask(['B', 'secret', '1'])).toEqual(['B', '***', '1']);
    expect(processor.mask(['B', '', '1'])).toEqual(['B', '', '1']);
    expect(processor.mask(['B', 'secret', '1', ''])).toEqual(['B', '***', '1', '']);
  });

  test.each([[['B', 'x']], [['x, "', 'B', 'secret', '1']]])('%j: who knows whose value is where', (fields) => {
    expect(processor.mask(fields)).toEqual(fields.map(() => '***'));
  });

  test('the same when quoting moved them', () => {
    expect(processor.mask(['B', 'a', 'secret'], true)).toEqual(['***', '***', '***']);
  });

  test('nothing is masked where nothing is sensitive, also when the file lacks the sensitive field', () => {
    expect(compileSchema(schemaOf({ a: {} }), null).mask(['1', '2', '3'], true)).toEqual(['1', '2', '3']);
    expect(compileSchema(schema, ['k', 'b']).mask(['1', '2', '3'], true)).toEqual(['1', '2', '3']);
  });
});

describe('schemas that cannot be used', () => {
  test.each<[name: string, schema: RecordSchemaSpec, path: string, message: RegExp]>([
    ['a pattern', schemaOf({ f: { constraints: { pattern: '(' } } }), 'spec.fields[1].constraints.pattern', /RE2/],
    [
      'a pattern with a look-ahead',
      schemaOf({ f: { constraints: { pattern: '(?=a)' } } }),
      'spec.fields[1].constraints.pattern',
      /RE2/,
    ],
    [
      'a bound of another type',
      schemaOf({ f: { type: 'date', constraints: { minimum: '5' } } }),
      'spec.fields[1].constraints.minimum',
      /must be a date/,
    ],
    [
      'a bound of text',
      schemaOf({ f: { constraints: { maximum: '5' } } }),
      'spec.fields[1].constraints.maximum',
      /must be text/,
    ],
    [
      'a bound in another format',
      schemaOf({ f: { type: 'date', format: '%d.%m.%Y', constraints: { exclusiveMaximum: '2025-01-01' } } }),
      'spec.fields[1].constraints.exclusiveMaximum',
      /must be a date that exists, such as 31\.01\.2025/,
    ],
    [
      'a bound of a type without an order',
      schemaOf({ f: { type: 'duration', constraints: { minimum: 'P1D' } } }),
      'spec.fields[1].constraints.minimum',
      /must be/,
    ],
    [
      'a format of text',
      schemaOf({ f: { format: 'constructor' } }),
      'spec.fields[1].format',
      /email, uri, uuid, binary/,
    ],
    ['a format of a date', schemaOf({ f: { type: 'date', format: '%Q' } }), 'spec.fields[1].format', /%Y %y/],
    [
      'a text that is true and false',
      schemaOf({ f: { type: 'boolean', trueValues: ['0'] } }),
      'spec.fields[1]',
      /0 is in trueValues and in falseValues \(default: false,False,FALSE,0\)/,
    ],
    [
      'a key without a column',
      schemaOf({ f: {} }, { columns: [{ name: 'x', field: 'f' }] }),
      'spec.target.columns',
      /k/,
    ],
    [
      'a column of no field',
      schemaOf(
        {},
        {
          columns: [
            { name: 'k', field: 'k' },
            { name: 'x', field: 'nope' },
          ],
        },
      ),
      'spec.target.columns[1].field',
      /there is no field nope/,
    ],
    [
      'a property of no field',
      schemaOf(
        {},
        {
          columns: [
            { name: 'k', field: 'k' },
            { name: 'x', json: [{ path: 'a', field: 'nope' }] },
          ],
        },
      ),
      'spec.target.columns[1].json[0].field',
      /there is no field nope/,
    ],
    [
      'an expression',
      schemaOf(
        {},
        {
          columns: [
            { name: 'k', field: 'k' },
            { name: 'x', json: [{ path: 'a', value: 'k +' }] },
          ],
        },
      ),
      'spec.target.columns[1].json[0].value',
      /CEL expression: .*k \+|CEL expression/,
    ],
    [
      'an expression of no field',
      schemaOf(
        {},
        {
          columns: [
            { name: 'k', field: 'k' },
            { name: 'x', json: [{ path: 'a', value: 'nope + k' }] },
          ],
        },
      ),
      'spec.target.columns[1].json[0].value',
      /there is no field nope/,
    ],
    [
      'an expression of a column',
      schemaOf(
        {},
        {
          columns: [
            { name: 'k', field: 'k' },
            { name: 'x', value: 'nope + k' },
          ],
        },
      ),
      'spec.target.columns[1].value',
      /there is no field nope/,
    ],
    [
      'a property in a value',
      schemaOf(
        {},
        {
          columns: [
            { name: 'k', field: 'k' },
            {
              name: 'x',
              json: [
                { path: 'a', field: 'k' },
                { path: 'a.b', field: 'k' },
              ],
            },
          ],
        },
      ),
      'spec.target.columns[1].json[1].path',
      /a is a value already/,
    ],
    [
      'a value in place of an object',
      schemaOf(
        {},
        {
          columns: [
            { name: 'k', field: 'k' },
            {
              name: 'x',
              json: [
                { path: 'a.b', field: 'k' },
                { path: 'a', field: 'k' },
              ],
            },
          ],
        },
      ),
      'spec.target.columns[1].json[1].path',
      /a is there twice/,
    ],
    ...(['Update', 'Fail'] as const).map((onDuplicate): [string, RecordSchemaSpec, string, RegExp] => [
      `${onDuplicate} without a key`,
      { ...APPEND_SCHEMA, target: { ...APPEND_SCHEMA.target, onDuplicate } },
      'spec.target.onDuplicate',
      /without primaryKey no record is a duplicate.*name the fields .* in spec.primaryKey, or remove onDuplicate/,
    ]),
    [
      'names that a header cannot tell apart',
      schemaOf({ 'a b': {}, '\u200ba b ': {} }),
      'spec.fields[2].name',
      /field a b/,
    ],
    ["an alias that is another field's", schemaOf({ a: {}, b: { aliases: ['a'] } }), 'spec.fields[2].aliases', /a.* a/],
    ['a name that nobody sees', schemaOf({ ' \u200b': {} }), 'spec.fields[1].name', /can be seen/],
  ])('%s', (_name, schema, path, message) => {
    expect(() => compileSchema(schema, null)).toThrow(expect.objectContaining({ name: 'SchemaError', path }));
    expect(() => compileSchema(schema, null)).toThrow(message);
  });

  test('a schema may have no key, and no field is required then', () => {
    const processor = compileSchema(APPEND_SCHEMA, ['k', 'v']);
    expect(processor.parts.checks.map(({ required }) => required)).toEqual([false, false]);
    const { onDuplicate: _policy, ...target } = APPEND_SCHEMA.target;
    expect(() => compileSchema({ ...APPEND_SCHEMA, target: target as never }, null)).not.toThrow();
  });

  test('an alias may be the name in other letters', () => {
    expect(() => compileSchema(schemaOf({ 'a b': { aliases: ['A_B', 'ab'] } }), null)).not.toThrow();
  });
});
