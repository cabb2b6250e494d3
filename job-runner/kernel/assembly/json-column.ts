/** Writes a column of JSON, by its part of the program for columns. */

import { QUOTE, ZERO } from '../../csv/assembly/bytes';
import { copyBytes } from './copy-bytes';
import { callExternal } from './external';
import { digitAt } from './fields';
import {
  ENDS,
  INSTRUCTION_BYTES,
  JSON_COLUMN_END,
  JSON_ESCAPES,
  JSON_EXTERNAL,
  JSON_INTEGER,
  JSON_OBJECT,
  JSON_OBJECT_END,
  JSON_TEXT,
  KINDS,
  LEVEL_BYTES,
  LEVEL_IS_FIRST,
  LEVELS,
  OPERAND_ADDRESS,
  OPERAND_CALLBACK,
  OPERAND_FIELD,
  OPERAND_LENGTH,
  OPERAND_NEXT_ADDRESS,
  OPERAND_NEXT_LENGTH,
  OPERAND_POSITION,
  OPERATION,
  STARTS,
} from './layout';

const OPENING_BRACE: i32 = 0x7b;
const CLOSING_BRACE: i32 = 0x7d;
const BACKSLASH: i32 = 0x5c;

/** @param column the JSON_COLUMN instruction @returns where the column ends; -1 when the record is not ordinary */
export function writeJsonColumn(column: i32, from: i32): i32 {
  const opening = load<i32>(column, OPERAND_LENGTH);
  copyBytes(from + 4, load<i32>(column, OPERAND_ADDRESS), opening);
  let out = from + 4 + opening;
  let level = LEVELS;
  /** Is the object under way still without a member? */
  let isFirst: i32 = 1;
  let at = column + INSTRUCTION_BYTES;
  while (true) {
    const operation = load<i32>(at, OPERATION);
    switch (operation) {
      case JSON_TEXT:
      case JSON_INTEGER: {
        if (load<u8>(KINDS + load<i32>(at, OPERAND_FIELD)) === 0) break;
        const position = 4 * load<i32>(at, OPERAND_POSITION);
        const start = load<i32>(STARTS + position);
        const end = load<i32>(ENDS + position);
        out = putPrefix(out, at, isFirst);
        out = operation === JSON_TEXT ? putJsonText(out, start, end) : putJsonInteger(out, start, end);
        if (out < 0) return -1;
        isFirst = 0;
        break;
      }
      case JSON_EXTERNAL: {
        const before = out;
        out = callExternal(load<i32>(at, OPERAND_CALLBACK), out, isFirst);
        if (out < 0) return -1;
        if (out !== before) isFirst = 0;
        break;
      }
      case JSON_OBJECT:
        store<i32>(level, out);
        store<i32>(level, isFirst, LEVEL_IS_FIRST);
        level += LEVEL_BYTES;
        out = putPrefix(out, at, isFirst);
        isFirst = 1;
        break;
      case JSON_OBJECT_END:
        level -= LEVEL_BYTES;
        if (isFirst) {
          // An object without members is left out, with its name.
          out = load<i32>(level);
          isFirst = load<i32>(level, LEVEL_IS_FIRST);
        } else {
          out = putByte(out, CLOSING_BRACE);
        }
        break;
      case JSON_COLUMN_END:
        // The first member brings the opening brace, so a column without members lacks both braces.
        if (isFirst) out = putByte(out, OPENING_BRACE);
        out = putByte(out, CLOSING_BRACE);
        store<i32>(from, bswap<i32>(out - from - 4));
        return out;
      default:
        unreachable();
    }
    at += INSTRUCTION_BYTES;
  }
}

function putByte(out: i32, byte: i32): i32 {
  store<u8>(out, byte);
  return out + 1;
}

/** Writes what stands before a member's value: the object's brace or a comma, and the member's name. */
function putPrefix(out: i32, member: i32, isFirst: i32): i32 {
  const address = isFirst ? load<i32>(member, OPERAND_ADDRESS) : load<i32>(member, OPERAND_NEXT_ADDRESS);
  const length = isFirst ? load<i32>(member, OPERAND_LENGTH) : load<i32>(member, OPERAND_NEXT_LENGTH);
  copyBytes(out, address, length);
  return out + length;
}

/** @returns -1 when the value is not of digits alone */
function putJsonInteger(out: i32, start: i32, end: i32): i32 {
  for (let i = start; i < end; i += 1) if (<u32>digitAt(i) > 9) return -1;
  // JSON has no leading zeros.
  let first = start;
  while (first < end - 1 && i32(load<u8>(first)) === ZERO) first += 1;
  copyBytes(out, first, end - first);
  return out + end - first;
}

/** Writes a JSON string behind its opening quote, sixteen bytes at a time: nearly all bytes stay as they are. */
function putJsonText(to: i32, start: i32, end: i32): i32 {
  let out = to;
  let at = start;
  while (at < end) {
    const bytes = v128.load(at);
    v128.store(out, bytes);
    const control = i8x16.lt_u(bytes, i8x16.splat(0x20));
    const escaped = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>QUOTE)), i8x16.eq(bytes, i8x16.splat(<i8>BACKSLASH)));
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
  return putByte(out, QUOTE);
}
