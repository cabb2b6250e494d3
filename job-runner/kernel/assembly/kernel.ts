/**
 * The kernel takes ordinary records: it finds a record's fields, tests them, and writes the row in COPY's binary
 * format. The kernel leaves each other record (one with a stray quote, or a value that a test does not take at sight)
 * to the processor in TypeScript, so the kernel has to be right only about the records that it takes.
 *
 * job-runner/kernel/program.ts compiles a schema to two programs, one for the fields and one for the columns. What the
 * kernel has no operation for is a callback to TypeScript (`callExternal`). README.md beside program.ts tells how to
 * add an operation. The scan for fields takes sixteen bytes at a time, as in Langdale and Lemire, "Parsing Gigabytes of
 * JSON per Second", section 3.1.
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

/** Sets the room for a row, before the first record: at most `ofRow` + `factor` × the bytes of the row's record. */
export function describeRoom(ofRow: i32, factor: i32): void {
  rowBytes = ofRow;
  rowFactor = factor;
}

/** How many rows the last run wrote; during a run, how many rows are complete. */
export let rows: i32 = 0;

/**
 * Takes the records of the window's bytes [from, to) in order, and leaves their ends in RECORD_ENDS and ROW_ENDS.
 * @param isText 1 when all bytes are known to be UTF-8 without NUL; with 0 each record's bytes are checked
 * @returns how the run ended: NOT_ORDINARY, INCOMPLETE or FULL
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
      // A row that is too long for the empty region is left to the processor.
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
