/** The checks of one field, compiled once. */
import { RE2JS } from 're2js';
import type { RecordFault } from '#runner/ledger/insert-errors.ts';
import { CODES } from './faults.ts';
import { SchemaError } from './schema-error.ts';
import { type Field, typeOf, type ValueType } from './types.ts';

type Test = (text: string) => boolean;

interface Check {
  /** True when the text is fine. */
  test: Test;
  fault: RecordFault;
}

export interface FieldCheck {
  type: ValueType;
  /** Is there no value? Blank always means that. */
  isMissing: Test;
  /** Adds the faults of this field's text, or of its absence. */
  collect(text: string | undefined, faults: RecordFault[]): void;
}

export function compileField(
  field: Field,
  options: { path: string; required: boolean; missingValues: string[] },
): FieldCheck {
  const { path, required } = options;
  const type = typeOf(field);
  const missing = new Set(field.missingValues ?? options.missingValues);
  const isMissing: Test = (text) => text === '' || missing.has(text) || isBlank(text);
  const fault = (code: string, message: string): RecordFault => ({
    code: field.code ?? code,
    field: field.name,
    message: `${field.name} ${message}`,
  });
  const missingFault: RecordFault = { code: CODES.required, field: field.name, message: `${field.name} is required` };
  const typeFault = fault(type.code, `must be ${type.expectation}`);
  const checks = compileConstraints(field, type, { path, fault });
  return {
    type,
    isMissing,
    collect(text, faults) {
      if (text === undefined || isMissing(text)) {
        if (required) faults.push(missingFault);
        return;
      }
      if (!type.isValid(text)) {
        faults.push(typeFault);
        return;
      }
      for (const check of checks) if (!check.test(text)) faults.push(check.fault);
    },
  };
}

function compileConstraints(
  field: Field,
  type: ValueType,
  { path, fault }: { path: string; fault: (code: string, message: string) => RecordFault },
): Check[] {
  const { enum: allowed, pattern, minLength, maxLength, minimum, maximum } = field.constraints ?? {};
  const checks: Check[] = [];
  if (allowed) {
    const values = new Set(allowed);
    const shown = allowed.slice(0, 20).join(', ') + (allowed.length > 20 ? ', …' : '');
    checks.push({ test: (text) => values.has(text), fault: fault(CODES.enum, `must be one of: ${shown}`) });
  }
  if (pattern !== undefined) {
    const expression = compilePattern(pattern, `${path}.constraints.pattern`);
    checks.push({ test: (text) => expression.test(text), fault: fault(CODES.pattern, `must match ${pattern}`) });
  }
  if (minLength !== undefined) {
    checks.push({
      test: (text) => countCharacters(text) >= minLength,
      fault: fault(CODES.length, `must have at least ${minLength} characters`),
    });
  }
  if (maxLength !== undefined) {
    checks.push({
      test: (text) => countCharacters(text) <= maxLength,
      fault: fault(CODES.length, `must have at most ${maxLength} characters`),
    });
  }
  const compare = type.compare?.bind(type);
  for (const [name, bound] of [
    ['minimum', minimum],
    ['maximum', maximum],
  ] as const) {
    if (bound === undefined) continue;
    if (!compare || !type.isValid(bound))
      throw new SchemaError(`${path}.constraints.${name}`, `must be ${type.expectation}`);
    const sign = name === 'minimum' ? 1 : -1;
    const side = name === 'minimum' ? 'at least' : 'at most';
    checks.push({
      test: (text) => compare(text, bound) * sign >= 0,
      fault: fault(CODES.range, `must be ${side} ${bound}`),
    });
  }
  return checks;
}

/** RE2: linear in the text whatever the pattern; 0.7 µs for a short one. */
function compilePattern(pattern: string, path: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw new SchemaError(path, `is not an RE2 pattern: ${(error as Error).message}`, error);
  }
}

function isBlank(text: string): boolean {
  // Most values start with a letter or a digit: no trim for them.
  return text.charCodeAt(0) <= 0x20 || text.charCodeAt(0) > 0x7e ? text.trim() === '' : false;
}

/** Unicode code points, as PostgreSQL counts. */
function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
