/** Tests a record's fields, by the program for fields. */
import { AT, DASH, DOT, ZERO } from '../../csv/assembly/bytes';
import {
  ENDS,
  FIELD_BYTES,
  FIELD_POSITION,
  FIELD_REQUIRED,
  FIELD_TESTS_BYTES,
  KINDS,
  MAY_BE_BLANK,
  OPERATION,
  STARTS,
  TEST_BYTES,
  TEST_CHARACTERS,
  TEST_CLASS,
  TEST_COUNT,
  TEST_DATE,
  TEST_EMAIL,
  TEST_ENUM,
  TEST_LABEL_TABLE,
  TEST_LEAST,
  TEST_LIST,
  TEST_MOST,
  TEST_NOT_LENGTHS,
  TEST_TABLE,
  TESTS_END,
} from './layout';

let fields: i32 = 0;
let fieldProgram: i32 = 0;

/** Sets the number of the schema's fields and the address of their program, before the first record. */
export function describeFields(ofSchema: i32, program: i32): void {
  fields = ofSchema;
  fieldProgram = program;
}

const BLANK: i32 = 0;
const NOT_BLANK: i32 = 1;
const MAYBE_BLANK: i32 = 2;

/**
 * Looks for text in a field whose first byte may begin a blank one.
 * @returns MAYBE_BLANK when the field has bytes that only the processor can judge
 */
function lookForText(start: i32, end: i32): i32 {
  let answer = BLANK;
  for (let i = start; i < end; i += 1) {
    const byte = i32(load<u8>(i));
    if (byte > 0x20 && byte < 0x7f) return NOT_BLANK;
    if (byte !== 0x20 && byte !== 0x09) answer = MAYBE_BLANK;
  }
  return answer;
}

/** Leaves in KINDS whether each field has a value. @returns whether all fields are fine at sight */
export function testFields(): bool {
  let at = fieldProgram;
  for (let field = 0; field < fields; field += 1) {
    const position = load<i32>(at, FIELD_POSITION);
    const tests = at + FIELD_BYTES;
    let start = 0;
    let end = 0;
    if (position >= 0) {
      start = load<i32>(STARTS + 4 * position);
      end = load<i32>(ENDS + 4 * position);
    }
    let isMissing = start === end;
    if (!isMissing && load<u8>(MAY_BE_BLANK + i32(load<u8>(start))) !== 0) {
      const answer = lookForText(start, end);
      if (answer === MAYBE_BLANK) return false;
      isMissing = answer === BLANK;
    }
    if (isMissing) {
      if (load<i32>(at, FIELD_REQUIRED) !== 0) return false;
      store<u8>(KINDS + field, 0);
    } else {
      if (!passesTests(tests, start, end)) return false;
      store<u8>(KINDS + field, 1);
    }
    at = tests + load<i32>(at, FIELD_TESTS_BYTES);
  }
  return true;
}

function passesTests(tests: i32, start: i32, end: i32): bool {
  let at = tests;
  while (true) {
    switch (load<i32>(at, OPERATION)) {
      case TESTS_END:
        return true;
      case TEST_CLASS: {
        if (end - start < load<i32>(at, TEST_LEAST) || end - start > load<i32>(at, TEST_MOST)) return false;
        const table = load<i32>(at, TEST_TABLE);
        for (let i = start; i < end; i += 1) if (load<u8>(table + i32(load<u8>(i))) === 0) return false;
        break;
      }
      case TEST_ENUM:
        if (!isOneOf(load<i32>(at, TEST_LIST), load<i32>(at, TEST_COUNT), start, end)) return false;
        break;
      case TEST_DATE:
        if (!isDate(start, end)) return false;
        break;
      case TEST_EMAIL:
        if (!isEmail(load<i32>(at, TEST_TABLE), load<i32>(at, TEST_LABEL_TABLE), start, end)) return false;
        break;
      case TEST_CHARACTERS: {
        const count = countCharacters(start, end);
        if (count < load<i32>(at, TEST_LEAST) || count > load<i32>(at, TEST_MOST)) return false;
        break;
      }
      case TEST_NOT_LENGTHS: {
        const lengths = load<i32>(at, TEST_LIST);
        const count = load<i32>(at, TEST_COUNT);
        for (let i = 0; i < count; i += 1) if (load<i32>(lengths + 4 * i) === end - start) return false;
        break;
      }
      default:
        unreachable();
    }
    at += TEST_BYTES;
  }
}

/** @param values the address of `count` pairs, each of an address and a length */
function isOneOf(values: i32, count: i32, start: i32, end: i32): bool {
  for (let i = 0; i < count; i += 1) {
    const value = load<i32>(values + 8 * i);
    const length = load<i32>(values + 8 * i, 4);
    if (length !== end - start) continue;
    let at = 0;
    while (at < length && load<u8>(value + at) === load<u8>(start + at)) at += 1;
    if (at === length) return true;
  }
  return false;
}

export function digitAt(at: i32): i32 {
  return i32(load<u8>(at)) - ZERO;
}

function twoDigitsAt(at: i32): i32 {
  return digitAt(at) * 10 + digitAt(at + 1);
}

/** The function mirrors isDateBytes in processor/byte-tests.ts. */
function isDate(start: i32, end: i32): bool {
  if (end - start !== 10 || load<u8>(start, 4) !== DASH || load<u8>(start, 7) !== DASH) return false;
  for (let i = 0; i < 10; i += 1) {
    if (i === 4 || i === 7) continue;
    if (<u32>digitAt(start + i) > 9) return false;
  }
  const year = twoDigitsAt(start) * 100 + twoDigitsAt(start + 2);
  const month = twoDigitsAt(start + 5);
  const day = twoDigitsAt(start + 8);
  if (year === 0 || month === 0 || month > 12 || day === 0) return false;
  if (month === 2) {
    const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    return day <= (isLeap ? 29 : 28);
  }
  // January, March, May, July, August, October and December have 31 days.
  return day <= 30 + ((month + (month >> 3)) & 1);
}

/** Computes PostgreSQL's number of a day. The function mirrors daysSince2000 in processor/calendar.ts. */
export function daysSince2000(start: i32): i32 {
  const year = twoDigitsAt(start) * 100 + twoDigitsAt(start + 2);
  const month = twoDigitsAt(start + 5);
  const shifted = month <= 2 ? year - 1 : year;
  const era = shifted / 400;
  const yearOfEra = shifted - era * 400;
  const dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + twoDigitsAt(start + 8) - 1;
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 730425;
}

/** The function mirrors isEmailBytes in processor/byte-tests.ts. */
function isEmail(localTable: i32, labelTable: i32, start: i32, end: i32): bool {
  let i = start;
  while (i < end && load<u8>(localTable + i32(load<u8>(i))) === 1) i += 1;
  if (i === start || i === end || i32(load<u8>(i)) !== AT) return false;
  while (true) {
    i += 1;
    const label = i;
    while (i < end && load<u8>(labelTable + i32(load<u8>(i))) === 1) i += 1;
    if (i === label || i - label > 63) return false;
    if (i32(load<u8>(label)) === DASH || i32(load<u8>(i - 1)) === DASH) return false;
    if (i === end) return true;
    if (i32(load<u8>(i)) !== DOT) return false;
  }
}

function countCharacters(start: i32, end: i32): i32 {
  let count = 0;
  for (let i = start; i < end; i += 1) if ((i32(load<u8>(i)) & 0xc0) !== 0x80) count += 1;
  return count;
}
