/**
 * Runs ordinary records through assembly/kernel.ts, which does the processor's work on them at a fraction of its cost.
 * The memory is fixed: a window of the file's bytes is copied in, rows are copied out.
 */
import { RecordView } from '#runner/csv/record-reader.ts';
import type { RecordContext } from '#runner/processor/columns.ts';
import { FieldValues } from '#runner/processor/field-values.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import type { External } from './column-program.ts';
import { LAYOUT } from './kernel.gen.ts';
import { type KernelSource, loadKernel } from './load-kernel.ts';

export interface RowKernelOptions extends KernelSource {
  context: Pick<RecordContext, 'uploadId'>;
}

/** Receives each ordinary record: its bytes are [start, end). */
export type OnRecord = (start: number, end: number, rowNumber: number) => void;

export interface RunOptions {
  rows: RowBuffer;
  onRecord: OnRecord;
  /** All bytes are known to be UTF-8 without NUL. If false, each record's bytes are checked. */
  isText: boolean;
}

export interface RowKernel {
  /** Must be called before `run` gets other bytes, since the kernel may still hold a window of the last ones. */
  reset(): void;
  /**
   * Takes the ordinary records from `at` on, and adds their rows in the binary format to `rows`.
   * @returns where the first record is that the kernel leaves to the processor; the bytes' length when it leaves none
   */
  run(bytes: Buffer, at: number, firstRowNumber: number, to: RunOptions): number;
}

/** The answer of a callback when the record is not ordinary. */
const NOT_ORDINARY = -1;

/** @returns null for a schema that is too large for the kernel's memory */
export function createRowKernel(options: RowKernelOptions): RowKernel | null {
  const { columns, checks, positions, context } = options;
  const kernel = loadKernel(options, (id, out, isFirst) => call(externals[id]!, out, isFirst === 1));
  if (kernel === null) return null;
  const { program, rows: rowCount } = kernel;
  const { externals } = program;
  const memory = Buffer.from(kernel.memory);
  const values = viewValues(kernel.memory, { columns, positions, fields: checks.length });
  const recordEnds = new Int32Array(kernel.memory, LAYOUT.RECORD_ENDS, LAYOUT.MOST_ROWS);
  const rowEnds = new Int32Array(kernel.memory, LAYOUT.ROW_ENDS, LAYOUT.MOST_ROWS);
  const scratch = new RowBuffer('binary');
  const external: RecordContext = { uploadId: context.uploadId, rowNumber: 0 };
  let firstRowNumber = 0;
  /** The range of the file's bytes that is in the memory. */
  let window = { start: 0, end: 0 };

  function call(callee: External, out: number, isFirst: boolean): number {
    if (callee.kind === 'rule') return callee.check(values) === null ? out : NOT_ORDINARY;
    scratch.clear();
    external.rowNumber = firstRowNumber + rowCount.value;
    try {
      if (callee.kind === 'column') callee.write(values, scratch, external);
      else callee.write(values, scratch, isFirst);
    } catch {
      // The processor will find the same fault, and explain it.
      return NOT_ORDINARY;
    }
    if (scratch.length > LAYOUT.EXTERNAL_ROOM) return NOT_ORDINARY;
    scratch.copyTo(memory, out);
    return out + scratch.length;
  }

  function moveWindow(bytes: Buffer, start: number): void {
    window = { start, end: Math.min(start + LAYOUT.WINDOW_BYTES, bytes.length) };
    bytes.copy(memory, LAYOUT.WINDOW, window.start, window.end);
  }

  return {
    reset() {
      window = { start: 0, end: 0 };
    },
    run(bytes, from, rowNumber, { rows, onRecord, isText }) {
      let at = from;
      firstRowNumber = rowNumber;
      while (at < bytes.length) {
        if (at < window.start || at >= window.end) moveWindow(bytes, at);
        const toWindow = LAYOUT.WINDOW - window.start;
        const status = kernel.run(at + toWindow, window.end + toWindow, Number(isText), firstRowNumber);
        const count = rowCount.value;
        rows.append(memory, LAYOUT.OUT, rowEnds.subarray(0, count), firstRowNumber);
        for (let i = 0; i < count; i += 1) {
          const end = recordEnds[i]! - toWindow;
          onRecord(at, end, firstRowNumber + i);
          at = end;
        }
        firstRowNumber += count;
        if (status === LAYOUT.NOT_ORDINARY) return at;
        if (status === LAYOUT.INCOMPLETE) {
          // This is the last record without an end of its line, or a record that is longer than the window.
          if (window.end === bytes.length || at === window.start) return at;
          moveWindow(bytes, at);
        }
      }
      return at;
    },
  };
}

/** @returns the values of the record under way, as views of the kernel's memory */
function viewValues(
  memory: ArrayBuffer,
  { columns, fields, positions }: { columns: number; fields: number; positions: readonly number[] },
): FieldValues {
  const record = new RecordView();
  record.bytes = Buffer.from(memory);
  record.count = columns;
  record.starts = new Int32Array(memory, LAYOUT.STARTS, columns);
  record.ends = new Int32Array(memory, LAYOUT.ENDS, columns);
  record.escaped = new Uint8Array(columns);
  return new FieldValues(record, positions, new Uint8Array(memory, LAYOUT.KINDS, fields));
}
