/**
 * Quick tests of a field's bytes, without a string. A test accepts only bytes whose text the full test accepts; bytes
 * that it refuses go on to the full test of the text. All tests are linear in the field.
 */

import { isDay } from './calendar.ts';

/** Tests the bytes [start, end), which are UTF-8; the range has at least one byte. */
export interface ByteTest {
  (bytes: Uint8Array, start: number, end: number): boolean;
  /** Describes the test to the kernel. */
  readonly form: TestForm;
}

/** The rule of a test; a table has a 1 for each byte that may stand there. */
export type TestForm =
  | { kind: 'class'; table: Uint8Array; least: number; most: number }
  | { kind: 'enum'; values: readonly Buffer[] }
  | { kind: 'date' }
  | { kind: 'email'; local: Uint8Array; label: Uint8Array }
  | { kind: 'characters'; least: number; most: number }
  | { kind: 'notLengths'; lengths: readonly number[] };

type Test = (bytes: Uint8Array, start: number, end: number) => boolean;

function byteTest(form: TestForm, test: Test): ByteTest {
  return Object.assign(test, { form });
}

const DASH = 0x2d;
const DOT = 0x2e;
const AT = 0x40;
const ZERO = 0x30;

/** The table has a 1 for each ASCII character of a class such as `[A-Za-z0-9]`. */
function characterTable(characterClass: string): Uint8Array {
  const expression = new RegExp(`^${characterClass}$`);
  const table = new Uint8Array(256);
  for (let byte = 0; byte < 0x80; byte += 1) if (expression.test(String.fromCharCode(byte))) table[byte] = 1;
  return table;
}

/** Accepts `least` to `most` characters of a class. */
export function classTest(characterClass: string, least: number, most: number): ByteTest {
  const table = characterTable(characterClass);
  return byteTest({ kind: 'class', table, least, most }, (bytes, start, end) => {
    const length = end - start;
    if (length < least || length > most) return false;
    for (let i = start; i < end; i += 1) if (table[bytes[i]!] === 0) return false;
    return true;
  });
}

export const isDigits: Test = (bytes, start, end) => {
  for (let i = start; i < end; i += 1) if (bytes[i]! - ZERO > 9 || bytes[i]! < ZERO) return false;
  return true;
};

/** Accepts dates as YYYY-MM-DD in the years 0001 to 9999. */
export const isDateBytes: ByteTest = byteTest({ kind: 'date' }, (bytes, start, end) => {
  if (end - start !== 10 || bytes[start + 4] !== DASH || bytes[start + 7] !== DASH) return false;
  if (!isDigits(bytes, start, start + 4) || !isDigits(bytes, start + 5, start + 7)) return false;
  if (!isDigits(bytes, start + 8, end)) return false;
  const year =
    (bytes[start]! - ZERO) * 1000 +
    (bytes[start + 1]! - ZERO) * 100 +
    (bytes[start + 2]! - ZERO) * 10 +
    (bytes[start + 3]! - ZERO);
  const month = (bytes[start + 5]! - ZERO) * 10 + (bytes[start + 6]! - ZERO);
  const day = (bytes[start + 8]! - ZERO) * 10 + (bytes[start + 9]! - ZERO);
  return isDay(year, month, day);
});

const EMAIL_LOCAL = characterTable("[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]");
const EMAIL_LABEL = characterTable('[a-zA-Z0-9-]');

const EMAIL_FORM: TestForm = { kind: 'email', local: EMAIL_LOCAL, label: EMAIL_LABEL };

/** Accepts email addresses by the rule of the HTML living standard. */
export const isEmailBytes: ByteTest = byteTest(EMAIL_FORM, (bytes, start, end) => {
  let i = start;
  while (i < end && EMAIL_LOCAL[bytes[i]!] === 1) i += 1;
  if (i === start || i === end || bytes[i] !== AT) return false;
  for (;;) {
    i += 1;
    const label = i;
    while (i < end && EMAIL_LABEL[bytes[i]!] === 1) i += 1;
    if (i === label || i - label > 63 || bytes[label] === DASH || bytes[i - 1] === DASH) return false;
    if (i === end) return true;
    if (bytes[i] !== DOT) return false;
  }
});

export function enumTest(allowed: readonly string[]): ByteTest {
  const values = allowed.map((text) => Buffer.from(text));
  return byteTest({ kind: 'enum', values }, (bytes, start, end) => {
    for (const value of values) {
      if (value.length !== end - start) continue;
      let i = 0;
      while (i < value.length && value[i] === bytes[start + i]) i += 1;
      if (i === value.length) return true;
    }
    return false;
  });
}

/** Counts Unicode code points: one for every byte of UTF-8 that does not continue a character. */
export function lengthTest(least: number, most: number): ByteTest {
  return byteTest({ kind: 'characters', least, most }, (bytes, start, end) => {
    let count = 0;
    for (let i = start; i < end; i += 1) if ((bytes[i]! & 0xc0) !== 0x80) count += 1;
    return count >= least && count <= most;
  });
}

/** Accepts fields whose length in bytes is none of these. */
export function notLengthsTest(lengths: readonly number[]): ByteTest {
  return byteTest({ kind: 'notLengths', lengths }, (_bytes, start, end) => !lengths.includes(end - start));
}

/** UTF-8 begins every space with one of these bytes: the spaces of ASCII, U+00A0, U+1680, U+2000 … U+3000, U+FEFF. */
const MAY_BE_SPACE = new Uint8Array(256);
for (let byte = 0; byte <= 0x20; byte += 1) MAY_BE_SPACE[byte] = 1;
for (const byte of [0x7f, 0xc2, 0xe1, 0xe2, 0xe3, 0xef]) MAY_BE_SPACE[byte] = 1;

/** False when a field that begins with this byte is certainly not blank. */
export function mayBeBlank(firstByte: number): boolean {
  return MAY_BE_SPACE[firstByte] === 1;
}
