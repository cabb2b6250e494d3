/** Reads the records of a file as texts, without any schema: for a program that finds out what the file holds. */
import { createRecordReader, type RecordView } from '#runner/csv/record-reader.ts';
import { splitRecord, withoutLineEnd } from '#runner/csv/split.ts';
import { type Block, createBlockCutter } from './cut-blocks.ts';
import type { CanonicalFile } from './prepare-records.ts';

export interface ReadRecord {
  rowNumber: number;
  /** The record's fields, valid during the call. */
  view: RecordView;
}

export interface ReadRecordsOptions {
  maxRecordBytes: number;
  /** Called once, with the texts of the file's first record, before the first other record. */
  onHeader(header: string[]): void;
  /** Called for every record that is not a blank line. */
  onRecord(record: ReadRecord): void;
}

/** @throws Fault as the scanner's `push` and `end` do, and what reading throws */
export async function readRecords(
  { bytes, format, firstRowNumber }: CanonicalFile,
  { maxRecordBytes, onHeader, onRecord }: ReadRecordsOptions,
): Promise<void> {
  const { chunkDelimiter: delimiter } = format;
  const reader = createRecordReader(delimiter.charCodeAt(0));
  const record: ReadRecord = { rowNumber: 0, view: reader.view };
  const cutter = createBlockCutter({
    delimiter,
    maxRecordBytes,
    firstRowNumber,
    onHeader: (header) => onHeader(splitRecord(withoutLineEnd(header.toString('utf8')), delimiter).fields),
  });

  function readBlock(block: Block | null): void {
    if (!block) return;
    let rowNumber = block.firstRowNumber;
    for (let at = 0; at < block.bytes.length; rowNumber += 1) {
      at = reader.read(block.bytes, at);
      record.rowNumber = rowNumber;
      if (!reader.view.blank) onRecord(record);
    }
  }

  for await (const piece of bytes) readBlock(cutter.push(piece));
  readBlock(cutter.end());
}
