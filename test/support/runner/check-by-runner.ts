/** The verdict of the job runner on a file: the oracle of other programs that check files. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat, SourceFormat } from '#api/source-format.ts';
import { Fault } from '#common/faults.ts';
import { readHeader } from '#runner/csv/read-header.ts';
import { createRecordScanner } from '#runner/csv/scanner.ts';
import { createChunkPreparer } from '#runner/load/prepare-chunk.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import { createChunkCutter } from '#runner/plan-chunks.ts';
import { type ColumnType, chooseEncodings } from '#runner/processor/column-encoding.ts';
import { JSON_FAULT } from '#runner/processor/faults.ts';
import type { RecordFault } from '#runner/processor/record-fault.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { openFile } from '#runner/source/open-file.ts';
import { SCHEMA } from '#support/records/file-kinds.ts';
import { collectFailed } from './prepared-chunks.ts';

export const MAX_RECORD_BYTES = 1024 * 1024;

export interface FileForRunner {
  body: Buffer | string;
  key?: string | undefined;
  declared?: DeclaredFormat | undefined;
  /** Default: the schema of the files of every kind. */
  schema?: RecordSchemaSpec;
  columnTypes?: ColumnType[] | null;
}

export type RunnerVerdict =
  | {
      format: SourceFormat;
      /** The bytes that the scanner takes. */
      canonicalBase64: string;
      records: number;
      failed: { rowNumber: number; faults: readonly RecordFault[] }[];
    }
  | { failedWith: string; message: string };

/** Works as the runner does: plans chunks, then prepares each chunk by itself. */
export async function checkByRunner(file: FileForRunner): Promise<RunnerVerdict> {
  try {
    return await planAndPrepare(file);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { failedWith: error.reason, message: error.message };
  }
}

async function planAndPrepare({
  body,
  key = 'file',
  declared = {},
  schema = SCHEMA,
  columnTypes = null,
}: FileForRunner): Promise<RunnerVerdict> {
  const bytes = Buffer.from(body);
  const { format, firstRowNumber, ...source } = await openFile({
    stream: piecesOf(bytes),
    readBytes: (start, end) => piecesOf(bytes.subarray(start, end)),
    sizeBytes: bytes.length,
    key,
    declared,
    schema,
    maxRecordBytes: MAX_RECORD_BYTES,
    platform: NODE_PLATFORM,
  });
  const canonical = await collect(source.bytes);
  const delimiter = format.chunkDelimiter;
  const cutter = createChunkCutter({ records: 2, bytes: MAX_RECORD_BYTES });
  let header: string[] | null = null;
  const scanner = createRecordScanner({
    maxRecordBytes: MAX_RECORD_BYTES,
    delimiter: delimiter.charCodeAt(0),
    firstRowNumber,
    onRecord(start, end, rowNumber) {
      if (header) cutter.add(start, end, rowNumber);
      else header = readHeader(canonical.subarray(start, end), source.schema, delimiter);
    },
  });
  scanner.push(canonical);
  scanner.end();
  const { chunks, records } = cutter.finish();
  const encodings = columnTypes && chooseEncodings(schema, columnTypes);
  const malformedFault = format.type === 'ndjson' ? { malformedFault: JSON_FAULT } : {};
  const uploadId = '00000000-0000-0000-0000-000000000000';
  const options = {
    schema: source.schema,
    header: header!,
    uploadId,
    storeRowData: false,
    delimiter,
    encodings,
    baseTypes: columnTypes,
    typedValues: format.typedValues ?? false,
    ...malformedFault,
  };
  const preparer = records > 0 ? createChunkPreparer(options) : null;
  const rows = new RowBuffer(encodings ? 'binary' : 'text');
  const failed = collectFailed();
  for (const [number, chunk] of chunks.entries())
    preparer!.prepare({ ...chunk, number }, canonical.subarray(chunk.startByte, chunk.endByte), { rows, failed });
  return {
    format,
    canonicalBase64: canonical.toString('base64'),
    records,
    failed: failed.list.map(({ rowNumber, faults }) => ({ rowNumber, faults })),
  };
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer, void, void> {
  yield bytes;
}

async function collect(input: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(input));
}
