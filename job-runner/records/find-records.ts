/** Finds records of a file by their row numbers. Pure. */
import { createRecordReader } from '#runner/csv/record-reader.ts';
import { type Block, createBlockCutter } from './cut-blocks.ts';
import type { CanonicalFile } from './prepare-records.ts';

export interface FindRecordsOptions<T extends { rowNumber: number }> {
  maxRecordBytes: number;
  /** The records that are looked for, in the order of their row numbers. */
  wanted: AsyncIterator<T, unknown, void>;
  /** Called once, with the bytes of the file's first record, before the first other record. */
  onHeader(bytes: Buffer): void;
}

/**
 * Yields what is wanted together with the record's bytes, which are valid until the next one is asked for. The file is read no further
 * than to the last wanted record.
 * @throws Fault as the scanner's `push` and `end` do, and what reading throws
 */
export async function* findRecords<T extends { rowNumber: number }>(
  { bytes, format, firstRowNumber }: CanonicalFile,
  { maxRecordBytes, wanted, onHeader }: FindRecordsOptions<T>,
): AsyncGenerator<T & { bytes: Buffer }, void, void> {
  const { chunkDelimiter: delimiter } = format;
  const reader = createRecordReader(delimiter.charCodeAt(0));
  const cutter = createBlockCutter({ delimiter, maxRecordBytes, firstRowNumber, onHeader });
  let next = await wanted.next();

  async function* search(block: Block | null): AsyncGenerator<T & { bytes: Buffer }, void, void> {
    if (!block) return;
    let rowNumber = block.firstRowNumber;
    for (let at = 0; at < block.bytes.length && !next.done; rowNumber += 1) {
      const end = reader.read(block.bytes, at);
      if (rowNumber === next.value.rowNumber) {
        yield { ...next.value, bytes: block.bytes.subarray(at, end) };
        next = await wanted.next();
      }
      at = end;
    }
  }

  for await (const piece of bytes) {
    yield* search(cutter.push(piece));
    if (next.done) return;
  }
  yield* search(cutter.end());
}
