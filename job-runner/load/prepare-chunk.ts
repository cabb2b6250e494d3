/** Turns one chunk's bytes into the rows that go into the table and the records that failed. Pure. */
import { isUtf8 } from 'node:buffer';
import type { FileSchema } from '#api/file-schema.ts';
import { Fault } from '#common/faults.ts';
import type { Chunk, ErrorSummary } from '#ledger/types.ts';
import { splitRecord, withoutLineEnd } from '#runner/csv/split.ts';
import type { ColumnType, Encoding } from '#runner/processor/column-encoding.ts';
import type { RecordProcessor } from '#runner/processor/process-record.ts';
import type { RecordFault } from '#runner/processor/record-fault.ts';
import type { RowBuffer } from '#runner/processor/row-buffer.ts';
import { createBlockPreparer } from '#runner/records/prepare-block.ts';
import { createTextWriter } from '#runner/records/text-writer.ts';
import { CodeCounts, type FailedRows } from './failed-rows.ts';

/** Longer texts of failed records are cut after this many UTF-16 units. */
const ROW_DATA_LIMIT = 8192;

export interface Position {
  byteOffset: number;
  byteLength: number;
}

export interface PreparedChunk {
  chunk: Chunk;
  /** The chunk's rows are the rows [from, to) of the buffer that they were written to. */
  from: number;
  to: number;
  /** The chunk's failed records are the rows [from, to) of their buffer; `codes` counts them by their code. */
  failed: { from: number; to: number; codes: ErrorSummary[] };
  /**
   * Where the record with a row number lies in the file that chunks point into; undefined when the chunk has no such
   * record.
   */
  positionOf(rowNumber: number): Position | undefined;
  /** The record's text for people: masked, capped, NUL-escaped; null when the upload keeps no such texts. */
  rowData(rowNumber: number): string | null;
}

export interface ChunkPreparer {
  /**
   * Adds the rows of a chunk to `rows` and its failed records to `failed`.
   * @param bytes the file's bytes [chunk.startByte, chunk.endByte).
   * @throws Fault when the bytes do not hold the planned records.
   */
  prepare(chunk: Chunk, bytes: Buffer, to: { rows: RowBuffer; failed: FailedRows }): PreparedChunk;
}

export interface ChunkPreparerOptions {
  schema: FileSchema;
  header: string[];
  uploadId: string;
  /** Is the text of failed records kept? */
  storeRowData: boolean;
  /** The character between two fields; default: a comma. */
  delimiter?: string;
  /**
   * Encodings of the target's columns, for rows in the binary format; null or absent: rows are written in the text
   * format.
   */
  encodings?: readonly Encoding[] | null;
  /** The types of the target's columns, of a domain the type below it; null or absent: they are not known. */
  baseTypes?: readonly ColumnType[] | null;
  /** The fault of a record that could not be read; default: the one for a stray quote. */
  malformedFault?: RecordFault;
  /** Do the fields' quotes tell typed values from texts? Default: no. */
  typedValues?: boolean;
}

export function createChunkPreparer(options: ChunkPreparerOptions): ChunkPreparer {
  const { delimiter = ',', storeRowData, ...blockOptions } = options;
  const { schema, header, typedValues = false } = options;
  const preparer = createBlockPreparer({ ...blockOptions, delimiter, isUtf8 });
  const toTexts: ToTexts = typedValues ? createTextWriter(schema, header, delimiter) : (_record, fields) => [...fields];
  const describe = (record: Buffer) => describeRecord(record, { processor: preparer.processor, delimiter, toTexts });

  return {
    prepare(chunk, bytes, { rows, failed }) {
      const records = createPositions(chunk);
      const recordAt = ({ byteOffset, byteLength }: Position) =>
        bytes.subarray(byteOffset - chunk.startByte, byteOffset - chunk.startByte + byteLength);
      const rowData = (rowNumber: number) => (storeRowData ? describe(recordAt(records.positionOf(rowNumber)!)) : null);
      const { positionOf } = records;
      const from = rows.rows;
      const failedFrom = failed.buffer.rows;
      const codes = new CodeCounts();
      preparer.prepare(bytes, chunk.firstRowNumber, {
        rows,
        onRecord: records.add,
        onFailed(rowNumber, faults) {
          const row = { rowNumber, faults, ...positionOf(rowNumber)!, rowData: rowData(rowNumber) };
          failed.add(row);
          codes.add(row);
        },
      });
      records.expectAll();
      return {
        chunk,
        from,
        to: rows.rows,
        positionOf,
        rowData,
        failed: { from: failedFrom, to: failed.buffer.rows, codes: codes.list() },
      };
    },
  };
}

/** Remembers where the records of a chunk lie. Row numbers grow, with gaps where lines are blank. */
function createPositions(chunk: Chunk) {
  // Offsets within a chunk fit into 32 bits: a chunk has at most 8 MiB, or is one record.
  const starts = new Int32Array(chunk.recordCount);
  const ends = new Int32Array(chunk.recordCount);
  const rowNumbers = new Float64Array(chunk.recordCount);
  let count = 0;
  return {
    add(start: number, end: number, rowNumber: number): void {
      if (count === starts.length) throw notAsPlanned(chunk, `more than ${count}`);
      starts[count] = start;
      ends[count] = end;
      rowNumbers[count] = rowNumber;
      count += 1;
    },
    positionOf(rowNumber: number): Position | undefined {
      const index = findSorted(rowNumbers.subarray(0, count), rowNumber);
      if (index === -1) return undefined;
      const start = starts[index]!;
      return { byteOffset: chunk.startByte + start, byteLength: ends[index]! - start };
    },
    expectAll(): void {
      if (count < starts.length) throw notAsPlanned(chunk, String(count));
    },
  };
}

function notAsPlanned({ number, recordCount }: Chunk, found: string): Fault {
  return new Fault({
    code: 'UNK_CHUNK',
    category: 'unknown',
    reason: 'InternalError',
    message: `Chunk ${number} has ${found} records, the plan says ${recordCount}.`,
  });
}

function findSorted(numbers: Float64Array, wanted: number): number {
  let low = 0;
  let high = numbers.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = numbers[middle]!;
    if (found === wanted) return middle;
    if (found < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

type ToTexts = ReturnType<typeof createTextWriter>;

/** Typed values are written as the texts that people send back: the number 1.234 must not become 1234 then. */
function describeRecord(
  record: Buffer,
  { processor, delimiter, toTexts }: { processor: RecordProcessor; delimiter: string; toTexts: ToTexts },
): string {
  const { fields, malformed } = splitRecord(withoutLineEnd(record.toString('utf8')), delimiter);
  const text = processor.mask(toTexts(record, fields), malformed).map(quoteCsv).join(',').replaceAll('\0', '\\u0000');
  return text.length > ROW_DATA_LIMIT ? `${text.slice(0, ROW_DATA_LIMIT)}…` : text;
}

function quoteCsv(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
