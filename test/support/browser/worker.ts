/** What the page's Worker does, with the canonical bytes beside it, and with pieces of any length. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat, SourceFormat } from '#api/source-format.ts';
import { Fault } from '#common/faults.ts';
import { BROWSER_PLATFORM } from '#page/check/platform.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { compilePattern, compileSchema, prepareRecords } from '#runner/record-processor.ts';
import { openFile } from '#runner/source/open-file.ts';

export interface FileToCheck {
  base64: string;
  key: string;
  declared: DeclaredFormat;
  schema: RecordSchemaSpec;
  maxRecordBytes: number;
  columnTypes: ColumnType[] | null;
}

export type CheckedFile =
  | {
      format: SourceFormat;
      /** The bytes that the scanner takes. */
      canonicalBase64: string;
      records: number;
      errors: [row: number, code: string][];
    }
  | { failedWith: string };

const PIECE_BYTES = 50;

/** @param message a {@link FileToCheck} as JSON. @returns a {@link CheckedFile} as JSON */
export async function checkFile(message: string): Promise<string> {
  try {
    return JSON.stringify(await check(JSON.parse(message)));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return JSON.stringify({ failedWith: error.reason } satisfies CheckedFile);
  }
}

async function check({
  base64,
  key,
  declared,
  schema,
  maxRecordBytes,
  columnTypes,
}: FileToCheck): Promise<CheckedFile> {
  const bytes = Buffer.from(base64, 'base64');
  const source = await openFile({
    stream: piecesOf(bytes),
    readBytes: (start, end) => piecesOf(bytes.subarray(start, end)),
    sizeBytes: bytes.length,
    key,
    declared,
    schema,
    maxRecordBytes,
    platform: BROWSER_PLATFORM,
  });
  const canonical: Buffer[] = [];
  async function* noted(): AsyncGenerator<Buffer, void, void> {
    for await (const piece of source.bytes) {
      canonical.push(Buffer.from(piece));
      yield piece;
    }
  }
  let records = 0;
  const errors: [number, string][] = [];
  const options = { maxRecordBytes, columnTypes, isUtf8: BROWSER_PLATFORM.isUtf8 };
  for await (const prepared of prepareRecords({ ...source, bytes: noted() }, options)) {
    records += prepared.length;
    for (const { rowNumber, faults } of prepared) if (faults[0]) errors.push([rowNumber, faults[0].code]);
  }
  return { format: source.format, canonicalBase64: Buffer.concat(canonical).toString('base64'), records, errors };
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** @returns what is wrong with the schema or the pattern; null when both are right */
export function checkSchema(schema: string, pattern: string): string | null {
  try {
    compileSchema(JSON.parse(schema), null);
    compilePattern(pattern, 'pattern');
    return null;
  } catch (error) {
    return String(error);
  }
}
