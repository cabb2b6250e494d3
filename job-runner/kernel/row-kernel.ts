/**
 * Runs ordinary records through assembly/kernel.ts, which does what the processor does with them at a fraction of its
 * cost. The memory is fixed: a window of the file's bytes is copied in, rows are copied out.
 */
import { RecordView } from '#runner/csv/record-reader.ts';
import { mayBeBlank } from '#runner/processor/byte-tests.ts';
import type { RecordContext } from '#runner/processor/columns.ts';
import { JSON_ESCAPES } from '#runner/processor/escapes.ts';
import { FieldValues } from '#runner/processor/field-values.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { BINARY, LAYOUT } from './kernel.gen.ts';
import { type External, type ProgramSource, writeProgram } from './program.ts';

export interface RowKernelOptions extends ProgramSource {
  /** The byte between two fields. */
  delimiter: number;
  /** Fields of an ordinary record. */
  columns: number;
  context: Pick<RecordContext, 'uploadId'>;
}

/** Takes note of an ordinary record: its bytes are [start, end). */
export type OnRecord = (start: number, end: number, rowNumber: number) => void;

export interface RunOptions {
  rows: RowBuffer;
  onRecord: OnRecord;
  /** All of the bytes are known to be UTF-8 without NUL; else each record is asked. */
  isText: boolean;
}

export interface RowKernel {
  /** Other bytes follow: what is known of the last ones is forgotten. */
  reset(): void;
  /**
   * Takes the ordinary records from `at` on, and adds their rows to `rows`, which are in the binary format.
   * @returns where the first one is that it leaves to the processor; the bytes' length when there is none
   */
  run(bytes: Buffer, at: number, firstRowNumber: number, to: RunOptions): number;
}

interface KernelExports {
  memory: WebAssembly.Memory;
  describeFile(delimiter: number, columns: number): void;
  describeFields(fields: number, program: number): void;
  describeColumns(program: number): void;
  describeRoom(rowBytes: number, rowFactor: number): void;
  run(from: number, to: number, isText: number, firstRowNumber: number): number;
  rows: WebAssembly.Global;
}

const NOT_ORDINARY = -1;

/** @returns null for a schema that is too large for the kernel's memory */
export function createRowKernel(options: RowKernelOptions): RowKernel | null {
  const { delimiter, columns, checks, positions, context } = options;
  if (columns > LAYOUT.MOST_COLUMNS || checks.length > LAYOUT.MOST_COLUMNS) return null;
  let externals: External[] = [];
  const callExternal = (id: number, out: number, isFirst: number) => call(externals[id]!, out, isFirst === 1);
  const module = new WebAssembly.Module(Buffer.from(BINARY, 'base64'));
  const instance = new WebAssembly.Instance(module, { row: { callExternal } });
  const kernel = instance.exports as unknown as KernelExports;
  const memory = Buffer.from(kernel.memory.buffer);
  const program = writeProgram(kernel.memory.buffer, options);
  if (program === null) return null;
  externals = program.externals;
  kernel.describeFile(delimiter, columns);
  kernel.describeFields(checks.length, program.fieldProgram);
  kernel.describeColumns(program.columnProgram);
  kernel.describeRoom(program.rowBytes, program.rowFactor);
  fillTables(memory);

  const values = viewValues(kernel.memory.buffer, { columns, positions, fields: checks.length });
  const recordEnds = new Int32Array(kernel.memory.buffer, LAYOUT.RECORD_ENDS, LAYOUT.MOST_ROWS);
  const rowEnds = new Int32Array(kernel.memory.buffer, LAYOUT.ROW_ENDS, LAYOUT.MOST_ROWS);
  const scratch = new RowBuffer('binary');
  const external: RecordContext = { uploadId: context.uploadId, rowNumber: 0 };
  let firstRowNumber = 0;
  /** What of the bytes is in the memory. */
  let window = { start: 0, end: 0 };

  function call(callee: External, out: number, isFirst: boolean): number {
    if (callee.kind === 'rule') return callee.check(values) === null ? out : NOT_ORDINARY;
    scratch.clear();
    external.rowNumber = firstRowNumber + kernel.rows.value;
    try {
      if (callee.kind === 'column') callee.write(values, scratch, external);
      else callee.write(values, scratch, isFirst);
    } catch {
      // The processor will say why.
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
        const count = kernel.rows.value;
        rows.append(memory, LAYOUT.OUT, rowEnds.subarray(0, count), firstRowNumber);
        for (let i = 0; i < count; i += 1) {
          const end = recordEnds[i]! - toWindow;
          onRecord(at, end, firstRowNumber + i);
          at = end;
        }
        firstRowNumber += count;
        if (status === LAYOUT.NOT_ORDINARY) return at;
        if (status === LAYOUT.INCOMPLETE) {
          // The last record without an end of its line, or one that is longer than the window.
          if (window.end === bytes.length || at === window.start) return at;
          moveWindow(bytes, at);
        }
      }
      return at;
    },
  };
}

function fillTables(memory: Buffer): void {
  for (let byte = 0; byte < 256; byte += 1) {
    memory[LAYOUT.MAY_BE_BLANK + byte] = mayBeBlank(byte) ? 1 : 0;
    const escaped = JSON_ESCAPES.binary.of[byte] ?? Buffer.alloc(0);
    memory.set([escaped.length, ...escaped], LAYOUT.JSON_ESCAPES + 8 * byte);
  }
}

/** The values of the record under way, as they lie in the kernel's memory. */
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
