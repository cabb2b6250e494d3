/** The kernel makes the same of any file and any schema as the processor alone. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { compileField } from '#runner/processor/check-field.ts';
import { createComparison, encodingsOf, OIDS, type TypeName } from './both.ts';

type Field = RecordSchemaSpec['fields'][number];
type Column = RecordSchemaSpec['target']['columns'][number];
type Constraints = NonNullable<Field['constraints']>;

const pad = (n: number, length: number) => String(n).padStart(length, '0');
const join = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join(''));
const rarely = <T>(rare: fc.Arbitrary<T>, usual: fc.Arbitrary<T>, weight = 12) =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: rare });

// Values of fields; most of them are valid.

const word = fc.stringMatching(/^[A-Za-z0-9_ ]{0,6}[A-Za-z0-9]$/);
const SYMBOLS = [
  ...['a', 'Z', '0', ' ', 'é', 'ß', '€', '漢', '\ufeff', '\u00a0', '\u3000', '\u2028', '😀', '𝔘', '\u007f', '\u0080'],
  ...[
    '"',
    '\\',
    '/',
    '\b',
    '\f',
    '\n',
    '\r',
    '\t',
    '\u0001',
    '\u001f',
    ',',
    ';',
    '|',
    '{',
    '}',
    '\ufffd',
    '\u{10ffff}',
  ],
];
const symbols = fc.array(fc.constantFrom(...SYMBOLS), { maxLength: 8 }).map((each) => each.join(''));
/** Texts of about sixteen bytes, which the kernel reads at once, some with a character that is escaped. */
const longText = fc
  .tuple(fc.constantFrom(14, 15, 16, 17, 31, 32, 33, 47, 48, 49, 80), fc.nat(80), fc.constantFrom('', ...SYMBOLS))
  .map(([length, at, symbol]) => {
    const text = 'abcdefghijklmnop'.repeat(5).slice(0, length);
    return text.slice(0, at) + symbol + text.slice(at + symbol.length);
  });
const text = fc.oneof({ weight: 4, arbitrary: word }, { weight: 1, arbitrary: symbols }, longText);

const digits = (least: number, most: number) => fc.stringMatching(new RegExp(`^[0-9]{${least},${most}}$`));
const INTEGERS = [
  ...['0', '00', '-0', '+7', '007', '32767', '32768', '-32768', '-32769', '999999999', '1000000000', '0999999999'],
  ...['2147483647', '2147483648', '-2147483648', '-2147483649', '9223372036854775807', '9223372036854775808'],
  ...['-9223372036854775808', '-9223372036854775809', '00000000000000032767', '000000012', '0000000012'],
];
const integer = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 32767 }).map(String) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 999_999_999 }).map(String) },
  fc.constantFrom(...INTEGERS),
  join(fc.constantFrom('', '', '+', '-'), digits(1, 20)),
);
const number = fc.oneof(
  integer,
  join(fc.constantFrom('', '-', '+'), digits(0, 6), fc.constant('.'), digits(1, 6)),
  fc.constantFrom('1e3', '5.', '.5', '1e309', '1e-400', '1e131072', '0.0000'),
);

const DATES = [
  ...['0000-01-01', '0001-01-01', '0001-02-28', '0004-02-29', '9999-12-31', '2100-02-29', '2000-02-29', '1900-02-28'],
  ...['1900-02-29', '2024-02-29', '2023-02-29', '2024-02-30', '1999-12-31', '2000-01-01', '2000-03-01', '2024-00-10'],
  ...['2024-13-01', '2024-01-00', '2024-1-01', '2024-01-011', '2024/01/01', '2024-01-1:', '2024-01-0/', ' 2024-01-01'],
];
const anyDay = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 31 }))
  .map(([year, month, day]) => `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`);
