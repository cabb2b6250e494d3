/** Writes a record's row, by the program for columns. */

import { copyBytes } from './copy-bytes';
import { callExternal } from './external';
import { daysSince2000, digitAt } from './fields';
import { writeJsonColumn } from './json-column';
import {
  CONSTANT,
  DATE,
  ENDS,
  EXTERNAL,
  INSTRUCTION_BYTES,
  INT2,
  INT4,
  INT8,
  JSON_COLUMN,
  KINDS,
  OPERAND_ADDRESS,
  OPERAND_CALLBACK,
  OPERAND_FIELD,
  OPERAND_INSTRUCTIONS,
  OPERAND_INTEGER,
  OPERAND_LENGTH,
  OPERAND_MOST,
  OPERAND_POSITION,
  OPERATION,
  ROW_END,
  ROW_NUMBER,
  RULE,
  SHORT_TEXT,
  STARTS,
  TEXT,
} from './layout';

const SPACE: u8 = 0x20;

let columnProgram: i32 = 0;
let columnCount: i32 = 0;

/** Sets the address of the program for columns and the number of columns in a row, before the first record. */
export function describeColumns(program: i32, ofRow: i32): void {
  columnProgram = program;
  columnCount = ofRow;
}

/** @returns where the row ends; -1 when the record is not ordinary */
export function writeRow(from: i32, rowNumber: i64): i32 {
  let out = from;
  store<u16>(out, bswap<u16>(<u16>columnCount));
  out += 2;
  let at = columnProgram;
  while (true) {
    const operation = load<i32>(at, OPERATION);
    switch (operation) {
      case ROW_END:
        return out;
      case TEXT:
      case INT2:
      case INT4:
      case INT8:
      case DATE: {
        if (load<u8>(KINDS + load<i32>(at, OPERAND_FIELD)) === 0) {
          out = putNull(out);
          break;
        }
        const column = 4 * load<i32>(at, OPERAND_POSITION);
        out = putField(out, operation, load<i32>(STARTS + column), load<i32>(ENDS + column));
        break;
      }
      case SHORT_TEXT:
        out = putShortText(at, out);
        break;
      case CONSTANT: {
        const length = load<i32>(at, OPERAND_LENGTH);
        copyBytes(out, load<i32>(at, OPERAND_ADDRESS), length);
        out += length;
        break;
      }
      case ROW_NUMBER:
        out = putInteger(out, load<i32>(at, OPERAND_INTEGER), rowNumber);
        break;
      case EXTERNAL:
      case RULE:
        out = callExternal(load<i32>(at, OPERAND_CALLBACK), out, 0);
        break;
      case JSON_COLUMN:
        out = writeJsonColumn(at, out);
        at += INSTRUCTION_BYTES * load<i32>(at, OPERAND_INSTRUCTIONS);
        break;
      default:
        unreachable();
    }
    if (out < 0) return -1;
    at += INSTRUCTION_BYTES;
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

/** @returns -1 when the column might cut a blank */
function putShortText(at: i32, out: i32): i32 {
  if (load<u8>(KINDS + load<i32>(at, OPERAND_FIELD)) === 0) return putNull(out);
  const column = 4 * load<i32>(at, OPERAND_POSITION);
  const start = load<i32>(STARTS + column);
  const end = load<i32>(ENDS + column);
  if (end - start > load<i32>(at, OPERAND_MOST) && load<u8>(end - 1) === SPACE) return -1;
  return putField(out, TEXT, start, end);
}

function putNull(out: i32): i32 {
  store<i32>(out, -1);
  return out + 4;
}

/** @param size INT2, INT4 or INT8 @returns -1 when the value is too large for this size */
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

/** @returns the number of at most nine digits, which always fits; -1 for everything else */
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
