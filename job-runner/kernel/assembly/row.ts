/** Writes a record's row, by the program for columns. */

import { QUOTE, ZERO } from '../../csv/assembly/bytes';
import { daysSince2000, digitAt } from './fields';
import {
  CONSTANT,
  DATE,
  ENDS,
  EXTERNAL,
  INT2,
  INT4,
  INT8,
  JSON_COLUMN,
  JSON_ESCAPES,
  JSON_EXTERNAL,
  JSON_INTEGER,
  JSON_OBJECT,
  JSON_OBJECT_END,
  JSON_TEXT,
  KINDS,
  LEVELS,
  ROW_END,
  ROW_NUMBER,
  RULE,
  STARTS,
  TEXT,
} from './layout';

let columnProgram: i32 = 0;

/** Before the first record: where the program for the columns is. */
export function describeColumns(program: i32): void {
  columnProgram = program;
}

/**
 * Runs the operation of the number `id` on the record under way.
 * @param out where it may write
 * @returns where what it wrote ends; `out` for nothing; -1 when the record is not ordinary
 */
declare function callExternal(id: i32, out: i32, isFirst: i32): i32;

/** @returns where the row ends; -1 when the record is not ordinary */
export function writeRow(from: i32, rowNumber: i64): i32 {
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
      case TEXT:
      case INT2:
      case INT4:
      case INT8:
      case DATE: {
        const field = load<i32>(pc, 4);
        const position = load<i32>(pc, 8);
        pc += 12;
        if (load<u8>(KINDS + field) === 0) out = putNull(out);
        else out = putField(out, operation, load<i32>(STARTS + 4 * position), load<i32>(ENDS + 4 * position));
        if (out < 0) return -1;
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

/** @returns -1 when there is no room for the value */
function putField(out: i32, operation: i32, start: i32, end: i32): i32 {
  if (operation === DATE) return putInteger(out, INT4, daysSince2000(start));
  if (operation !== TEXT) {
    const value = readDigits(start, end);
    return value < 0 ? -1 : putInteger(out, operation, value);
  }
  const length = end - start;
  store<i32>(out, bswap<i32>(length));
  copyBytes(out + 4, start, length);
  return out + 4 + length;
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
