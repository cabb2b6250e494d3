import { expect, test } from 'vitest';
import { rememberAnswers } from '#runner/processor/remember-answers.ts';

/** Counts how often the function is computed. */
function counted<T>(compute: (texts: readonly (string | undefined)[]) => T) {
  const calls = { count: 0 };
  const remembered = rememberAnswers((texts) => {
    calls.count += 1;
    return compute(texts);
  });
  return { calls, remembered };
}

test('the same texts are computed once; a missing one is not an empty one, and where a text ends matters', () => {
  const { calls, remembered } = counted((texts) => JSON.stringify(texts.map((text) => text ?? null)));
  const inputs = [
    ['a', 'b'],
    ['ab', ''],
    ['', 'ab'],
    [undefined, 'ab'],
    ['ab', undefined],
    ['-', '-'],
    [undefined, undefined],
  ];
  for (let round = 0; round < 3; round += 1) {
    for (const texts of inputs) expect(remembered(texts)).toBe(JSON.stringify(texts.map((text) => text ?? null)));
  }
  expect(calls.count).toBe(inputs.length);
});

test('false and null are answers too', () => {
  const { calls, remembered } = counted(([text]) => (text === 'null' ? null : false));
  for (const text of ['null', 'x', 'null', 'x']) expect(remembered([text])).toBe(text === 'null' ? null : false);
  expect(calls.count).toBe(2);
});

test('what throws is computed again', () => {
  const { calls, remembered } = counted(() => {
    throw new Error('no value');
  });
  for (let i = 0; i < 2; i += 1) expect(() => remembered(['a'])).toThrow('no value');
  expect(calls.count).toBe(2);
});

test('texts that never come again give up the memory, and stay right', () => {
  const { calls, remembered } = counted(([text]) => text);
  for (let i = 0; i < 10_000; i += 1) expect(remembered([`${i}`])).toBe(`${i}`);
  const before = calls.count;
  expect(remembered(['9999'])).toBe('9999');
  expect(calls.count).toBe(before + 1);
});