const date = fc.oneof({ weight: 3, arbitrary: anyDay }, fc.constantFrom(...DATES));
const time = fc.constantFrom('00:00:00', '23:59:59', '12:30:00', '24:00:00');
const uuid = rarely(fc.constantFrom('123e4567', 'Zq'), fc.uuid());
const EMAILS = [
  ...['a@b', 'jane.doe+x@mail.example.org', 'a@b.', 'a@-b', 'a@b-', '@b', 'a@', 'a@b..c', 'é@b', 'a b@c', 'a@b@c'],
  ...[`a@${'x'.repeat(63)}`, `a@${'x'.repeat(64)}`, `a@${'x'.repeat(63)}.org`, 'a@b-c.d', "o'neil@x.ie"],
];
const email = fc.oneof(fc.constantFrom(...EMAILS), fc.emailAddress());
const uri = fc.constantFrom('https://example.org/a?b#c', 'a:b', 'no uri', 'http://[::1]/');
const json = rarely(
  fc.constantFrom('{"a":"\\u0000"}', '[1', '7'),
  fc.oneof(
    fc.dictionary(word, fc.jsonValue()).map((value) => JSON.stringify(value)),
    fc.array(fc.jsonValue({ maxDepth: 1 })).map((value) => JSON.stringify(value)),
  ),
);
const BOOLEANS = ['true', 'false', '1', '0', 'TRUE', 'ja', 'nein'];

type Kind = [Omit<Field, 'name'>, fc.Arbitrary<string>];

/** Kinds of fields with their values. The kernel accepts values of these kinds itself … */
const QUICK: Kind[] = [
  [{ type: 'string' }, text],
  [{ type: 'any' }, text],
  [{ type: 'string', format: 'email' }, email],
  [{ type: 'integer' }, integer],
  [{ type: 'integer', groupChar: ',' }, fc.oneof(integer, fc.constantFrom('1,234', '12,34', '1,234,567'))],
  [{ type: 'integer', bareNumber: false }, fc.oneof(integer, fc.constantFrom('EUR 5', '95%', '-7 kg'))],
  [{ type: 'number' }, number],
  [{ type: 'number', decimalChar: ',', groupChar: '.' }, fc.oneof(number, fc.constantFrom('1.234,5', '1,5'))],
  [{ type: 'date' }, date],
];
/** … and leaves all values of these kinds to the processor. */
const SLOW: Kind[] = [
  [{ type: 'string', format: 'uuid' }, uuid],
  [{ type: 'string', format: 'uri' }, uri],
  [{ type: 'string', format: 'binary' }, fc.constantFrom('aGk=', 'aGk', 'AAAA')],
  [{ type: 'boolean' }, fc.constantFrom(...BOOLEANS)],
  [{ type: 'boolean', trueValues: ['ja'], falseValues: ['nein'] }, fc.constantFrom(...BOOLEANS)],
  [{ type: 'date', format: '%d.%m.%Y' }, fc.constantFrom('29.02.2024', '29.2.2023', '31.12.1999', '2024-02-29')],
  [{ type: 'date', format: '%Y-%m-%d' }, date],
  [{ type: 'time' }, time],
  [{ type: 'datetime' }, fc.constantFrom('2025-01-31T12:00:00Z', '2025-02-29T12:00:00Z', '2024-02-29T00:00:00.5')],
  [{ type: 'year' }, fc.constantFrom('2024', '0000', '0001', '9999', '20245')],
  [{ type: 'yearmonth' }, fc.constantFrom('2024-02', '2024-13')],
  [{ type: 'duration' }, fc.constantFrom('P1D', 'PT1H30M', 'P')],
  [{ type: 'object' }, json],
  [{ type: 'array' }, json],
];

const PATTERNS = [
  ...['^[A-Z]+$', '^[A-Za-z0-9_ ]*$', '^[0-9]{2,4}$', '^[a-z0-9]{3}$', '^[A-Za-z0-9]{2,}$', '^[0-9 ]$', '^[a-z]{0,0}$'],
  ...['^(a|b)+$', '[0-9]', '^\\p{L}+$', '^[0-9]{4}-[0-9]{2}', '^[^x]*$'],
];

const limits = fc.record({ minLength: fc.nat(3), maxLength: fc.constantFrom(1, 4, 8, 16, 40, 2 ** 31, 2 ** 40) });
const constraintsOf = (values: fc.Arbitrary<string>): fc.Arbitrary<Constraints> =>
  fc.oneof(
    { weight: 10, arbitrary: fc.constant({}) },
    { weight: 3, arbitrary: fc.constant({ required: true }) },
    fc.record({ enum: fc.uniqueArray(values, { minLength: 1, maxLength: 6 }) }),
    fc.record({ pattern: fc.constantFrom(...PATTERNS) }),
    limits,
    limits.map(({ minLength }) => ({ minLength })),
    limits.map(({ maxLength }) => ({ maxLength, required: true })),
    fc.record({ pattern: fc.constantFrom(...PATTERNS), maxLength: fc.nat(20) }),
  );

