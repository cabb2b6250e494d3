import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ByteTest } from './byte-tests.ts';

export type Field = RecordSchemaSpec['fields'][number];
export type FieldType = Field['type'];

/** Which texts are values of a field, and what they are elsewhere. Everything here is linear in the text. */
export interface ValueType {
  code: string;
  /** After "must be". */
  expectation: string;
  /** The value in the one form that PostgreSQL, JSON and CEL get; undefined when the text is none. */
  read(text: string): string | undefined;
  /**
   * A quick test of the bytes: yes only where `read` gives the text itself. null where none is worth its code. Absent
   * where every text is a value.
   */
  isValidBytes?: ByteTest | null;
  /** Of a value, as are all that follow. */
  toJson(value: string): string;
  /** @throws RangeError when CEL has no such value. */
  toCel(value: string): string | bigint | number | boolean;
  /** For minimum and maximum: negative, 0 or positive. Absent where the type has no order. */
  compare?(a: string, b: string): number;
}

export const identity = (text: string): string => text;

/** `read` of a type whose texts are their own values. */
export function readIf(test: (text: string) => boolean): ValueType['read'] {
  return (text) => (test(text) ? text : undefined);
}

export function compareOrdered<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
