import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ByteTest } from './byte-tests.ts';

export type Field = RecordSchemaSpec['fields'][number];
export type FieldType = Field['type'];

/** Says which texts are values of a field, and converts the values. Every function here is linear in the text. */
export interface ValueType {
  code: string;
  /** The words after "must be" in the message of the fault. */
  expectation: string;
  /** The value in the one form that PostgreSQL, JSON and CEL get; undefined for a text that is not a value. */
  read(text: string): string | undefined;
  /**
   * Writes a canonical value as a text that `read` reads; undefined where there is none. Absent: such a value is its
   * own text.
   */
  write?(value: string): string | undefined;
  /**
   * A quick test of the bytes, which accepts only texts that `read` returns unchanged. Null: no quick test is worth its
   * code. Absent: every text is a value.
   */
  isValidBytes?: ByteTest | null;
  /** This function and the next ones take a value, not a text. */
  toJson(value: string): string;
  /** @throws RangeError when CEL has no such value. */
  toCel(value: string): string | bigint | number | boolean;
  /** Compares values for minimum and maximum: negative, 0 or positive. Absent for a type without an order. */
  compare?(a: string, b: string): number;
}

export const identity = (text: string): string => text;

/** The `read` of a type whose texts are their own values. */
export function readIf(test: (text: string) => boolean): ValueType['read'] {
  return (text) => (test(text) ? text : undefined);
}

export function compareOrdered<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
