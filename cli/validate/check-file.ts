/** Checks all records of a file by a schema, as an upload would, without a database. Pure: a page can run this file, too. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { SourceFormat } from '#api/source-format.ts';
import type { InputFile, OpenOptions } from '#cli/input-file.ts';
import { createKeyCounter, type PreparedRecord, prepareRecords, type RecordFault } from '#runner/record-processor.ts';
import { type OpenedFile, openFile } from '#runner/source/open-file.ts';

export interface CheckOptions extends OpenOptions {
  schema: RecordSchemaSpec;
  /** The first rows of each code that the report shows. */
  rowsOfCode: number;
  /** The most keys that are remembered to find equal ones. */
  maxKeys: number;
  /** Called once, before the first record. */
  onHeader?(header: readonly string[], file: Pick<OpenedFile, 'format' | 'schema'>): void;
  /** Called for every failed record in order; the record's bytes are valid until the call's promise is settled. */
  onFailed?(record: PreparedRecord): void | Promise<void>;
  /** Called for every block of records with the number of records so far. */
  onProgress?(records: number): void;
}

export interface FileReport {
  format: SourceFormat;
  records: number;
  valid: number;
  failed: number;
  /** The faults by their code, the most frequent first. */
  faults: CodeReport[];
  /** Equal keys within the file; null where the schema has no key. */
  repeatedKeys: RepeatedKeys | null;
}

export interface CodeReport {
  code: string;
  /** Faults, of which a record may have several. */
  count: number;
  first: { row: number; field: string | null; message: string }[];
}

export interface RepeatedKeys {
  /** Valid records whose key an earlier record of the file has. */
  records: number;
  firstRows: readonly number[];
  /** False when the file has more keys than were remembered, so that there may be more. */
  complete: boolean;
}

/** @throws Fault for a file that fails as a whole, SchemaError, and what reading throws */
export async function checkFile(file: InputFile, options: CheckOptions): Promise<FileReport> {
  const { schema, platform, maxRecordBytes, rowsOfCode, maxKeys, onHeader, onFailed, onProgress } = options;
  const source = await openFile({ ...file, ...options, stream: file.stream() });
  const codes = new Map<string, CodeReport>();
  const keys = createKeyCounter(schema, { maxKeys, maxRows: rowsOfCode });
  let records = 0;
  let failed = 0;
  const prepared = prepareRecords(source, {
    maxRecordBytes,
    isUtf8: platform.isUtf8,
    onHeader: (header) => onHeader?.(header, source),
    ...(keys ? { onRows: (rows) => keys.add(rows) } : {}),
  });
  for await (const block of prepared) {
    records += block.length;
    for (const record of block) {
      if (record.faults.length === 0) continue;
      failed += 1;
      for (const fault of record.faults) addFault(codes, record.rowNumber, fault, rowsOfCode);
      await onFailed?.(record);
    }
    onProgress?.(records);
  }
  return {
    format: source.format,
    records,
    valid: records - failed,
    failed,
    faults: [...codes.values()].sort((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1)),
    repeatedKeys: keys && { records: keys.repeated, firstRows: keys.firstRows, complete: keys.complete },
  };
}

function addFault(codes: Map<string, CodeReport>, row: number, fault: RecordFault, rowsOfCode: number): void {
  const { code, field, message } = fault;
  let report = codes.get(code);
  if (!report) {
    report = { code, count: 0, first: [] };
    codes.set(code, report);
  }
  report.count += 1;
  if (report.first.length < rowsOfCode) report.first.push({ row, field, message });
}

/** `Fail` refuses all records of equal keys but one, so that the file does not load as a whole. */
export function failsByKeys({ target }: RecordSchemaSpec, { repeatedKeys }: FileReport): boolean {
  return target.onDuplicate === 'Fail' && repeatedKeys !== null && repeatedKeys.records > 0;
}
