/**
 * The types of the Table Schema v2: which texts are values, and what they are in JSON and CEL.
 * Source: https://datapackage.org/standard/table-schema/
 */

import { type ByteTest, classTest, isDateBytes, isEmailBytes } from './byte-tests.ts';
import { CODES } from './faults.ts';
import type { RecordSchemaSpec } from './record-schema.gen.ts';

export type Field = RecordSchemaSpec['fields'][number];
export type FieldType = Field['type'];

export interface ValueType {
  code: string;
  /** After "must be". */
  expectation: string;
  isValid(text: string): boolean;
  /** A quick test of the bytes; null where none is worth its code. Absent where every text is valid. */
  isValidBytes?: ByteTest | null;
  /** PostgreSQL's input text; absent where it is the text itself. */
  toSql?(text: string): string;
  toJson(text: string): string;
  /** @throws RangeError when CEL has no such value. */
  toCel(text: string): string | bigint | number | boolean;
  /** For minimum and maximum: negative, 0 or positive. Absent where the type has no order. */
  compare?(a: string, b: string): number;
}

/** https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address */
const EMAIL =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;
const INTEGER = /^[+-]?[0-9]+$/;
/** No digit can be read in two ways: else a field of many digits and a letter at the end takes quadratic time. */
const NUMBER = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const DATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const DATETIME =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})T((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.([0-9]+))?(Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?$/;
const TRUE = new Set(['true', 'True', 'TRUE', '1']);
const FALSE = new Set(['false', 'False', 'FALSE', '0']);

const identity = (text: string) => text;

const STRING: ValueType = {
  code: CODES.type,
  expectation: 'text',
  isValid: () => true,
  toJson: quoteJson,
  toCel: identity,
};

const EMAIL_STRING: ValueType = {
  ...STRING,
  code: CODES.email,
  expectation: 'an email address such as name@example.org',
  isValid: (text) => EMAIL.test(text),
  isValidBytes: isEmailBytes,
};

const TYPES: Record<FieldType, ValueType> = {
  string: STRING,
  integer: {
    code: CODES.integer,
    expectation: 'a whole number',
    isValid: (text) => INTEGER.test(text),
    isValidBytes: classTest('[0-9]', 1, Number.POSITIVE_INFINITY),
    toJson: integerToJson,
    toCel: integerToCel,
    compare: compareNumbers,
  },
  number: {
    code: CODES.type,
    expectation: 'a number such as 12.5',
    isValid: (text) => NUMBER.test(text),
    isValidBytes: classTest('[0-9]', 1, Number.POSITIVE_INFINITY),
    toJson: numberToJson,
    toCel: Number,
    compare: compareNumbers,
  },
  boolean: {
    code: CODES.type,
    expectation: 'true or false',
    isValid: (text) => TRUE.has(text) || FALSE.has(text),
    isValidBytes: null,
    toSql: (text) => (TRUE.has(text) ? 't' : 'f'),
    toJson: (text) => String(TRUE.has(text)),
    toCel: (text) => TRUE.has(text),
  },
  date: {
    code: CODES.date,
    expectation: 'a date that exists, as YYYY-MM-DD',
    isValid: isDate,
    isValidBytes: isDateBytes,
    toJson: quoteJson,
    toCel: identity,
    compare: compareOrdered,
  },
  datetime: {
    code: CODES.type,
    expectation: 'a date and time such as 2025-01-31T12:00:00Z',
    isValid: (text) => isDate(DATETIME.exec(text)?.[1] ?? ''),
    isValidBytes: null,
    toJson: quoteJson,
    toCel: identity,
    compare: compareDatetimes,
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

/** CEL's integers have 64 bits. The length comes first: a BigInt of a long text takes quadratic time. */
function integerToCel(text: string): bigint {
  const digits = integerToJson(text);
  if (digits.length <= 20) {
    const value = BigInt(digits);
    if (BigInt.asIntN(64, value) === value) return value;
  }
  throw new RangeError('the integer has more than 64 bits');
}

/** Keeps all digits of the text. */
export function numberToJson(text: string): string {
  const [, sign, whole, fraction, exponent] = /^([+-]?)([0-9]*)\.?([0-9]*)(.*)$/.exec(text)!;
  const digits = whole!.replace(/^0+(?=[0-9])/, '') || '0';
  return `${sign === '-' ? '-' : ''}${digits}${fraction ? `.${fraction}` : ''}${exponent}`;
}

function compareOrdered<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Exact at any length, in linear time: neither a double nor a BigInt is made of the digits. */
export function compareNumbers(a: string, b: string): number {
  const x = readDecimal(a);
  const y = readDecimal(b);
  if (x.sign !== y.sign || x.sign === 0) return compareOrdered(x.sign, y.sign);
  // Of two equal negative numbers -1 × 0 would be -0, which is not the 0 of equal positive ones.
  const order = compareOrdered(x.magnitude, y.magnitude) || compareOrdered(x.digits, y.digits);
  return order === 0 ? 0 : x.sign * order;
}

/** The number is sign × 0.digits × 10^magnitude; the digits neither start nor end with 0. */
function readDecimal(text: string): { sign: number; magnitude: number; digits: string } {
  const [, sign, whole, fraction, exponent] = /^([+-]?)([0-9]*)\.?([0-9]*)(?:[eE](.*))?$/.exec(text)!;
  const all = whole! + fraction!;
  let start = 0;
  while (all[start] === '0') start += 1;
  let end = all.length;
  while (end > start && all[end - 1] === '0') end -= 1;
  if (start === end) return { sign: 0, magnitude: 0, digits: '' };
  return {
    sign: sign === '-' ? -1 : 1,
    magnitude: whole!.length - start + Number(exponent ?? 0),
    digits: all.slice(start, end),
  };
}

/** Exact in the fraction of the second; without a zone it is UTC, as in the sessions that load. */
export function compareDatetimes(a: string, b: string): number {
  const x = readDatetime(a);
  const y = readDatetime(b);
  return compareOrdered(x.second, y.second) || compareNumbers(`0.${x.fraction}`, `0.${y.fraction}`);
}

function readDatetime(text: string): { second: number; fraction: string } {
  const [, date, time, fraction = '', zone = 'Z'] = DATETIME.exec(text)!;
  return { second: Date.parse(`${date}T${time}${zone}`), fraction };
}
