/**
 * How the canonical bytes of a file tell its typed values from its texts. NDJSON and workbooks know numbers, booleans
 * and dates; the rules of a schema about texts (decimalChar, trueValues, a format) are not for such a value, which is
 * written in its canonical form: 1234.5, true, 2025-01-31. In a field that has such rules, every text stands in quotes
 * and every typed value without quotes.
 */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';

type Field = RecordSchemaSpec['fields'][number];

/** The kind that a value has in its file. */
export type ValueKind = 'text' | 'number' | 'boolean' | 'date';

const KINDS: Partial<Record<Field['type'], ValueKind>> = {
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  date: 'date',
  time: 'date',
  datetime: 'date',
};

/** Does the schema say how texts of this field are read, so that a text and a typed value may mean different things? */
export function hasTextRules(field: Field): boolean {
  const { decimalChar, groupChar, bareNumber, trueValues, falseValues, format = 'default' } = field;
  if (KINDS[field.type] === 'date') return format !== 'default';
  return [decimalChar, groupChar, bareNumber, trueValues, falseValues].some((rule) => rule !== undefined);
}

/**
 * The kind of the values that stand without quotes in a field with rules about texts; null for a field without such
 * rules, where quotes mean nothing. A value of another kind, such as a number in a date field, is read as the text that
 * a person sees.
 */
export function unquotedKind(field: Field): ValueKind | null {
  return hasTextRules(field) ? KINDS[field.type]! : null;
}