interface Source {
  field: Field;
  values: fc.Arbitrary<string>;
}

function isValid(field: Omit<Field, 'name'>, value: string): boolean {
  const check = compileField({ name: 'f', ...field }, { path: 'f', required: false, missingValues: [] });
  const faults: Parameters<typeof check.read>[1] = [];
  return check.read(value, faults) !== undefined && faults.length === 0;
}

const MISSING_WORDS = ['NA', '-', ' ', 'n/a ', 'é', '0'];

const source: fc.Arbitrary<Omit<Field, 'name'> & { values: fc.Arbitrary<string> }> = fc
  .oneof({ weight: 16, arbitrary: fc.constantFrom(...QUICK) }, fc.constantFrom(...SLOW))
  .chain(([kind, values]) =>
    fc
      .record({
        constraints: constraintsOf(values),
        some: fc.array(values, { minLength: 24, maxLength: 24 }),
        missing: rarely(
          fc.option(fc.uniqueArray(fc.constantFrom(...MISSING_WORDS), { maxLength: 3 })),
          fc.constant(null),
          4,
        ),
        sensitive: fc.boolean(),
        code: rarely<string | null>(fc.constant('OWN_1'), fc.constant(null)),
      })
      .map(({ constraints, some, missing, sensitive, code }) => {
        const field = {
          ...{ ...kind, constraints, sensitive },
          ...(missing && { missingValues: missing }),
          ...(code !== null && { code }),
        };
        const valid = [...(constraints.enum ?? []), ...some].filter((each) => isValid(field, each));
        return { ...field, values: valid.length > 0 ? rarely(values, fc.constantFrom(...valid), 20) : values };
      }),
  );

const sources = fc
  .array(source, { minLength: 1, maxLength: 5 })
  .map((all) => all.map(({ values, ...field }, i): Source => ({ values, field: { name: `f${i}`, ...field } })));

// Columns of the target.

const EXPRESSIONS = (name: string) => [
  `${name} == null ? 'none' : 'some'`,
  `${name} == null ? null : string(${name}) + '"\\\\ü'`,
  `1 == 1`,
  // This expression cannot be computed from some values.
  `int(${name}) + 1`,
];
const PATHS = ['a', 'b', 'a b.c', 'n.x', 'n.y', 'n.m.x', 'n.m.y', 'q"\\.é', 'long name of a property', 'z.z.z.z.z'];

/** The paths of a JSON column, none of which is a part of another one. */
const json_ = (names: string[]): fc.Arbitrary<NonNullable<Column['json']>> =>
  fc.uniqueArray(fc.constantFrom(...PATHS), { maxLength: 6 }).chain((paths) =>
    fc.tuple(
      ...paths.map((path) =>
        rarely(
          fc.constantFrom(...names).chain((name) =>
            fc.constantFrom(...EXPRESSIONS(name)).map((value): { path: string; field?: string; value?: string } => ({
              path,
              value,
            })),
          ),
          fc.constantFrom(...names).map((field) => ({ path, field })),
          8,
        ),
      ),
    ),
  );

const columnOf = (names: string[]): fc.Arbitrary<Omit<Column, 'name'>> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...names).map((field) => ({ field })) },
    { weight: 3, arbitrary: json_(names).map((json) => ({ json })) },
    fc.constantFrom(...names).chain((name) => fc.constantFrom(...EXPRESSIONS(name)).map((value) => ({ value }))),
    fc.constantFrom<Omit<Column, 'name'>>({ system: 'uploadId' }, { system: 'rowNumber' }),
  );

