/** The checks of one field, compiled once. */
import { hasTextRules } from '#runner/csv/typed-values.ts';
import { type ByteTest, notLengthsTest } from './byte-tests.ts';
import { type Constraint, compileConstraints, sameAs } from './constraints.ts';
import { CODES } from './faults.ts';
import type { RecordFault } from './record-fault.ts';
import { typeOf } from './types.ts';
import { type Field, identity, type ValueType } from './value-type.ts';

/** Reads one field. */
export interface FieldReader {
  /** Undefined when the text means "no value", as a blank text always does. */
  present(text: string | undefined): string | undefined;
  /**
   * Adds the faults of the text, or the fault of a missing text.
   * @returns the value in the form of its type; not to be used when there were faults.
   */
  read(text: string | undefined, faults: RecordFault[]): string | undefined;
}

export interface FieldCheck extends FieldReader {
  name: string;
  type: ValueType;
  required: boolean;
  /**
   * True when bytes that are not blank are certainly a valid value as they are; otherwise `read` decides about the
   * text.
   */
  acceptsBytes(bytes: Uint8Array, start: number, end: number): boolean;
  /** The tests that `acceptsBytes` makes, one after the other; null when `acceptsBytes` refuses everything. */
  tests: readonly ByteTest[] | null;
  /** Reads a value that the file itself types; null where such a value is read as a text is. */
  typed: FieldReader | null;
}

export interface CompileFieldOptions {
  path: string;
  required: boolean;
  missingValues: string[];
  /** Do the fields' quotes tell typed values from texts? */
  typedValues?: boolean;
}

export function compileField(field: Field, options: CompileFieldOptions): FieldCheck {
  const { path, required } = options;
  const type = typeOf(field, path);
  const words = (field.missingValues ?? options.missingValues).filter((word) => !isBlank(word));
  const fault = (code: string, message: string): RecordFault => ({
    code: field.code ?? code,
    field: field.name,
    message: `${field.name} ${message}`,
  });
  const missingFault = required
    ? { code: CODES.required, field: field.name, message: `${field.name} is required` }
    : null;
  // Blanks around a number, a date or a boolean are no part of the value; in a text they are.
  const withoutBlanks = TEXT_TYPES.has(field.type) ? identity : (text: string) => text.trim();
  const compile = (readAs: ValueType, missing: readonly string[], oneOf = sameAs) => {
    const checks = compileConstraints(field, type, { path, fault, oneOf });
    const typeFault = fault(readAs.code, `must be ${readAs.expectation}`);
    const isMissing = missing.length > 0 ? sameAs(missing) : null;
    const parts = { type: readAs, checks, isMissing, typeFault, missingFault, withoutBlanks };
    return { checks, reader: compileReader(parts) };
  };
  const { checks, reader } = compile(type, words);
  // No rule about texts is for a typed value, and the schema's own texts mean the values that these rules read.
  const isTyped = options.typedValues === true && hasTextRules(field);
  const canonical = isTyped ? typeOf({ name: field.name, type: field.type }, path) : type;
  const meant = isTyped ? words.map((word) => type.read(word) ?? word) : [];
  const sameValue = (texts: readonly string[]) => sameValueAs(texts, { read: type.read, canonical });
  const tests = collectTests(type, checks, [...words, ...meant]);
  return {
    name: field.name,
    type,
    required,
    acceptsBytes: all(tests),
    tests,
    ...reader,
    typed: isTyped ? compile(canonical, meant, sameValue).reader : null,
  };
}

interface ReaderParts {
  type: ValueType;
  checks: readonly Constraint[];
  /** Null when the schema has no words for "no value". */
  isMissing: ((text: string) => boolean) | null;
  typeFault: RecordFault;
  /** Null for a field that is not required. */
  missingFault: RecordFault | null;
  withoutBlanks: (text: string) => string;
}

function compileReader({ type, checks, isMissing, typeFault, missingFault, withoutBlanks }: ReaderParts): FieldReader {
  return {
    present: (text) => (text === undefined || isBlank(text) || isMissing?.(withoutBlanks(text)) ? undefined : text),
    read(given, faults) {
      if (given === undefined) {
        if (missingFault !== null) faults.push(missingFault);
        return undefined;
      }
      const text = withoutBlanks(given);
      const value = type.read(text);
      if (value === undefined) faults.push(typeFault);
      else for (const check of checks) if (!check.test(text, value)) faults.push(check.fault);
      return value;
    },
  };
}

/** Is a canonical value the same as one of the values that `read` finds in the texts of the schema? */
function sameValueAs(
  texts: readonly string[],
  { read, canonical }: { read: ValueType['read']; canonical: ValueType },
): (text: string) => boolean {
  const { compare } = canonical;
  const values = texts.map(read).filter((value) => value !== undefined);
  return (text) => {
    const value = canonical.read(text);
    if (value === undefined) return false;
    return values.some((each) => (compare ? compare(each, value) === 0 : each === value));
  };
}
const TEXT_TYPES: ReadonlySet<Field['type']> = new Set(['string', 'any']);

const always = () => true;
const never = () => false;

/**
 * The tests refuse a value that may be a word for "no value", so that its text is read.
 * @returns null when the type or a constraint has no quick test
 */
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

/** Joins the tests into one test. */
function all(tests: readonly ByteTest[] | null): FieldCheck['acceptsBytes'] {
  if (tests === null) return never;
  if (tests.length < 2) return tests[0] ?? always;
  return (bytes, start, end) => {
    for (const test of tests) if (!test(bytes, start, end)) return false;
    return true;
  };
}

function isBlank(text: string): boolean {
  // Most values start with a letter or a digit and need no trim.
  const first = text.charCodeAt(0);
  return first > 0x20 && first < 0x7f ? false : text.trim() === '';
}
