import { describe, expect, test } from 'vitest';
import { compileExpression, type ExpressionInput } from '#runner/processor/expression.ts';

const FIELDS = ['name', 'status', 'day', 'count', 'flag', 'two words'];

const run = (text: string, input: ExpressionInput = {}) => compileExpression(text, FIELDS).evaluate(input);

test.each<[text: string, input: ExpressionInput, value: unknown]>([
  [`status != null && status.lowerAscii() in ['yes', 'true'] ? day : null`, { status: 'Yes', day: 'D' }, 'D'],
  [`status != null && status.lowerAscii() in ['yes', 'true'] ? day : null`, { status: 'TRUE', day: 'D' }, 'D'],
  [`status != null && status.lowerAscii() in ['yes', 'true'] ? day : null`, { status: 'no', day: 'D' }, null],
  [`status != null && status.lowerAscii() in ['yes', 'true'] ? day : null`, { status: null, day: 'D' }, null],
  ['count + 1', { count: 41n }, 42n],
  ['count > 10 && flag', { count: 11n, flag: true }, true],
  ['double(count) / 2.0', { count: 3n }, 1.5],
  ['name + "-" + string(count)', { name: 'a', count: 7n }, 'a-7'],
  [`name.split(' ')[0]`, { name: 'Ann Lee' }, 'Ann'],
  [`name.matches('^[A-Z]+$')`, { name: 'ABC' }, true],
  ['size(name)', { name: 'Zoë' }, 3n],
  [`['a', 'b'].exists(x, x == name)`, { name: 'b' }, true],
  [`['a', 'b'].map(name, name + 'x')[1]`, {}, 'bx'],
  [`{'a': name}['a']`, { name: 'n' }, 'n'],
  [`strings.quote(name)`, { name: 'n' }, '"n"'],
  ['type(count) == int', { count: 1n }, true],
  ['"a constant"', {}, 'a constant'],
])('%s (%#)', (text, input, value) => {
  expect(run(text, input)).toBe(value);
});

describe('inputs are the fields that are read', () => {
  test.each<[string, string[]]>([
    ['name + day', ['name', 'day']],
    ['"name" + day', ['day']],
    [`['a'].exists(name, name == day) ? 1 : 2`, ['day']],
    [`name.all(name, name == status)`, ['name', 'status']],
    [`{day: [flag]}.size() > 0 && has(name.x)`, ['name', 'day', 'flag']],
    [`[1].exists(x, [2].exists(y, x < y && day == ''))`, ['day']],
    ['1', []],
  ])('%s', (text, inputs) => {
    expect([...compileExpression(text, FIELDS).inputs].sort()).toEqual([...inputs].sort());
  });
});

describe('is refused when the schema is compiled', () => {
  test.each([
    ['name ==', /expecting/],
    ['', /expecting|empty/i],
    ['name == nam', /there is no field nam$/],
    ['nam + da', /there is no field nam, da$/],
    ['two words', /./],
    ['[1].map(x, y)', /there is no field y$/],
    ['[x].map(x, x)', /there is no field x$/],
    ['lower(name)', /there is no function lower$/],
    ['name.lower()', /there is no function lower$/],
    ['other.lowerAscii()', /there is no field other$/],
    ['has(other.x)', /there is no field other$/],
    ['{other: 1}.size()', /there is no field other$/],
    ['{1: [other]}.size()', /there is no field other$/],
  ])('%s', (text, message) => {
    expect(() => compileExpression(text, FIELDS)).toThrow(message);
  });
});

describe('cannot be computed', () => {
  test.each<[string, ExpressionInput]>([
    ['name.lowerAscii()', { name: null }],
    ['count + 1', { count: 'x' }],
    ['count / 0', { count: 1n }],
    ['count + 1', { count: 9223372036854775807n }],
    ['[name]', { name: 'a' }],
    [`{'a': 1}`, {}],
    [`timestamp('2025-01-01T00:00:00Z')`, {}],
    ['uint(1)', {}],
    [`name.split('x')`, { name: 'a' }],
    ['name.substring(0, 1)', { name: '😀' }],
    ["name + '\\u0000'", { name: 'a' }],
  ])('%s', (text, input) => {
    expect(() => run(text, input)).toThrow();
  });
});

test('a pattern of an expression has RE2 semantics: hostile text takes linear time', () => {
  expect(run(`name.matches('^(a+)+$')`, { name: `${'a'.repeat(20_000)}!` })).toBe(false);
});