const RULES = (name: string) => [`${name} == null || string(${name}) != 'a'`, `${name} != null`, `size(${name}) < 9`];
const rulesOf = (names: string[]) =>
  rarely(
    fc
      .array(
        fc.constantFrom(...names).chain((name) => fc.constantFrom(...RULES(name))),
        { minLength: 1, maxLength: 2 },
      )
      .map((rules) => rules.map((rule) => ({ rule, message: 'is not so', code: 'BIZ_1' }))),
    fc.constant<NonNullable<RecordSchemaSpec['rules']>>([]),
    3,
  );

const TYPE_NAMES = Object.keys(OIDS) as TypeName[];

/** The types of a table that the column may have in the binary format. */
function typesOf(schema: RecordSchemaSpec, column: Column): TypeName[] {
  const alone = { ...schema, target: { ...schema.target, columns: [column] } };
  return TYPE_NAMES.filter((type) => {
    try {
      return encodingsOf(alone, [type]).length === 1;
    } catch {
      return false;
    }
  });
}

// Files.

const latin1 = (value: string) => Buffer.from(value).toString('latin1');

/** Strings of bytes that are no UTF-8, or hold NUL. */
const SPOILT = [
  ...[
    '\0',
    '\x80',
    '\xc3',
    '\xc0\xaf',
    '\xc1\xbf',
    '\xe2\x82',
    '\xe0\x9f\xbf',
    '\xed\xa0\x80',
    '\xed\xbf\xbf',
    '\xf0\x9f\x98',
  ],
  ...['\xf0\x8f\xbf\xbf', '\xf4\x90\x80\x80', '\xf5\x80\x80\x80', '\xff', '\xfe', '\xe2\x28\xa1'],
];
/** Bytes that separate records and fields, and bytes that look like them. */
const MARKS = ['"', '""', ',', ';', '\t', '|', '\n', '\r', '\r\n', '\n\n', ' ', '""x', '","', '\n"', '\ufeff'].map(
  latin1,
);
const BLANKS = ['', ' ', '  ', '\t', '\u00a0', '\u3000 ', ' \u2003', '\u0085', '\x0b', '\x7f', ' '.repeat(20)];

const blank = fc.constantFrom(...BLANKS);

