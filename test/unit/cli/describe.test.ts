import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { spellFormat } from '#cli/describe/describe-field.ts';
import { describeSchema } from '#cli/describe/describe-schema.ts';
import { checkFile } from '#cli/validate/check-file.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import { findExample, formatTemplate } from '#runner/report/example-record.ts';
import { samplePattern } from '#runner/report/sample-pattern.ts';
import { memoryFile } from '#support/cli/memory-file.ts';
import { EXAMPLE_FILES, specOf, specOfFields, specOfFile } from './schemas.ts';

/** The template is a file with one record, and the record is valid. */
async function exampleOf(schema: RecordSchemaSpec): Promise<string[]> {
  const example = await findExample(schema);
  expect(example).not.toBeNull();
  const template = formatTemplate(schema, example);
  const options = {
    schema,
    declared: {},
    platform: NODE_PLATFORM,
    maxRecordBytes: 1 << 20,
    rowsOfCode: 3,
    maxKeys: 10,
  };
  expect(await checkFile(memoryFile('template.csv', template), options)).toMatchObject({ records: 1, faults: [] });
  return example!;
}

async function expectValid(schema: RecordSchemaSpec): Promise<void> {
  await exampleOf(schema);
}

describe('the example row of a template is valid', () => {
  test.each(EXAMPLE_FILES)('%s', (file) => expectValid(specOfFile(file)));

  const page = readFileSync('docs/record-schema.md', 'utf8');
  const examples = [...page.matchAll(/```yaml\n(fields:[^`]*)```/g)].map(([, yaml]) => yaml!);

  test.each(examples)('%s', async (yaml) => {
    const { fields, rules } = parse(yaml);
    await expectValid(specOfFields(fields, rules ? { rules } : {}));
  });

  test('the whole schema of the page', () => expectValid(specOf(/```yaml\n(apiVersion[^`]*)```/.exec(page)![1]!)));

  const types = [
    'string',
    'integer',
    'number',
    'boolean',
    'date',
    'time',
    'datetime',
    'year',
    'yearmonth',
    'duration',
    'object',
    'array',
    'any',
  ];
  test.each(types)('type %s', (type) => expectValid(specOfFields([{ name: 'x', type }])));

  test.each(['%d.%m.%Y', '%b %d, %y', '%Y%m%d', '%d %B %Y'])('a date as %s', (format) =>
    expectValid(specOfFields([{ name: 'x', type: 'date', format }])),
  );
  test.each(['%Y-%m-%d %H:%M:%S.%f%z', '%m/%d/%Y %I:%M %p'])('a date and time as %s', (format) =>
    expectValid(specOfFields([{ name: 'x', type: 'datetime', format }])),
  );

  test('bounds, lengths and words', async () => {
    await expectValid(
      specOfFields([
        { name: 'a', type: 'integer', constraints: { minimum: '1000001', maximum: '1000002' } },
        { name: 'b', type: 'number', decimalChar: ',', constraints: { exclusiveMinimum: '7', exclusiveMaximum: '8' } },
        { name: 'c', constraints: { minLength: 50, maxLength: 60 } },
        { name: 'd', constraints: { maxLength: 1, required: true } },
        { name: 'e', type: 'boolean', trueValues: ['ja'], falseValues: ['nein'] },
        { name: 'f', type: 'date', constraints: { minimum: '2040-01-01' } },
      ]),
    );
  });

  test('rules over several fields', async () => {
    const rules = [
      { rule: 'end == null || start < end', message: 'end must be behind start', code: 'BIZ_END' },
      { rule: "kind == 'b' && size > 50", message: 'a b is large', code: 'BIZ_KIND' },
    ];
    const fields = [
      { name: 'start', type: 'date' },
      { name: 'end', type: 'date', constraints: { required: true } },
      { name: 'kind', constraints: { enum: ['a', 'b'] } },
      { name: 'size', type: 'integer' },
    ];
    const [start, end, kind] = await exampleOf(specOfFields(fields, { rules }));
    expect(start! < end!).toBe(true);
    expect(kind).toBe('b');
  });
});

