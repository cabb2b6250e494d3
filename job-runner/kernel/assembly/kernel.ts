/**
 * The record path for ordinary records, in AssemblyScript: finds a record's fields, tests them, and writes its row as COPY's
 * binary format has it. What is not ordinary (a stray quote, a value that a test does not take at sight) it leaves to
 * the processor in TypeScript, record by record, so it only ever has to be right about the records that it takes.
 *
 * What to do comes as two programs of 32-bit words, one for the fields and one for the columns, which
 * job-runner/kernel/program.ts writes; operations that are not here call back (`callExternal`). Addresses and
 * lengths are in bytes. Fields are found sixteen bytes at a time, as in Langdale and Lemire, "Parsing Gigabytes of JSON per
 * Second", section 3.1.
 */

// Where things lie in the memory, which never grows. There is room for 15 more bytes behind everything that is copied.
export const MOST_COLUMNS: i32 = 2048;
export const MOST_ROWS: i32 = 2048;
export const KINDS: i32 = 1024;
export const STARTS: i32 = KINDS + MOST_COLUMNS;
export const ENDS: i32 = STARTS + 4 * MOST_COLUMNS;
/** Of each row of a run: where its record ends, and where itself does. */
export const RECORD_ENDS: i32 = ENDS + 4 * MOST_COLUMNS;
export const ROW_ENDS: i32 = RECORD_ENDS + 4 * MOST_ROWS;
/** The fields of a record that hold doubled quotes. */
const ESCAPED: i32 = ROW_ENDS + 4 * MOST_ROWS;
/** 1 for a byte with which a blank field may begin. */
export const MAY_BE_BLANK: i32 = ESCAPED + 4 * MOST_COLUMNS;
/** For each byte its length inside a JSON string, 0 as it is, and what stands there: eight bytes. */
export const JSON_ESCAPES: i32 = MAY_BE_BLANK + 256;
export const PROGRAM: i32 = JSON_ESCAPES + 8 * 256;
export const PROGRAM_END: i32 = 192 * 1024;
export const WINDOW: i32 = PROGRAM_END;
export const WINDOW_BYTES: i32 = 128 * 1024;
export const OUT: i32 = WINDOW + WINDOW_BYTES + 64;
export const OUT_END: i32 = 1024 * 1024 - 64;

/** How a run ended: the record at `next` is not ordinary, does not end in the window, or has no room for its row. */
export const NOT_ORDINARY: i32 = 0;
export const INCOMPLETE: i32 = 1;
export const FULL: i32 = 2;

// Tests of a field.
export const TESTS_END: i32 = 0;
export const TEST_CLASS: i32 = 1;
export const TEST_ENUM: i32 = 2;
export const TEST_DATE: i32 = 3;
export const TEST_EMAIL: i32 = 4;
export const TEST_CHARACTERS: i32 = 5;
export const TEST_NOT_LENGTHS: i32 = 6;

// Operations of the columns.
export const ROW_END: i32 = 0;
export const TEXT: i32 = 1;
export const INT2: i32 = 2;
export const INT4: i32 = 3;
export const INT8: i32 = 4;
export const DATE: i32 = 5;
export const CONSTANT: i32 = 6;
export const ROW_NUMBER: i32 = 7;
export const EXTERNAL: i32 = 8;
export const RULE: i32 = 9;
export const JSON_COLUMN: i32 = 10;
export const JSON_OBJECT: i32 = 11;
export const JSON_TEXT: i32 = 12;
export const JSON_INTEGER: i32 = 13;
export const JSON_EXTERNAL: i32 = 14;
export const JSON_OBJECT_END: i32 = 15;
export const JSON_COLUMN_END: i32 = 16;

const LF: i32 = 0x0a;
const CR: i32 = 0x0d;
const QUOTE: i32 = 0x22;
const DASH: i32 = 0x2d;
const DOT: i32 = 0x2e;
const ZERO: i32 = 0x30;
const AT: i32 = 0x40;

/** Bytes that a call back may write. */
export const EXTERNAL_ROOM: i32 = 4096;

let delimiter: i32 = 0;
let columns: i32 = 0;
let fields: i32 = 0;
let fieldProgram: i32 = 0;
let columnProgram: i32 = 0;
let rowBytes: i32 = 0;
let rowFactor: i32 = 0;

/** Before the first run: the byte between two fields, the fields of a record, those of the schema. */
export function describeRecords(between: i32, ofRecord: i32, ofSchema: i32): void {
  delimiter = between;
  columns = ofRecord;
  fields = ofSchema;
}