/** A field as it stands in the file. */
function fieldOf(values: fc.Arbitrary<string>, delimiter: string): fc.Arbitrary<string> {
  const value = fc.oneof(
    { weight: 60, arbitrary: values },
    { weight: 3, arbitrary: blank },
    { weight: 1, arbitrary: fc.constantFrom(...MISSING_WORDS) },
    { weight: 1, arbitrary: values.map((each) => ` ${each}`) },
    { weight: 1, arbitrary: values.map((each) => `${each} `) },
  );
  return fc.tuple(value, fc.nat(3)).map(([each, quoted]) => {
    const needed = each.includes(delimiter) || /["\r\n]/.test(each);
    return latin1(needed || quoted === 0 ? `"${each.replaceAll('"', '""')}"` : each);
  });
}

interface FileOptions {
  /** The values of each column, in the order of the columns. */
  columns: fc.Arbitrary<string>[];
  delimiter: string;
}

function recordOf({ columns, delimiter }: FileOptions): fc.Arbitrary<string> {
  const fields = fc.tuple(...columns.map((values) => fieldOf(values, delimiter)));
  const usual = fields.map((each) => each.join(delimiter));
  const insert = fc.tuple(usual, fc.constantFrom(...SPOILT, ...MARKS, ...MARKS), fc.nat()).map(([record, what, at]) => {
    const place = at % (record.length + 1);
    return record.slice(0, place) + what + record.slice(place);
  });
  return fc.oneof(
    { weight: 30, arbitrary: usual },
    { weight: 3, arbitrary: insert },
    fields.map((each) => each.slice(1).join(delimiter)),
    fc.tuple(usual, fc.constantFrom('', ' ', 'x', '\0', '""')).map(([record, more]) => `${record}${delimiter}${more}`),
    fc.constant(''),
  );
}

function fileOf(options: FileOptions): fc.Arbitrary<Buffer> {
  const ends = fc.constantFrom(['\n'], ['\n'], ['\r\n'], ['\r'], ['\n', '\r\n', '\r']);
  return ends
    .chain((of) =>
      fc.tuple(
        fc.array(fc.tuple(recordOf(options), fc.constantFrom(...of)), { minLength: 1, maxLength: 40, size: 'max' }),
        fc.nat(3),
      ),
    )
    .map(([records, closed]) => {
      const bytes = records.map(([record, end]) => record + end).join('');
      return Buffer.from(closed === 0 ? bytes.replace(/[\r\n]+$/, '') : bytes, 'latin1');
    });
}

// A schema, a header and some chunks of its file.

interface Trial {
  schema: RecordSchemaSpec;
  header: string[];
  types: { type: TypeName; modifier: number }[];
  delimiter: string;
  files: Buffer[];
}

const schemaAndValues = sources.chain((all) => {
  const names = all.map(({ field }) => field.name);
  return fc
    .record({
      columns: fc.array(columnOf(names), { minLength: 1, maxLength: 6 }),
      rules: rulesOf(names),
      missingValues: rarely<string[]>(fc.constant(['NA', '']), fc.constant([]), 3),
    })
    .map(({ columns, rules, missingValues }) => {
      const schema: RecordSchemaSpec = {
        ...{ fields: all.map(({ field }) => field), fieldsMatch: 'partial', primaryKey: ['f0'], rules, missingValues },
        target: {
          ...{ table: 't', create: false, onDuplicate: 'Skip' },
          columns: [{ field: 'f0' }, ...columns].map((column, i) => ({ name: `c${i}`, ...column })),
        },
      };
      return { schema, all };
    });
});

/** The file's columns in their order: the index of the column's field, or -1 for a column without a field. */
const layoutOf = (all: Source[]) => {
  const optional = all.flatMap(({ field }, i) => (i > 0 && !field.constraints?.required ? [i] : []));
  const indexes = all.map((_, i) => i);
  return rarely(
    fc.tuple(fc.subarray(optional), fc.array(fc.constant(-1), { maxLength: 2 })).chain(([absent, others]) => {
      const present = [...indexes.filter((i) => !absent.includes(i)), ...others];
      return fc.shuffledSubarray(present, { minLength: present.length });
    }),
    fc.constant(indexes),
    1,
  );
};

const trial: fc.Arbitrary<Trial> = schemaAndValues.chain(({ schema, all }) =>
  fc
    .record({
      layout: layoutOf(all),
      types: fc.tuple(
        ...schema.target.columns.map((column) =>
          fc.record({ type: fc.constantFrom(...typesOf(schema, column)), modifier: fc.constantFrom(-1, 393_222) }),
        ),
      ),
      delimiter: rarely(fc.constantFrom(';', '\t', '|'), fc.constant(','), 2),
    })
    .chain(({ layout, types, delimiter }) => {
      const columns = layout.map((i) => (i === -1 ? text : all[i]!.values));
      const header = layout.map((i, at) => (i === -1 ? `other ${at}` : all[i]!.field.name));
      return fc
        .array(fileOf({ columns, delimiter }), { minLength: 1, maxLength: 3 })
        .map((files) => ({ schema, header, types, delimiter, files }));
    }),
);

/** The numbers of all records and of those that the kernel took, since a test without records would pass as well. */
const counts = { records: 0, valid: 0, failed: 0, taken: 0 };

function compare({ schema, header, types, delimiter, files }: Trial): void {
  const encodings = encodingsOf(
    schema,
    types.map(({ type, modifier }) => ({ oid: OIDS[type], modifier })),
  );
  const both = createComparison({ schema, header, encodings, delimiter });
  for (const file of files) {
    const { rows, failed, positions, taken } = both(file);
    counts.records += positions.length;
    counts.valid += rows.rows;
    counts.failed += failed.length;
    counts.taken += taken;
  }
}

describe('with the kernel and without it', () => {
  test('rows, failed records and positions are the same, on any file by any schema', () => {
    // It takes a second; a failure is made smaller for as long as this.
    fc.assert(fc.property(trial, compare), { numRuns: 300, interruptAfterTimeLimit: 20_000 });
  }, 30_000);

  test('and both kernel and processor handle many records', () => {
    expect(counts.taken).toBeGreaterThan(counts.records / 10);
    expect(counts.valid - counts.taken).toBeGreaterThan(counts.records / 20);
    expect(counts.failed).toBeGreaterThan(counts.records / 20);
  });
});
