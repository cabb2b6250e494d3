/** Finds where records end, by the grammar of job-runner/csv/scanner.ts, sixteen bytes at a time. */
import { CR, LF, QUOTE } from './bytes';

// The regions of the memory. The caller may grow the memory, and have bytes scanned there without a copy. Behind any
// scanned bytes there must be room for 15 more.
export const WINDOW: i32 = 1024;
export const WINDOW_BYTES: i32 = 64 * 1024;
/** One word per record that ends: twice the distance of its end from the first byte, plus 1 for a blank line. */
export const ENDS: i32 = WINDOW + WINDOW_BYTES + 64;
/** Each byte of the window may end a record. */
export const MOST_ENDS: i32 = WINDOW_BYTES;

// The states between two bytes are those of the scanner.
export const FIELD_START: i32 = 0;
export const UNQUOTED: i32 = 1;
export const QUOTED: i32 = 2;
export const QUOTE_INSIDE: i32 = 3;
export const AFTER_CR: i32 = 4;

/** The state behind the last byte; in AFTER_CR, whether the line that the CR ended is blank. */
export let state: i32 = FIELD_START;
export let isBlank: i32 = 0;

/**
 * Scans `length` bytes of the memory: at least one, and at most {@link WINDOW_BYTES}.
 * @param from the address of the first byte
 * @param before the state before the first byte: FIELD_START, UNQUOTED or QUOTED
 * @param atStart 1 when the first byte is a record's first
 * @returns how many records end in these bytes
 */
export function findEnds(from: i32, length: i32, before: i32, atStart: i32, delimiter: i32): i32 {
  const to = from + length;
  let start = atStart ? from : from - 1;
  let isQuoted = before === QUOTED;
  let ends = ENDS;
  // Bytes before `next` are done: the second quote of a pair, and the LF of a CRLF.
  let next = from;
  for (let base = from; base < to; base += 16) {
    let mask = specialsAt(base);
    for (; mask !== 0; mask &= mask - 1) {
      const at = base + ctz(mask);
      if (at < next) continue;
      if (at >= to) break;
      const byte = i32(load<u8>(at));
      next = at + 1;
      if (byte === QUOTE) {
        if (!isQuoted)
          isQuoted = at === start || (at > from ? i32(load<u8>(at - 1)) === delimiter : before === FIELD_START);
        else if (next === to) {
          state = QUOTE_INSIDE;
          return (ends - ENDS) >> 2;
        } else if (i32(load<u8>(next)) === QUOTE) next += 1;
        else isQuoted = false;
      } else if (!isQuoted) {
        const blank = i32(at === start);
        if (byte === CR) {
          if (next === to) {
            state = AFTER_CR;
            isBlank = blank;
            return (ends - ENDS) >> 2;
          }
          if (i32(load<u8>(next)) === LF) next += 1;
        }
        store<i32>(ends, ((next - from) << 1) | blank);
        ends += 4;
        start = next;
      }
    }
  }
  if (isQuoted) state = QUOTED;
  else state = start === to || i32(load<u8>(to - 1)) === delimiter ? FIELD_START : UNQUOTED;
  return (ends - ENDS) >> 2;
}

/** @returns sixteen bits: 1 for a byte that may end a record, or open or close quotes */
function specialsAt(at: i32): i32 {
  const bytes = v128.load(at);
  const lines = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>LF)), i8x16.eq(bytes, i8x16.splat(<i8>CR)));
  return i8x16.bitmask(v128.or(lines, i8x16.eq(bytes, i8x16.splat(<i8>QUOTE))));
}
