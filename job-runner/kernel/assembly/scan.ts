/** Finds a record's fields. */
import { CR, LF, QUOTE } from '../../csv/assembly/bytes';
import { ENDS, ESCAPED, STARTS } from './layout';

let delimiter: i32 = 0;
let columns: i32 = 0;

/** How many fields of the record that was scanned last hold doubled quotes; ESCAPED lists them. */
export let escapedFields: i32 = 0;

/** The reasons why scanRecord does not take a record. */
const SCAN_NOT_ORDINARY: i32 = -1;
export const SCAN_INCOMPLETE: i32 = -2;

/** Sets the byte between two fields and the number of fields in a record, before the first record. */
export function describeFile(between: i32, ofRecord: i32): void {
  delimiter = between;
  columns = ofRecord;
}

/** @returns sixteen bits: 1 for a byte that separates fields or records, or is a quote */
function specialsAt(at: i32, delimiters: v128): i32 {
  const bytes = v128.load(at);
  const lines = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>LF)), i8x16.eq(bytes, i8x16.splat(<i8>CR)));
  const others = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>QUOTE)), i8x16.eq(bytes, delimiters));
  return i8x16.bitmask(v128.or(lines, others));
}

/** @returns where the next quote is; `to` or an address behind `to` when [from, to) has none */
function findQuote(from: i32, to: i32): i32 {
  for (let at = from; at < to; at += 16) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(<i8>QUOTE)));
    if (mask !== 0) return at + ctz(mask);
  }
  return to;
}

/** Leaves the record's fields in STARTS and ENDS. @returns where the next record begins, or a reason of SCAN_* */
export function scanRecord(at: i32, to: i32): i32 {
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
    // An LF behind the CR belongs to the end of the line, so the line's end is unknown without the next byte.
    if (start >= to) return SCAN_INCOMPLETE;
    return i32(load<u8>(start)) === LF ? start + 1 : start;
  }
}

/** Are the bytes UTF-8 without NUL? Source: The Unicode Standard, table 3-7, "Well-Formed UTF-8 Byte Sequences". */
export function isCleanText(from: i32, to: i32): bool {
  let at = from;
  while (at < to) {
    if (at + 16 <= to) {
      const bytes = v128.load(at);
      // A byte from 0x01 to 0x7f is a positive signed number.
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

/** Makes one quote of each doubled one in the window itself, since no later run begins with this record. */
export function unescapeFields(): void {
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
