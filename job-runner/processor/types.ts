/**
 * The types of the Table Schema v2: which texts are values, and what they are in JSON and CEL.
 * Source: https://datapackage.org/standard/table-schema/
 */

import { CODES } from './faults.ts';
import type { RecordSchemaSpec } from './record-schema.gen.ts';

export type Field = RecordSchemaSpec['fields'][number];
export type FieldType = Field['type'];

export interface ValueType {
  code: string;
  /** After "must be". */
  expectation: string;
  isValid(text: string): boolean;
  /** PostgreSQL's input text. */
  toSql(text: string): string;
  toJson(text: string): string;
  toCel(text: string): string | bigint | number | boolean;
  /** For minimum and maximum: negative, 0 or positive. Absent where the type has no order. */
  compare?(a: string, b: string): number;
}

/** https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address */
const EMAIL =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;
const INTEGER = /^[+-]?[0-9]+$/;
const NUMBER = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const DATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const DATETIME =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?$/;
const TRUE = new Set(['true', 'True', 'TRUE', '1']);
const FALSE = new Set(['false', 'False', 'FALSE', '0']);

const identity = (text: string) => text;

const STRING: ValueType = {
  code: CODES.type,
  expectation: 'text',
  isValid: () => true,
  toSql: identity,
  toJson: quoteJson,
  toCel: identity,
};

const EMAIL_STRING: ValueType = {
  ...STRING,
  code: CODES.email,
  expectation: 'an email address such as name@example.org',
  isValid: (text) => EMAIL.test(text),
};

const TYPES: Record<FieldType, ValueType> = {
  string: STRING,
  integer: {
    code: CODES.integer,
    expectation: 'a whole number',
    isValid: (text) => INTEGER.test(text),
    toSql: identity,
    toJson: integerToJson,
    toCel: (text) => BigInt(integerToJson(text)),
    compare: (a, b) => compareOrdered(BigInt(integerToJson(a)), BigInt(integerToJson(b))),
  },
  number: {
    code: CODES.type,
    expectation: 'a number such as 12.5',
    isValid: (text) => NUMBER.test(text),
    toSql: identity,
    toJson: numberToJson,
    toCel: Number,
    compare: (a, b) => compareOrdered(Number(a), Number(b)),
  },
  boolean: {
    code: CODES.type,
    expectation: 'true or false',
    isValid: (text) => TRUE.has(text) || FALSE.has(text),
    toSql: (text) => (TRUE.has(text) ? 't' : 'f'),
    toJson: (text) => String(TRUE.has(text)),
    toCel: (text) => TRUE.has(text),
  },
  date: {
    code: CODES.date,
    expectation: 'a date that exists, as YYYY-MM-DD',
    isValid: isDate,
    toSql: identity,
    toJson: quoteJson,
    toCel: identity,
    compare: compareOrdered,
  },
  datetime: {
    code: CODES.type,
    expectation: 'a date and time such as 2025-01-31T12:00:00Z',
    isValid: (text) => isDate(DATETIME.exec(text)?.[1] ?? ''),
    toSql: identity,
    toJson: quoteJson,
    toCel: identity,
    compare: (a, b) => compareOrdered(Date.parse(a), Date.parse(b)),
  },
};

export function typeOf(field: Field): ValueType {
  return field.format === 'email' ? EMAIL_STRING : TYPES[field.type];
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A day of the proleptic Gregorian calendar in the years 0001 to 9999, as PostgreSQL reads them. */
export function isDate(text: string): boolean {
  if (text.length !== 10 || !DATE.test(text)) return false;
  const year = Number(text.slice(0, 4));
  const month = Number(text.slice(5, 7));
  const day = Number(text.slice(8, 10));
  if (year === 0 || month === 0 || month > 12 || day === 0) return false;
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= DAYS[month - 1]! + (leap ? 1 : 0);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what JSON escapes
const NEEDS_ESCAPE = /["\\\u0000-\u001f]/;

export function quoteJson(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Digits as they are, at any length: JSON has no leading zeros and no plus. */
export function integerToJson(text: string): string {
  const negative = text.startsWith('-');
  const digits = text.replace(/^[+-]?0*(?=[0-9])/, '');
  return negative && digits !== '0' ? `-${digits}` : digits;
}

/** Keeps all digits of the text. */
export function numberToJson(text: string): string {
  const [, sign, whole, fraction, exponent] = /^([+-]?)([0-9]*)\.?([0-9]*)(.*)$/.exec(text)!;
  const digits = whole!.replace(/^0+(?=[0-9])/, '') || '0';
  return `${sign === '-' ? '-' : ''}${digits}${fraction ? `.${fraction}` : ''}${exponent}`;
}

function compareOrdered<T extends string | number | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