/** Before the first run. A row has at most `ofRow` + `factor` × the bytes of its record. */
export function usePrograms(forFields: i32, forColumns: i32, ofRow: i32, factor: i32): void {
  fieldProgram = forFields;
  columnProgram = forColumns;
  rowBytes = ofRow;
  rowFactor = factor;
}

/** Of the last run: how many rows there are, and the address of the record at which it ended. */
export let rows: i32 = 0;
export let next: i32 = 0;

/**
 * Runs the operation of the number `id` on the record under way.
 * @param out where it may write
 * @returns where what it wrote ends; `out` for nothing; -1 when the record is not ordinary
 */
declare function callExternal(id: i32, out: i32, isFirst: i32): i32;

/** Of the record under way, how many there are in ESCAPED. */
let escapedFields: i32 = 0;

/** Where scanRecord met what it does not take. */
const SCAN_NOT_ORDINARY: i32 = -1;
const SCAN_INCOMPLETE: i32 = -2;

/**
 * Takes the records of the window's bytes [from, to) one after the other.
 * @param isText all of them are known to be UTF-8 without NUL; else each record is asked
 * @returns how it ended
 */
export function run(from: i32, to: i32, isText: i32, firstRowNumber: f64): i32 {
  let at = from;
  let out = OUT;
  rows = 0;
  let status = FULL;
  while (rows < MOST_ROWS) {
    const end = scanRecord(at, to);
    if (end < 0) {
      status = end === SCAN_INCOMPLETE ? INCOMPLETE : NOT_ORDINARY;
      break;
    }
    if (isText === 0 && !isCleanText(at, end)) {
      status = NOT_ORDINARY;
      break;
    }
    if (i64(out) + i64(rowBytes) + i64(rowFactor) * i64(end - at) > i64(OUT_END)) {
      // One for which there is no room at all is left to others.
      if (out === OUT) status = NOT_ORDINARY;
      break;
    }
    if (escapedFields > 0) unescapeFields();
    const rowEnd = testFields() ? writeRow(out, i64(firstRowNumber) + i64(rows)) : -1;
    if (rowEnd < 0) {
      status = NOT_ORDINARY;
      break;
    }
    store<i32>(RECORD_ENDS + 4 * rows, end);
    store<i32>(ROW_ENDS + 4 * rows, rowEnd);
    rows += 1;
    out = rowEnd;
    at = end;
  }
  next = at;
  return status;
}

/** One bit for each of the sixteen bytes that means something outside of quotes. */
function specialsAt(at: i32, delimiters: v128): i32 {
  const bytes = v128.load(at);
  const lines = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>LF)), i8x16.eq(bytes, i8x16.splat(<i8>CR)));
  const others = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>QUOTE)), i8x16.eq(bytes, delimiters));
  return i8x16.bitmask(v128.or(lines, others));
}

/** Where the next quote is, at or behind `to` when there is none. */
function findQuote(from: i32, to: i32): i32 {
  for (let at = from; at < to; at += 16) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(<i8>QUOTE)));
    if (mask !== 0) return at + ctz(mask);
  }
  return to;
}

/** Leaves the record's fields in STARTS and ENDS. @returns where the record behind it begins, or SCAN_* */
function scanRecord(at: i32, to: i32): i32 {
  const delimiters = i8x16.splat(<i8>delimiter);
  let field = 0;
  let start = at;
  let base = at;
  escapedFields = 0;
  if (base >= to) return SCAN_INCOMPLETE;
  let mask = specialsAt(base, delimiters);
  while (true) {
    while (mask === 0) {
      base += 16;
      if (base >= to) return SCAN_INCOMPLETE;
      mask = specialsAt(base, delimiters);
    }
    let end = base + ctz(mask);
    if (end >= to) return SCAN_INCOMPLETE;
    mask &= mask - 1;
    if (field === columns) return SCAN_NOT_ORDINARY;
    let byte = i32(load<u8>(end));
    let behind = end;
    if (byte === QUOTE) {
      if (end !== start) return SCAN_NOT_ORDINARY;
      start += 1;
      end = findQuote(start, to);
      behind = end + 1;
      if (behind >= to) return SCAN_INCOMPLETE;
      byte = i32(load<u8>(behind));
      if (byte === QUOTE) {
        store<i32>(ESCAPED + 4 * escapedFields, field);
        escapedFields += 1;
        do {
          end = findQuote(end + 2, to);
          behind = end + 1;
          if (behind >= to) return SCAN_INCOMPLETE;
          byte = i32(load<u8>(behind));
        } while (byte === QUOTE);
      }
      if (byte !== delimiter && byte !== LF && byte !== CR) return SCAN_NOT_ORDINARY;
      base = behind + 1;
      mask = base < to ? specialsAt(base, delimiters) : 0;
    }
    store<i32>(STARTS + 4 * field, start);
    store<i32>(ENDS + 4 * field, end);
    field += 1;
    start = behind + 1;
    if (byte === delimiter) continue;
    if (field !== columns || behind === at) return SCAN_NOT_ORDINARY;
    if (byte === LF) return start;
    // What follows a CR decides where its line ends.
    if (start >= to) return SCAN_INCOMPLETE;
    return i32(load<u8>(start)) === LF ? start + 1 : start;
  }
}

