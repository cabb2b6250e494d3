/** The constraints of a field, compiled once. */
import { type ByteTest, enumTest, lengthTest } from './byte-tests.ts';
import { CODES } from './faults.ts';
import { compilePattern } from './pattern.ts';
import type { RecordFault } from './record-fault.ts';
import { SchemaError } from './schema-error.ts';
import type { Field, ValueType } from './value-type.ts';

export interface Constraint {
  /** True when the field's text, and the value that its type reads from the text, are valid. */
  test(text: string, value: string): boolean;
  /** The quick test of the constraint on bytes; null where there is none. */
  testBytes: ByteTest | null;
  fault: RecordFault;
}

interface CompileOptions {
  path: string;
  fault(code: string, message: string): RecordFault;
}

export function compileConstraints(field: Field, type: ValueType, options: CompileOptions): Constraint[] {
  return [...compileTextConstraints(field, options), ...compileBounds(field, type, options)];
}

/** Compiles the constraints on the text as it stands in the file, whatever its type. */
function compileTextConstraints({ constraints = {} }: Field, { path, fault }: CompileOptions): Constraint[] {
  const { enum: allowed, pattern, minLength, maxLength } = constraints;
  const checks: Constraint[] = [];
  if (allowed) {
    const values = new Set(allowed);
    const shown = allowed.slice(0, 20).join(', ') + (allowed.length > 20 ? ', …' : '');
    checks.push({
      test: (text) => values.has(text),
      testBytes: enumTest(allowed),
      fault: fault(CODES.enum, `must be one of: ${shown}`),
    });
  }
  if (pattern !== undefined) {
    checks.push({
      ...compilePattern(pattern, `${path}.constraints.pattern`),
      fault: fault(CODES.pattern, `must match ${pattern}`),
    });
  }
  if (minLength !== undefined) {
    checks.push({
      test: (text) => countCharacters(text) >= minLength,
      testBytes: lengthTest(minLength, Number.POSITIVE_INFINITY),
      fault: fault(CODES.length, `must have at least ${minLength} characters`),
    });
  }
  if (maxLength !== undefined) {
    checks.push({
      test: (text) => countCharacters(text) <= maxLength,
      testBytes: lengthTest(0, maxLength),
      fault: fault(CODES.length, `must have at most ${maxLength} characters`),
    });
  }
  return checks;
}

/** The order that a value must have to its bound, and the words for it. */
const BOUNDS = {
  minimum: { holds: (order: number) => order >= 0, words: 'at least' },
  maximum: { holds: (order: number) => order <= 0, words: 'at most' },
  exclusiveMinimum: { holds: (order: number) => order > 0, words: 'more than' },
  exclusiveMaximum: { holds: (order: number) => order < 0, words: 'less than' },
} as const;

/** A bound is written in the field's format, as its values are. */
function compileBounds({ constraints = {} }: Field, type: ValueType, { path, fault }: CompileOptions): Constraint[] {
  const compare = type.compare?.bind(type);
  return (Object.keys(BOUNDS) as (keyof typeof BOUNDS)[]).flatMap((name) => {
    const text = constraints[name];
    if (text === undefined) return [];
    const bound = type.read(text);
    if (!compare || bound === undefined)
      throw new SchemaError(`${path}.constraints.${name}`, `must be ${type.expectation}`);
    const { holds, words } = BOUNDS[name];
    return {
      test: (_text: string, value: string) => holds(compare(value, bound)),
      testBytes: null,
      fault: fault(CODES.range, `must be ${words} ${text}`),
    };
  });
}

/** Counts Unicode code points, as PostgreSQL does. */
function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