test('a schema that nothing meets has no example row', async () => {
  const schema = specOfFields([{ name: 'a', constraints: { pattern: '^x$', minLength: 5 } }]);
  expect(await findExample(schema)).toBeNull();
  expect(formatTemplate(schema, null)).toBe('a\n');
});

it('is not looked for where a text must be too long to be one', async () => {
  const schema = specOfFields([
    { name: 'a', type: 'string', constraints: { required: true, minLength: 2_000_000_000 } },
  ]);
  expect(await findExample(schema)).toBeNull();
});

describe('a text of a pattern', () => {
  test.each([
    '^[A-Z]{2}[0-9]{6}$',
    '^[0-9]{4,5}$',
    '^(a|b)+c?$',
    '^\\d{3}-\\d{2}-\\d{4}$',
    '^[^0-9]+$',
    '^(?:CH|DE)[0-9]{2}( [0-9]{4}){3}$',
    '^[[:digit:]]{3}$',
    '^[\\w.-]+@[\\w-]+\\.[a-z]{2,}$',
    '^(?P<year>[0-9]{4})$',
    '^\\p{L}+$',
    '^[-a]x\\.y$',
    '^.{3}$',
    '',
  ])('%s', (pattern) => {
    for (const extra of [0, 1, 3])
      expect(RE2JS.compile(pattern).matcher(samplePattern(pattern, extra)).find()).toBe(true);
  });

  test('ends for any text, pattern or not, and is never long', () => {
    const unit = fc.constantFrom(...'a19[]^$(){}|?*+\\,-.');
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit }), fc.constant('((a{999}){999}){999}')), (text) => {
        expect(samplePattern(text, 8).length).toBeLessThan(10_000);
      }),
    );
  });
});

describe('the description', () => {
  it('has the columns, rules and the key', async () => {
    const text = await describeSchema(
      specOf(/```yaml\n(apiVersion[^`]*)```/.exec(readFileSync('docs/record-schema.md', 'utf8'))![1]!),
      'payments',
    );
    expect(text).toMatch(/^# payments$/m);
    expect(text).toMatch(
      /^\| `invoice` \| text \| yes \| matches `\^\[A-Z\]\{2\}\[0-9\]\{6\}\$` \| `AA000000`|^\| `invoice` .* yes /m,
    );
    expect(text).toContain('| `paid` | date (DD.MM.YYYY) |');
    expect(text).toContain('number (decimal sign ,, . between thousands)');
    expect(text).toContain('one of `EUR`, `CHF`');
    expect(text).toContain('`paid` may also be called `payment date`');
    expect(text).toContain('| an amount needs a currency | BIZ_CURRENCY_MISSING |');
    expect(text).toContain('identified by `invoice`');
  });

  it('says that records are appended where there is no key', async () => {
    const { primaryKey: _key, ...schema } = specOfFields([{ name: 'a' }]);
    const text = await describeSchema(schema, 'x');
    expect(text).toMatch(/## Key\n\nRecords have no key: every valid record .* added/);
    expect(text).not.toContain('identified by');
    expect(text).toContain('| `a` | text |  |');
  });

  it('keeps its table whole, whatever a schema says', async () => {
    const text = await describeSchema(specOfFields([{ name: 'a|b', description: 'x\n| y' }]), 'x');
    const rows = text.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows).toHaveLength(1);
    expect(rows[0]!.replaceAll('\\|', '').split('|')).toHaveLength(7);
  });

  it.each(['equal', 'exact', 'subset', 'superset', 'partial'] as const)(
    'says what a header may be: %s',
    async (fieldsMatch) => {
      expect(await describeSchema(specOfFields([{ name: 'a' }], { fieldsMatch }), 'x')).toContain(
        'names of the columns',
      );
    },
  );

  it('spells formats', () => expect(spellFormat('%d.%m.%Y %H:%M %%')).toBe('DD.MM.YYYY hh:mm %'));
});
