/** One chunk's bytes to the records that go into the table and those that failed. Pure. */
import { isUtf8 } from 'node:buffer';
import { createRecordScanner } from '#runner/csv/scanner.ts';
import { splitRecord, withoutLineEnd } from '#runner/csv/split.ts';
import { Fault } from '#runner/errors.ts';
import type { FailedRow, RecordFault } from '#runner/ledger/insert-errors.ts';
import type { Chunk } from '#runner/ledger/types.ts';
import { QUOTING_FAULT, TEXT_FAULT } from '#runner/processor/faults.ts';
import { compileSchema, type RecordProcessor } from '#runner/processor/process-record.ts';
import type { RecordSchemaSpec } from '#runner/processor/record-schema.gen.ts';
import type { ValidRecord } from './write-records.ts';

/** Characters of a failed record that are kept. */
const ROW_DATA_LIMIT = 8192;

export interface Position {
  byteOffset: number;
  byteLength: number;
}

export interface PreparedChunk {
  chunk: Chunk;
  valid: ValidRecord[];
  failed: FailedRow[];
  /** Where each record of the chunk lies in the source, by row number. */
  positions: Map<number, Position>;
  /** The record's text for people: masked, capped, NUL-escaped; null when it is not to be kept. */
  rowData(rowNumber: number): string | null;
}

export interface Preparer {
  /** `bytes` are those of [chunk.startByte, chunk.endByte). @throws Fault when they do not hold the planned records. */
  prepare(chunk: Chunk, bytes: Buffer): PreparedChunk;
}

export interface PreparerOptions {
  schema: RecordSchemaSpec;
  header: string[];
  uploadId: string;
  storeRowData: boolean;
}

export function createPreparer({ schema, header, uploadId, storeRowData }: PreparerOptions): Preparer {
  const processor = compileSchema(schema, header);
  return {
    prepare(chunk, bytes) {
      const positions = findRecords(chunk, bytes);
      // One check for the whole chunk: nearly all of them are text throughout.
      const clean = isUtf8(bytes) && !bytes.includes(0);
      const textOf = ({ byteOffset, byteLength }: Position) => {
        const start = byteOffset - chunk.startByte;
        return bytes.subarray(start, start + byteLength);
      };
      const rowDataOf = (position: Position) => (storeRowData ? describeRecord(textOf(position), processor) : null);
      const prepared: PreparedChunk = {
        chunk,
        valid: [],
        failed: [],
        positions,
        rowData: (rowNumber) => rowDataOf(positions.get(rowNumber)!),
      };
      for (const [rowNumber, position] of positions) {
        const record = textOf(position);
        const faults = checkText(record, clean);
        if (faults) {
          prepared.failed.push({ rowNumber, faults, ...position, rowData: rowDataOf(position) });
          continue;
        }
        const { fields, malformed } = splitRecord(withoutLineEnd(record.toString('utf8')));
        const result = malformed
          ? { ok: false as const, faults: [QUOTING_FAULT] }
          : processor.process(fields, { uploadId, rowNumber });
        if (result.ok) prepared.valid.push({ rowNumber, values: result.values });
        else prepared.failed.push({ rowNumber, faults: result.faults, ...position, rowData: rowDataOf(position) });
      }
      return prepared;
    },
  };
}

function checkText(record: Buffer, clean: boolean): RecordFault[] | null {
  return clean || (isUtf8(record) && !record.includes(0)) ? null : [TEXT_FAULT];
}

/** The records of the chunk by the same scanner that planned it. */
function findRecords(chunk: Chunk, bytes: Buffer): Map<number, Position> {
  const positions = new Map<number, Position>();
  const scanner = createRecordScanner({
    maxRecordBytes: bytes.length,
    startByte: chunk.startByte,
    firstRowNumber: chunk.firstRowNumber,
    onRecord: (start, end, row) => positions.set(row, { byteOffset: start, byteLength: end - start }),
  });
  scanner.push(bytes);
  scanner.end();
  if (positions.size !== chunk.recordCount) {
    throw new Fault({
      code: 'UNK_CHUNK',
      category: 'unknown',
      reason: 'InternalError',
      message: `Chunk ${chunk.number} has ${positions.size} records, the plan says ${chunk.recordCount}.`,
    });
  }
  return positions;
}

function describeRecord(record: Buffer, processor: RecordProcessor): string {
  const { fields } = splitRecord(withoutLineEnd(record.toString('utf8')));
  const text = processor.mask(fields).map(quoteCsv).join(',').replaceAll('\0', '\\u0000');
  return text.length > ROW_DATA_LIMIT ? `${text.slice(0, ROW_DATA_LIMIT)}…` : text;
}

function quoteCsv(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
