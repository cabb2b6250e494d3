/** Compiles the program for fields, which tests a record's fields. */
import type { TestForm } from '#runner/processor/byte-tests.ts';
import type { FieldCheck } from '#runner/processor/check-field.ts';
import { LAYOUT } from './kernel.gen.ts';
import { type ProgramMemory, wordsOf } from './program-memory.ts';

/** The largest number that the kernel knows; no field is so long. */
const NO_LIMIT = 0x7fff_ffff;

export interface FieldSource {
  /** The checks of each field of the schema. */
  checks: readonly FieldCheck[];
  /** Each field's column in the file; -1 for a field without one. */
  positions: readonly number[];
}

export function fieldWords({ checks, positions }: FieldSource, data: ProgramMemory): number[] {
  return checks.flatMap(({ required, tests }, i) => {
    // No value passes this test, so a field without quick tests is never fine at sight.
    const never = testWords(LAYOUT.TEST_CHARACTERS, { [LAYOUT.TEST_LEAST]: 1, [LAYOUT.TEST_MOST]: 0 });
    const words = tests?.flatMap(({ form }) => testOf(form, data)) ?? never;
    words.push(...testWords(LAYOUT.TESTS_END));
    const header = wordsOf(LAYOUT.FIELD_BYTES, {
      [LAYOUT.FIELD_POSITION]: positions[i]!,
      [LAYOUT.FIELD_REQUIRED]: Number(required),
      [LAYOUT.FIELD_TESTS_BYTES]: 4 * words.length,
    });
    return [...header, ...words];
  });
}

function testOf(form: TestForm, data: ProgramMemory): number[] {
  const limits = ({ least, most }: { least: number; most: number }) => ({
    [LAYOUT.TEST_LEAST]: Math.min(least, NO_LIMIT),
    [LAYOUT.TEST_MOST]: Math.min(most, NO_LIMIT),
  });
  const list = (count: number, words: number[]) => ({
    [LAYOUT.TEST_LIST]: data.words(words),
    [LAYOUT.TEST_COUNT]: count,
  });
  switch (form.kind) {
    case 'class':
      return testWords(LAYOUT.TEST_CLASS, { [LAYOUT.TEST_TABLE]: data.bytes(form.table), ...limits(form) });
    case 'enum': {
      const words = form.values.flatMap((value) => [data.bytes(value), value.length]);
      return testWords(LAYOUT.TEST_ENUM, list(form.values.length, words));
    }
    case 'date':
      return testWords(LAYOUT.TEST_DATE);
    case 'email':
      return testWords(LAYOUT.TEST_EMAIL, {
        [LAYOUT.TEST_TABLE]: data.bytes(form.local),
        [LAYOUT.TEST_LABEL_TABLE]: data.bytes(form.label),
      });
    case 'characters':
      return testWords(LAYOUT.TEST_CHARACTERS, limits(form));
    case 'notLengths':
      return testWords(LAYOUT.TEST_NOT_LENGTHS, list(form.lengths.length, [...form.lengths]));
    default:
      throw new Error(form satisfies never);
  }
}

/** @param operands the values of the test by their offset, LAYOUT.TEST_* */
function testWords(operation: number, operands: Record<number, number> = {}): number[] {
  return wordsOf(LAYOUT.TEST_BYTES, { ...operands, [LAYOUT.OPERATION]: operation });
}