/** UTF-8 without NUL. Source: The Unicode Standard, table 3-7, "Well-Formed UTF-8 Byte Sequences". */
function isCleanText(from: i32, to: i32): bool {
  let at = from;
  while (at < to) {
    if (at + 16 <= to) {
      const bytes = v128.load(at);
      // Neither NUL nor above 0x7f: as numbers with a sign, above 0.
      if (i8x16.all_true(i8x16.gt_s(bytes, i8x16.splat(0)))) {
        at += 16;
        continue;
      }
    }
    const byte = i32(load<u8>(at));
    at += 1;
    if (byte < 0x80) {
      if (byte === 0) return false;
      continue;
    }
    if (byte < 0xc2 || byte > 0xf4) return false;
    const others = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    if (at + others > to) return false;
    const second = i32(load<u8>(at));
    const least = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
    const most = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) return false;
    for (let i = 1; i < others; i += 1) if ((i32(load<u8>(at + i)) & 0xc0) !== 0x80) return false;
    at += others;
  }
  return true;
}

/** Makes one of each two quotes, in the window: no later run begins with this record. */
function unescapeFields(): void {
  for (let i = 0; i < escapedFields; i += 1) {
    const field = load<i32>(ESCAPED + 4 * i);
    const end = load<i32>(ENDS + 4 * field);
    let to = load<i32>(STARTS + 4 * field);
    for (let from = to; from < end; from += 1) {
      const byte = load<u8>(from);
      store<u8>(to, byte);
      to += 1;
      if (byte === QUOTE) from += 1;
    }
    store<i32>(ENDS + 4 * field, to);
  }
}

const BLANK: i32 = 0;
const NOT_BLANK: i32 = 1;
const MAYBE_BLANK: i32 = 2;

/** Of a field that begins with a byte with which a blank one may begin. */
function lookForText(start: i32, end: i32): i32 {
  let answer = BLANK;
  for (let i = start; i < end; i += 1) {
    const byte = i32(load<u8>(i));
    if (byte > 0x20 && byte < 0x7f) return NOT_BLANK;
    if (byte !== 0x20 && byte !== 0x09) answer = MAYBE_BLANK;
  }
  return answer;
}

/** Leaves in KINDS what each field is: 0 without a value, 1 its bytes. @returns whether all are fine at sight */
function testFields(): bool {
  let pc = fieldProgram;
  for (let field = 0; field < fields; field += 1) {
    const position = load<i32>(pc);
    const required = load<i32>(pc, 4);
    const behind = pc + 12 + load<i32>(pc, 8);
    pc += 12;
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
      if (required !== 0) return false;
      store<u8>(KINDS + field, 0);
    } else {
      if (!passesTests(pc, start, end)) return false;
      store<u8>(KINDS + field, 1);
    }
    pc = behind;
  }
  return true;
}

function passesTests(tests: i32, start: i32, end: i32): bool {
  let pc = tests;
  while (true) {
    switch (load<i32>(pc)) {
      case TESTS_END:
        return true;
      case TEST_CLASS: {
        if (end - start < load<i32>(pc, 8) || end - start > load<i32>(pc, 12)) return false;
        const table = load<i32>(pc, 4);
        for (let i = start; i < end; i += 1) if (load<u8>(table + i32(load<u8>(i))) === 0) return false;
        pc += 16;
        break;
      }
      case TEST_ENUM: {
        const count = load<i32>(pc, 4);
        if (!isOneOf(pc + 8, count, start, end)) return false;
        pc += 8 + 8 * count;
        break;
      }
      case TEST_DATE:
        if (!isDate(start, end)) return false;
        pc += 4;
        break;
      case TEST_EMAIL:
        if (!isEmail(load<i32>(pc, 4), load<i32>(pc, 8), start, end)) return false;
        pc += 12;
        break;
      case TEST_CHARACTERS: {
        const count = countCharacters(start, end);
        if (count < load<i32>(pc, 4) || count > load<i32>(pc, 8)) return false;
        pc += 12;
        break;
      }
      default: {
        // TEST_NOT_LENGTHS
        const count = load<i32>(pc, 4);
        for (let i = 0; i < count; i += 1) if (load<i32>(pc + 8 + 4 * i) === end - start) return false;
        pc += 8 + 4 * count;
      }
    }
  }
}

