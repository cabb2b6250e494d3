/** The checks of one field, compiled once. */
import { type ByteTest, notLengthsTest } from './byte-tests.ts';
import { type Constraint, compileConstraints } from './constraints.ts';
import { CODES } from './faults.ts';
import type { RecordFault } from './record-fault.ts';
import { typeOf } from './types.ts';
import type { Field, ValueType } from './value-type.ts';

export interface FieldCheck {
  name: string;
  type: ValueType;
  required: boolean;
  /** Says of bytes that are not blank that they are a valid value as they are; what it refuses is asked of the text. */
  acceptsBytes(bytes: Uint8Array, start: number, end: number): boolean;
  /** What it asks, one test after the other; null: it refuses everything. */
  tests: readonly ByteTest[] | null;
  /** Undefined when the text means "no value". Blank always does. */
  present(text: string | undefined): string | undefined;
  /**
   * Adds the faults of the text, or of its absence.
   * @returns the value, in the form of its type; nothing to use when there were faults.
   */
  read(text: string | undefined, faults: RecordFault[]): string | undefined;
}

export function compileField(
  field: Field,
  options: { path: string; required: boolean; missingValues: string[] },
): FieldCheck {
  const { path, required } = options;
  const type = typeOf(field, path);
  const words = (field.missingValues ?? options.missingValues).filter((word) => !isBlank(word));
  const missing = words.length > 0 ? new Set(words) : null;
  const fault = (code: string, message: string): RecordFault => ({
    code: field.code ?? code,
    field: field.name,
    message: `${field.name} ${message}`,
  });
  const missingFault: RecordFault = { code: CODES.required, field: field.name, message: `${field.name} is required` };
  const typeFault = fault(type.code, `must be ${type.expectation}`);
  const checks = compileConstraints(field, type, { path, fault });
  const tests = collectTests(type, checks, words);
  return {
    name: field.name,
    type,
    required,
    acceptsBytes: all(tests),
    tests,
    present: (text) => (text === undefined || isBlank(text) || missing?.has(text) ? undefined : text),
    read(text, faults) {
      if (text === undefined) {
        if (required) faults.push(missingFault);
        return undefined;
      }
      const value = type.read(text);
      if (value === undefined) faults.push(typeFault);
      else for (const check of checks) if (!check.test(text, value)) faults.push(check.fault);
      return value;
    },
  };
}

const always = () => true;
const never = () => false;

/** A value that may be a word for "no value" is left to the text. Null where something has no quick test. */
function collectTests(
  type: ValueType,
  checks: readonly Constraint[],
  words: readonly string[],
): readonly ByteTest[] | null {
  const tests: (ByteTest | null)[] = checks.map(({ testBytes }) => testBytes);
  if (type.isValidBytes !== undefined) tests.unshift(type.isValidBytes);
  if (words.length > 0) tests.unshift(notLengthsTest([...new Set(words.map((word) => Buffer.byteLength(word)))]));
  return tests.includes(null) ? null : (tests as ByteTest[]);
}

/** All tests in one. */
function all(tests: readonly ByteTest[] | null): FieldCheck['acceptsBytes'] {
  if (tests === null) return never;
  if (tests.length < 2) return tests[0] ?? always;
  return (bytes, start, end) => {
    for (const test of tests) if (!test(bytes, start, end)) return false;
    return true;
  };
}

function isBlank(text: string): boolean {
  // Most values start with a letter or a digit: no trim for them.
  const first = text.charCodeAt(0);
  return first > 0x20 && first < 0x7f ? false : text.trim() === '';
}
