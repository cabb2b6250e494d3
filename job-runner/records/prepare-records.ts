/**
 * Prepares all records of a file where no ledger plans chunks: for a page or a command line that shows what an upload
 * would find.
 */
import type { FileSchema } from '#api/file-schema.ts';
import type { SourceFormat } from '#api/source-format.ts';
import { readHeader } from '#runner/csv/read-header.ts';
import { type IsUtf8, isUtf8Portable } from '#runner/csv/utf8.ts';
import { type ColumnType, chooseEncodings } from '#runner/processor/column-encoding.ts';
import { JSON_FAULT, QUOTING_FAULT } from '#runner/processor/faults.ts';
import type { RecordFault } from '#runner/processor/record-fault.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { type Block, createBlockCutter } from './cut-blocks.ts';
import { type BlockPreparer, createBlockPreparer } from './prepare-block.ts';

/** What `openFile` gives: the canonical bytes of a file of any kind. */
export interface CanonicalFile {
  /** A piece is valid until the next one is asked for. */
  bytes: AsyncIterable<Buffer>;
  format: Pick<SourceFormat, 'type' | 'chunkDelimiter' | 'typedValues'>;
  /** The schema by which `bytes` are read. */
  schema: FileSchema;
  /** The row number of the first row of `bytes`. */
  firstRowNumber: number;
}

export interface PrepareOptions {
  maxRecordBytes: number;
  /**
   * The types of the target's columns, where they are known: a number that its column has no room for is a fault then.
   */
  columnTypes?: readonly ColumnType[] | null;
  /** Node's own test is faster than the default, which runs on every machine. */
  isUtf8?: IsUtf8;
  /** Called once, with the file's header, before the first record. */
  onHeader?(header: readonly string[]): void;
  /** Called with every block of records before they are prepared. */
  onBlock?(block: Block): void;
  /** Called for every list of records with the rows of its valid ones; the rows are valid during the call. */
  onRows?(rows: RowBuffer): void;
}

export interface PreparedRecord {
  rowNumber: number;
  /** Empty for a valid record; else the code of the first fault is the record's code. */
  faults: readonly RecordFault[];
  /** The canonical bytes of a failed record with its line end, valid until the next list is asked for; null for a valid record. */
  bytes: Buffer | null;
}

const NO_FAULTS: readonly RecordFault[] = [];
const NO_UPLOAD = '00000000-0000-0000-0000-000000000000';

/**
 * Yields the records in order, with one list for each piece of the file in which a record ends.
 * @throws Fault for a file that fails as a whole (permanent: FILE_HEADER, FILE_UNTERMINATED_QUOTE,
 * FILE_RECORD_TOO_LONG), SchemaError, and what reading throws
 */
export async function* prepareRecords(
  { bytes, format, schema, firstRowNumber }: CanonicalFile,
  options: PrepareOptions,
): AsyncGenerator<PreparedRecord[], void, void> {
  const { maxRecordBytes, columnTypes = null, isUtf8 = isUtf8Portable, onHeader, onBlock, onRows } = options;
  const { chunkDelimiter: delimiter, typedValues = false } = format;
  const encodings = columnTypes && chooseEncodings(schema, columnTypes);
  const malformedFault = format.type === 'ndjson' ? JSON_FAULT : QUOTING_FAULT;
  const rows = new RowBuffer(encodings ? 'binary' : 'text');
  let preparer: BlockPreparer | null = null;
  const cutter = createBlockCutter({
    delimiter,
    maxRecordBytes,
    firstRowNumber,
    onHeader(record) {
      const header = readHeader(record, schema, delimiter);
      onHeader?.(header);
      preparer = createBlockPreparer({
        schema,
        header,
        uploadId: NO_UPLOAD,
        delimiter,
        encodings,
        baseTypes: columnTypes,
        malformedFault,
        typedValues,
        isUtf8,
      });
    },
  });

  function prepare(block: Block): PreparedRecord[] {
    const records: PreparedRecord[] = [];
    let lastStart = 0;
    let lastEnd = 0;
    onBlock?.(block);
    rows.clear();
    preparer!.prepare(block.bytes, block.firstRowNumber, {
      rows,
      onRecord(start, end, rowNumber) {
        lastStart = start;
        lastEnd = end;
        records.push({ rowNumber, faults: NO_FAULTS, bytes: null });
      },
      onFailed(_rowNumber, faults) {
        const record = records.at(-1)!;
        record.faults = faults;
        record.bytes = block.bytes.subarray(lastStart, lastEnd);
      },
    });
    onRows?.(rows);
    return records;
  }

  for await (const piece of bytes) {
    const block = cutter.push(piece);
    if (block) yield prepare(block);
  }
  const last = cutter.end();
  if (last) yield prepare(last);
}
