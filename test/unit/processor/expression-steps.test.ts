import { describe, expect, test } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { compileExpression } from '#runner/processor/expression.ts';
import { TooManySteps } from '#runner/processor/expression-steps.ts';
import { createRecordRunner } from './run-record.ts';

const run = (text: string, input: Record<string, string> = {}) =>
  compileExpression(text, ['a', 'b']).evaluate({ a: '', b: '', ...input });
const long = 'a'.repeat(1_000_000);
const list = Array.from({ length: 3000 }, (_, i) => i).join(',');

describe('an expression that multiplies its values ends at once', () => {
  test.each<[text: string, input: Record<string, string>]>([
    [`a.replace('', a)`, { a: long }],
    [`a.replace('a', a)`, { a: long }],
    [`a.replace('a', a).size() > 1 || true`, { a: long }],
    [
      `a.replace('a', b).replace('b', b).replace('b', b).replace('b', b)`,
      { a: long.slice(0, 1000), b: 'b'.repeat(1000) },
    ],
    [`a.split('').map(x, a).join('')`, { a: long }],
    [`a.split('').map(x, a).join(a) + a`, { a: long.slice(0, 50_000) }],
    [`a.split(',').join(b)`, { a: list, b: long }],
    [`a.split(',').all(x, a.split(',').all(y, x != 'z' && y != 'z'))`, { a: list }],
    [`[a.split(',')].all(l, l.all(x, l.all(y, l.all(z, true))))`, { a: list }],
    [`a.split(',').exists(x, a.split(',').exists(y, x == y + 'z'))`, { a: list }],
    [`[a.split(',')].map(l, l.map(x, l.map(y, l)))[0] == [a.split(',')].map(l, l.map(x, l.map(y, l)))[0]`, { a: list }],
    [`'%s'.format([[a.split(',')].map(l, l.map(x, l))])`, { a: list }],
    [`[a.split(',')].map(l, l.map(x, b)).exists(l, l == l.map(x, b + x))`, { a: list, b: long }],
    [`a.contains(b)`, { a: long, b: `${long.slice(0, 500_000)}b` }],
    [`a.indexOf(b) + a.lastIndexOf(b)`, { a: long, b: `b${long.slice(0, 500_000)}` }],
    [`a.split(b)`, { a: long, b: `b${long.slice(0, 500_000)}` }],
    [`a.matches(b)`, { a: long, b: '(?:[a-z0-9]?\\pL{10})'.repeat(2000) }],
  ])(
    '%s (%#)',
    (text, input) => {
      expect(() => run(text, input)).toThrow(TooManySteps);
    },
    10_000,
  );
});

describe('what is linear in the record is computed however long the record is', () => {
  const huge = 'ab '.repeat(1_000_000);
  test.each<[text: string, input: Record<string, string>, value: unknown]>([
    [`a.trim().size()`, { a: huge }, 2_999_999n],
    [`a.replace(' ', '').size()`, { a: huge }, 2_000_000n],
    [`a.lowerAscii().upperAscii() == a`, { a: huge }, false],
    [`a.matches('^(a+)+$')`, { a: `${long}b` }, false],
    [`a.contains('a needle in a stack of hay')`, { a: huge }, false],
    [`a.split(',').map(x, x + '!').filter(x, x.startsWith('1')).size()`, { a: list }, 1111n],
    [`a.split(',').map(x, int(x)).exists(x, x == 2999)`, { a: list }, true],
    [`a.split(',').all(x, x.matches('^[0-9]+$'))`, { a: list }, true],
    [`a == b`, { a: huge, b: huge }, true],
  ])(
    '%s',
    (text, input, value) => {
      expect(run(text, input)).toBe(value);
    },
    20_000,
  );
});

describe('functions of our own mean what the definition of CEL says', () => {
  test.each<[text: string, value: unknown]>([
    [`'hello hello'.replace('he', 'we')`, 'wello wello'],
    [`'hello hello'.replace('he', 'we', -1)`, 'wello wello'],
    [`'hello hello'.replace('he', 'we', 1)`, 'wello hello'],
    [`'hello hello'.replace('he', 'we', 0)`, 'hello hello'],
    [`'hello hello'.replace('', '_')`, '_h_e_l_l_o_ _h_e_l_l_o_'],
    [`'hello'.replace('', '_', 2)`, '_h_ello'],
    [`'aaa'.replace('aa', 'a')`, 'aa'],
    [`'aaa'.replace('a', 'aa')`, 'aaaaaa'],
    [`'aÄZ'.lowerAscii() + 'aäz'.upperAscii()`, 'aÄzAäZ'],
    [`'a😀'.replace('', '-')`, '-a-😀-'],
    [`[1] + [2] == [1, 2]`, true],
    [`[[1, 2, 3].map(x, x * 2)].all(l, l + [7] == [2, 4, 6, 7] && l + [8] == [2, 4, 6, 8] && l == [2, 4, 6])`, true],
    [`([1, 2] + [3])[2] == 3 && ([1, 2] + [3]).size() == 3`, true],
    [`[1, 2, 3].filter(x, x > 1).map(x, string(x)).join('-')`, '2-3'],
  ])('%s', (text, value) => {
    expect(run(text)).toBe(value);
  });
});

const SCHEMA: RecordSchemaSpec = {
  fields: [
    { name: 'a', type: 'string' },
    { name: 'b', type: 'string' },
  ],
  fieldsMatch: 'equal',
  primaryKey: ['b'],
  rules: [{ rule: `a.replace('', a).size() > 0`, message: 'a is good', code: 'BIZ_007' }],
  target: {
    table: 't',
    create: false,
    onDuplicate: 'Skip',
    columns: [
      { name: 'b', field: 'b' },
      { name: 'twice', value: `a.replace('', a)` },
    ],
  },
};

test('the record fails with a code of its own that names the rule, and the next record is good', () => {
  const runner = createRecordRunner(SCHEMA);
  const fault = {
    code: 'VAL_013',
    field: null,
    message: expect.stringMatching(/^The rule BIZ_007 takes too many steps/),
  };
  expect(runner.process([long, '1'])).toEqual({ ok: false, faults: [fault] });
  expect(runner.process(['x', '1'])).toEqual({ ok: true, values: ['1', 'xxx'] });
}, 60_000);

test('an expression of a column names its column', () => {
  const runner = createRecordRunner({ ...SCHEMA, rules: [] });
  const result = runner.process([long, '1']);
  expect(result).toMatchObject({ ok: false, faults: [{ code: 'VAL_013', field: null }] });
  expect(JSON.stringify(result)).toContain('The expression of column twice takes too many steps');
}, 60_000);