/** `values` are pairs of an address and a length. */
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

function digitAt(at: i32): i32 {
  return i32(load<u8>(at)) - ZERO;
}

function twoDigitsAt(at: i32): i32 {
  return digitAt(at) * 10 + digitAt(at + 1);
}

/** The mirror of isDateBytes in processor/byte-tests.ts. */
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
  // 31 in January, March, May, July, August, October and December.
  return day <= 30 + ((month + (month >> 3)) & 1);
}

/** PostgreSQL's number of a day; the mirror of daysSince2000 in processor/calendar.ts. */
function daysSince2000(start: i32): i32 {
  const year = twoDigitsAt(start) * 100 + twoDigitsAt(start + 2);
  const month = twoDigitsAt(start + 5);
  const shifted = month <= 2 ? year - 1 : year;
  const era = shifted / 400;
  const yearOfEra = shifted - era * 400;
  const dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + twoDigitsAt(start + 8) - 1;
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 730425;
}

/** The mirror of isEmailBytes in processor/byte-tests.ts. */
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

/** JSON objects that are open, the outermost first: where each begins, and whether nothing is in it yet. */
export const MOST_LEVELS: i32 = 64;
const LEVELS: i32 = 0;

/** @returns where the row ends; -1 when the record is not ordinary */
function writeRow(from: i32, rowNumber: i64): i32 {
  let pc = columnProgram;
  let out = from;
  let column = 0;
  let level = LEVELS;
  let isFirst: i32 = 1;
  store<u16>(out, bswap<u16>(load<u16>(pc)));
  out += 2;
  pc += 4;
  while (true) {
    const operation = load<i32>(pc);
    switch (operation) {
      case ROW_END:
        return out;
      case TEXT: {
        const field = load<i32>(pc, 4);
        const position = load<i32>(pc, 8);
        pc += 12;
        if (load<u8>(KINDS + field) === 0) {
          out = putNull(out);
          break;
        }
        const start = load<i32>(STARTS + 4 * position);
        const length = load<i32>(ENDS + 4 * position) - start;
        store<i32>(out, bswap<i32>(length));
        copyBytes(out + 4, start, length);
        out += 4 + length;
        break;
      }
      case INT2:
      case INT4:
      case INT8: {
        const field = load<i32>(pc, 4);
        const position = load<i32>(pc, 8);
        pc += 12;
        if (load<u8>(KINDS + field) === 0) {
          out = putNull(out);
          break;
        }
        const value = readDigits(load<i32>(STARTS + 4 * position), load<i32>(ENDS + 4 * position));
        if (value < 0) return -1;
        out = putInteger(out, operation, value);
        if (out < 0) return -1;
        break;
      }
      case DATE: {
        const field = load<i32>(pc, 4);
        const position = load<i32>(pc, 8);
        pc += 12;
        if (load<u8>(KINDS + field) === 0) out = putNull(out);
        else out = putInteger(out, INT4, daysSince2000(load<i32>(STARTS + 4 * position)));
        break;
      }
      case CONSTANT: {
        const length = load<i32>(pc, 8);
        copyBytes(out, load<i32>(pc, 4), length);
        out += length;
        pc += 12;
        break;
      }
      case ROW_NUMBER:
        out = putInteger(out, load<i32>(pc, 4), rowNumber);
        if (out < 0) return -1;
        pc += 8;
        break;
      case EXTERNAL:
      case RULE:
        out = callExternal(load<i32>(pc, 4), out, 0);
        if (out < 0) return -1;
        pc += 8;
        break;
      case JSON_COLUMN: {
        column = out;
        const length = load<i32>(pc, 8);
        copyBytes(out + 4, load<i32>(pc, 4), length);
        out += 4 + length;
        level = LEVELS;
        isFirst = 1;
        pc += 12;
        break;
      }
      case JSON_OBJECT:
        store<i32>(level, out);
        store<i32>(level, isFirst, 4);
        level += 8;
        out = putPrefix(out, pc + 4, isFirst);
        isFirst = 1;
        pc += 20;
        break;
      case JSON_OBJECT_END:
        level -= 8;
        if (isFirst) {
          out = load<i32>(level);
          isFirst = load<i32>(level, 4);
        } else {
          store<u8>(out, 0x7d);
          out += 1;
          isFirst = 0;
        }
        pc += 4;
        break;
      case JSON_TEXT: {
        const field = load<i32>(pc, 4);
        if (load<u8>(KINDS + field) !== 0) {
          const position = load<i32>(pc, 8);
          out = putPrefix(out, pc + 12, isFirst);
          out = putJsonText(out, load<i32>(STARTS + 4 * position), load<i32>(ENDS + 4 * position));
          store<u8>(out, QUOTE);
          out += 1;
          isFirst = 0;
        }
        pc += 28;
        break;
      }
      case JSON_INTEGER: {
        const field = load<i32>(pc, 4);
        if (load<u8>(KINDS + field) !== 0) {
          const position = load<i32>(pc, 8);
          const end = load<i32>(ENDS + 4 * position);
          let start = load<i32>(STARTS + 4 * position);
          if (!isDigits(start, end)) return -1;
          // JSON has no leading zeros.
          while (start < end - 1 && i32(load<u8>(start)) === ZERO) start += 1;
          const length = end - start;
          out = putPrefix(out, pc + 12, isFirst);
          copyBytes(out, start, length);
          out += length;
          isFirst = 0;
        }
        pc += 28;
        break;
      }
      case JSON_EXTERNAL: {
        const before = out;
        out = callExternal(load<i32>(pc, 4), out, isFirst);
        if (out < 0) return -1;
        if (out !== before) isFirst = 0;
        pc += 8;
        break;
      }
      default: {
        // JSON_COLUMN_END: an object without members has not even its braces yet.
        if (isFirst) {
          store<u8>(out, 0x7b);
          out += 1;
        }
        store<u8>(out, 0x7d);
        out += 1;
        store<i32>(column, bswap<i32>(out - column - 4));
        pc += 4;
      }
    }
  }
}

