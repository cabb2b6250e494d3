/** Helpers of the CSV tests: the records of a text, scanned in pieces of any size. */
import { createRecordReader } from '#runner/csv/record-reader.ts';
import { createRecordScanner, createScanMemory, type ScannerOptions } from '#runner/csv/scanner.ts';
import { splitRecord, withoutLineEnd } from '#runner/csv/split.ts';

export interface Found {
  start: number;
  end: number;
  row: number;
}

/** Scans `input` cut at these offsets, in any order and with repetitions (an empty piece). */
export function scan(
  input: string | Buffer,
  cuts: readonly number[] = [],
  options: Partial<ScannerOptions> = {},
): Found[] {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input;
  const found: Found[] = [];
  const scanner = createRecordScanner({
    maxRecordBytes: 1 << 20,
    onRecord: (start, end, row) => found.push({ start, end, row }),
    ...options,
  });
  let from = 0;
  for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
    scanner.push(bytes.subarray(from, cut));
    from = cut;
  }
  scanner.end();
  return found;
}

/** Scans as `scan` does, with the bytes in the scanner's own memory. */
export function scanInPlace(input: Buffer, cuts: readonly number[], options: Partial<ScannerOptions>): Found[] {
  const memory = createScanMemory(input.length);
  input.copy(memory.bytes);
  return scan(memory.bytes, cuts, { ...options, memory });
}

/** The text of each record, with its end of line, and its row number. */
export function records(input: string | Buffer): [row: number, text: string][] {
  const bytes = Buffer.from(input);
  return scan(bytes).map(({ start, end, row }) => [row, bytes.toString('utf8', start, end)]);
}

/** The fields of every record; `malformed` says whether a quote stands where none may. */
export function read(input: string | Buffer): { row: number; fields: string[]; malformed: boolean }[] {
  return records(input).map(([row, text]) => ({ row, ...splitRecord(withoutLineEnd(text)) }));
}

/** Every record as the record reader finds it in the bytes; the reader decodes nothing. */
export function readBytes(bytes: Buffer): { row: number; fields: string[]; malformed: boolean }[] {
  const reader = createRecordReader(0x2c);
  const found: ReturnType<typeof readBytes> = [];
  let row = 1;
  for (let at = 0; at < bytes.length; row += 1) {
    at = reader.read(bytes, at);
    const { blank, count, malformed } = reader.view;
    const fields = Array.from({ length: count }, (_, i) => reader.view.text(i));
    if (!blank) found.push({ row, fields, malformed });
  }
  return found;
}
