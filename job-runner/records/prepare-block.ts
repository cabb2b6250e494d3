/** Prepares a block of whole records: ordinary ones in the kernel, all others by the processor. Pure. */
import type { FileSchema } from '#api/file-schema.ts';
import { createRecordReader } from '#runner/csv/record-reader.ts';
import type { IsUtf8 } from '#runner/csv/utf8.ts';
import { createRowKernel, type OnRecord } from '#runner/kernel/row-kernel.ts';
import { type ColumnType, type Encoding, uuidBytes } from '#runner/processor/column-encoding.ts';
import { QUOTING_FAULT, TEXT_FAULT } from '#runner/processor/faults.ts';
import { compileSchema, isCleanText, type RecordProcessor } from '#runner/processor/process-record.ts';
import type { RecordFault } from '#runner/processor/record-fault.ts';
import type { RowBuffer } from '#runner/processor/row-buffer.ts';

/** The kernel stays in use while it leaves at most this many more records to the processor than it takes itself. */
const MOST_LEFT = 16;
/** The size of the pieces that are checked alone where a block is not text throughout. */
const PIECE_BYTES = 8 * 1024;
const LF = 0x0a;

export interface BlockPreparer {
  readonly processor: RecordProcessor;
  /** @param bytes whole records, the first of which has the row number `firstRowNumber` */
  prepare(bytes: Buffer, firstRowNumber: number, to: BlockOutput): void;
}

export interface BlockOutput {
  /** Gets the rows of the valid records. */
  rows: RowBuffer;
  /** Called for every record in order, valid or not; the record's bytes are [start, end) of the block. */
  onRecord: OnRecord;
  /** Called for a record with faults, after `onRecord`. */
  onFailed(rowNumber: number, faults: RecordFault[]): void;
}

export interface BlockPreparerOptions {
  schema: FileSchema;
  header: readonly string[];
  uploadId: string;
  /** The character between two fields; default: a comma. */
  delimiter?: string;
  /**
   * The encodings of the target's columns for rows in the binary format; null for the text format, which the kernel
   * does not write.
   */
  encodings?: readonly Encoding[] | null;
  /** The types of the target's columns, of a domain the type below it; null or absent: they are not known. */
  baseTypes?: readonly ColumnType[] | null;
  /** The fault of a record that could not be read; default: the fault of a stray quote. */
  malformedFault?: RecordFault;
  /** Do the fields' quotes tell typed values from texts? Default: no. */
  typedValues?: boolean;
  isUtf8: IsUtf8;
}

/** @throws SchemaError */
export function createBlockPreparer(options: BlockPreparerOptions): BlockPreparer {
  const { delimiter = ',', malformedFault = QUOTING_FAULT, encodings = null, baseTypes = null, isUtf8 } = options;
  const { typedValues = false } = options;
  const reader = createRecordReader(delimiter.charCodeAt(0));
  const compileOptions = { record: reader.view, encodings, baseTypes, typedValues, isUtf8 };
  const processor = compileSchema(options.schema, options.header, compileOptions);
  const context = { uploadId: options.uploadId, rowNumber: 0 };
  const kernel = encodings
    ? createRowKernel({
        ...processor.parts,
        context,
        delimiter: delimiter.charCodeAt(0),
        uploadId: uuidBytes(options.uploadId),
      })
    : null;

  return {
    processor,
    prepare(bytes, firstRowNumber, { rows, onRecord, onFailed }) {
      // Most blocks are text throughout, so one check of the whole block usually spares one for each record. In the
      // other blocks a piece without the bytes that are no text needs no more checks either.
      let piece = bytes;
      let isText = isCleanText(bytes, isUtf8);
      if (!isText) piece = bytes.subarray(0, 0);
      const processRecord = (start: number, end: number, rowNumber: number): void => {
        context.rowNumber = rowNumber;
        onRecord(start, end, rowNumber);
        const isClean = (isText && end <= piece.length) || isCleanText(bytes.subarray(start, end), isUtf8);
        const faults = reader.view.malformed
          ? [isClean ? malformedFault : TEXT_FAULT]
          : processor.process(rows, context, isClean);
        if (faults) onFailed(rowNumber, faults);
      };
      let rowNumber = firstRowNumber;
      let taken = 0;
      let left = 0;
      kernel?.reset();
      for (let at = 0; at < bytes.length; rowNumber += 1) {
        // A kernel that leaves most records to the processor costs more than it saves.
        while (kernel && at < bytes.length && left <= MOST_LEFT + taken) {
          if (at >= piece.length) {
            piece = bytes.subarray(0, endOfPiece(bytes, at));
            isText = isCleanText(bytes.subarray(at, piece.length), isUtf8);
          }
          const before = rows.rows;
          at = kernel.run(piece, at, rowNumber, { rows, onRecord, isText });
          taken += rows.rows - before;
          rowNumber += rows.rows - before;
          if (at < piece.length) {
            left += 1;
            break;
          }
        }
        if (at === bytes.length) break;
        const next = reader.read(bytes, at);
        // A blank line has a row number, but is not a record.
        if (!reader.view.blank) processRecord(at, next, rowNumber);
        at = next;
      }
    },
  };
}

/** @returns where a piece that begins at `at` ends: behind a newline, which is never a part of a character */
function endOfPiece(bytes: Buffer, at: number): number {
  const newline = bytes.indexOf(LF, at + PIECE_BYTES);
  return newline === -1 ? bytes.length : newline + 1;
}