function putNull(out: i32): i32 {
  store<i32>(out, -1);
  return out + 4;
}

/** @param size INT2, INT4 or INT8 @returns -1 when there is no room for the value */
function putInteger(out: i32, size: i32, value: i64): i32 {
  if (size === INT2) {
    if (value > 32767) return -1;
    store<i32>(out, bswap<i32>(2));
    store<u16>(out, bswap<u16>(<u16>value), 4);
    return out + 6;
  }
  if (size === INT4) {
    if (value > 2147483647) return -1;
    store<i32>(out, bswap<i32>(4));
    store<i32>(out, bswap<i32>(<i32>value), 4);
    return out + 8;
  }
  store<i32>(out, bswap<i32>(8));
  store<i64>(out, bswap<i64>(value), 4);
  return out + 12;
}

function isDigits(start: i32, end: i32): bool {
  for (let i = start; i < end; i += 1) if (<u32>digitAt(i) > 9) return false;
  return true;
}

/** Digits alone, and not so many that they might have no room; -1 for everything else. */
function readDigits(start: i32, end: i32): i64 {
  if (end - start > 9) return -1;
  let value = 0;
  for (let i = start; i < end; i += 1) {
    const digit = digitAt(i);
    if (<u32>digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** May write up to 15 bytes behind the last. */
function copyBytes(to: i32, from: i32, length: i32): void {
  for (let i = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
}

/** What stands before a member: two pairs of an address and a length, for the first one of an object and for the others. */
function putPrefix(out: i32, prefixes: i32, isFirst: i32): i32 {
  const prefix = isFirst ? prefixes : prefixes + 8;
  const length = load<i32>(prefix, 4);
  copyBytes(out, load<i32>(prefix), length);
  return out + length;
}

/** The bytes inside of a JSON string: nearly all as they are, sixteen at a time. */
function putJsonText(to: i32, start: i32, end: i32): i32 {
  let out = to;
  let at = start;
  while (at < end) {
    const bytes = v128.load(at);
    v128.store(out, bytes);
    const control = i8x16.lt_u(bytes, i8x16.splat(0x20));
    const escaped = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>QUOTE)), i8x16.eq(bytes, i8x16.splat(0x5c)));
    const mask = i8x16.bitmask(v128.or(control, escaped));
    const left = end - at;
    const plain = mask === 0 ? min(left, 16) : min(left, ctz(mask));
    out += plain;
    at += plain;
    if (mask === 0 || at === end) continue;
    const entry = JSON_ESCAPES + 8 * i32(load<u8>(at));
    store<i64>(out, load<i64>(entry, 1));
    out += i32(load<u8>(entry));
    at += 1;
  }
  return out;
}
