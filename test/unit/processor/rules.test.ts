import { describe, expect, test } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { checkSchema } from '#operator/controller/accept-policy.ts';
import { compileSchema } from '#runner/processor/process-record.ts';
import { createRecordRunner } from './run-record.ts';
import { schemaOf } from './schema.ts';

type Fields = Parameters<typeof schemaOf>[0];
type Rule = NonNullable<RecordSchemaSpec['rules']>[number];

const rule = (text: string, code = 'BIZ_TEST'): Rule => ({ rule: text, message: `must: ${code}`, code });

/** Codes and messages of a record whose fields beside the key have these texts. */
function faultsOf(fields: Fields, rules: Rule[], texts: string[]) {
  const result = createRecordRunner(schemaOf(fields, { rules })).process(['1', ...texts]);
  return result.ok ? [] : result.faults;
}

const DATES: Fields = { start: { type: 'date' }, end: { type: 'date' } };
const ORDER: Rule = {
  rule: 'end == null || start == null || end >= start',
  message: 'end must not be before start',
  code: 'BIZ_END_BEFORE_START',
};

describe('a rule that gives false fails the record with its code and message', () => {
  test.each<[start: string, end: string, violated: boolean]>([
    ['2025-01-01', '2025-01-31', false],
    ['2025-01-01', '2025-01-01', false],
    ['2025-01-01', '2024-12-31', true],
    ['2025-01-01', '', false],
    ['', '', false],
  ])('%s to %s: %s', (start, end, violated) => {
    const fault = { code: ORDER.code, field: null, message: ORDER.message };
    expect(faultsOf(DATES, [ORDER], [start, end])).toEqual(violated ? [fault] : []);
  });

  test.each<[text: string, fields: Fields, texts: string[], holds: boolean]>([
    ['n % 2 == 0', { n: { type: 'integer' } }, ['004'], true],
    ['n % 2 == 0', { n: { type: 'integer' } }, ['5'], false],
    ['x <= 1.5', { x: { type: 'number' } }, ['1.50'], true],
    ['x <= 1.5', { x: { type: 'number' } }, ['1.51'], false],
    ['b', { b: { type: 'boolean' } }, ['TRUE'], true],
    ['b', { b: { type: 'boolean' } }, ['0'], false],
    ["a.matches('^(a+)+$')", { a: {} }, [`${'a'.repeat(20_000)}!`], false],
    ['a == \'say "hi"\'', { a: {} }, ['say "hi"'], true],
    ['true', {}, [], true],
    ['false', {}, [], false],
  ])('%s of %j: %s', (text, fields, texts, holds) => {
    expect(faultsOf(fields, [rule(text)], texts)).toHaveLength(holds ? 0 : 1);
  });

  test('every time, also when the answer is remembered', () => {
    const runner = createRecordRunner(schemaOf({ a: {} }, { rules: [rule("a == 'good'")] }));
    const outcomes = ['good', 'bad', 'good', 'bad', ''].map((text) => runner.process(['1', text]).ok);
    expect(outcomes).toEqual([true, false, true, false, false]);
  });
});

describe('a rule that cannot be computed fails the record with its code, and never throws', () => {
  test.each<[text: string, fields: Fields, texts: string[]]>([
    ['n < 3', { n: { type: 'integer' } }, ['']],
    ['a.size() > 1', { a: {} }, ['']],
    ['n / 0 == 1', { n: { type: 'integer' } }, ['1']],
    ['n > 1', { n: { type: 'integer' } }, ['9'.repeat(30)]],
    ['int(a) > 1', { a: {} }, ['Zq9secret']],
    ['a', { a: {} }, ['Zq9secret']],
    ['[a].size()', { a: {} }, ['Zq9secret']],
    ['null', {}, []],
  ])('%s of %j', (text, fields, texts) => {
    const message = 'The rule cannot be computed from this record: must: BIZ_TEST';
    const results = [1, 2].map(() => faultsOf(fields, [rule(text)], texts));
    for (const faults of results) expect(faults).toEqual([{ code: 'BIZ_TEST', field: null, message }]);
  });
});

describe('with other faults', () => {
  const fields: Fields = {
    n: { type: 'integer', constraints: { maximum: '100' } },
    a: { constraints: { required: true } },
    own: { type: 'integer', code: 'AGE_001' },
  };
  const rules = [rule('n < 10', 'BIZ_Z'), rule("a != 'x'", 'BIZ_A'), rule("n < 20 || a == 'y'", 'BIZ_BOTH')];

  test.each<[texts: string[], codes: string[]]>([
    [['5', 'y', ''], []],
    [
      ['50', 'x', ''],
      ['BIZ_Z', 'BIZ_A', 'BIZ_BOTH'],
    ],
    // Faults of fields come before those of rules.
    [
      ['50', 'x', 'old'],
      ['AGE_001', 'BIZ_Z', 'BIZ_A', 'BIZ_BOTH'],
    ],
    // A rule that reads a field with a fault is left out.
    [
      ['many', 'x', ''],
      ['VAL_005', 'BIZ_A'],
    ],
    [
      ['101', 'x', ''],
      ['VAL_009', 'BIZ_A'],
    ],
    [
      ['50', '', ''],
      ['VAL_001', 'BIZ_Z'],
    ],
    [
      ['many', '', ''],
      ['VAL_001', 'VAL_005'],
    ],
  ])('%j: %j', (texts, codes) => {
    expect(faultsOf(fields, rules, texts).map(({ code }) => code)).toEqual(codes);
  });

  test('bytes that are not text are a fault of their field', () => {
    const runner = createRecordRunner(schemaOf({ a: {} }, { rules: [rule("a == 'x'")] }));
    const result = runner.processBytes(Buffer.from('1,\xff\n', 'latin1'));
    expect(result.ok ? [] : result.faults.map(({ code }) => code)).toEqual(['VAL_011']);
  });

  test('a field at fault in one record is none in the next', () => {
    const runner = createRecordRunner(schemaOf({ n: { type: 'integer' } }, { rules: [rule('n < 10')] }));
    expect(['x', '50', '5'].map((n) => runner.process(['1', n]).ok)).toEqual([false, false, true]);
    expect(runner.process(['1', '50'])).toMatchObject({ faults: [{ code: 'BIZ_TEST' }] });
  });

  test('a record of another number of fields has none', () => {
    const runner = createRecordRunner(schemaOf({ a: {} }, { rules: [rule('false')] }));
    expect(runner.process(['1'])).toMatchObject({ faults: [{ code: 'VAL_010' }] });
  });
});

test.each<[text: string, message: RegExp]>([
  ['a ==', /CEL expression/],
  ['nope > 1', /there is no field nope/],
  ['lower(a) == a', /there is no function lower/],
])('%s is refused before any Job exists, with its place', (text, message) => {
  const schema = schemaOf({ a: {} }, { rules: [rule('true'), rule(text)] });
  const path = 'spec.rules[1].rule';
  expect(() => compileSchema(schema, null)).toThrow(expect.objectContaining({ name: 'SchemaError', path }));
  const explanation = checkSchema('team', 'items', schema);
  expect(explanation).toMatchObject({ reason: 'SchemaInvalid', message: expect.stringContaining(path) });
  expect(explanation!.message).toMatch(message);
});
