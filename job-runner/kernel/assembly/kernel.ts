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
import { testFields } from './fields';
import { FULL, INCOMPLETE, MOST_ROWS, NOT_ORDINARY, OUT, OUT_END, RECORD_ENDS, ROW_ENDS } from './layout';
import { writeRow } from './row';
import { escapedFields, isCleanText, SCAN_INCOMPLETE, scanRecord, unescapeFields } from './scan';

export { describeFields } from './fields';
export * from './layout';
export { describeColumns } from './row';
export { describeFile } from './scan';

let rowBytes: i32 = 0;
let rowFactor: i32 = 0;

/** Before the first record: a row has at most `ofRow` + `factor` × the bytes of its record. */
export function describeRoom(ofRow: i32, factor: i32): void {
  rowBytes = ofRow;
  rowFactor = factor;
}

/** Of the last run. */
export let rows: i32 = 0;

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
  return status;
}
