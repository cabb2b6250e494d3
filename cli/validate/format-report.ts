/** What a person reads of a checked file, and what a program does. Pure. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { SourceFormat } from '#api/source-format.ts';
import type { Paint } from '#cli/io/paint.ts';
import { count } from '#common/text.ts';
import { type CodeReport, type FileReport, failsByKeys } from './check-file.ts';

export interface ReportContext {
  file: string;
  schema: RecordSchemaSpec;
  durationMs: number;
}

export function formatJson(report: FileReport, { file, schema, durationMs }: ReportContext): string {
  const document = { file, ...report, ok: isOk(report, schema), onDuplicate: schema.target.onDuplicate, durationMs };
  return `${JSON.stringify(document, null, 2)}\n`;
}

export function isOk(report: FileReport, schema: RecordSchemaSpec): boolean {
  return report.failed === 0 && !failsByKeys(schema, report);
}

export function formatText(report: FileReport, context: ReportContext, paint: Paint): string {
  const { schema } = context;
  const lines = [
    ...report.faults.flatMap((fault) => [...formatCode(fault, paint), '']),
    ...formatKeys(report, schema, paint),
    ...formatSummary(report, context, paint),
  ];
  return `${lines.join('\n')}\n`;
}

function formatCode({ code, count: faults, first }: CodeReport, paint: Paint): string[] {
  const rowWidth = Math.max(...first.map(({ row }) => String(row).length));
  const fieldWidth = Math.min(24, Math.max(...first.map(({ field }) => (field ?? '').length)));
  const rows = first.map(({ row, field, message }) => {
    const place = `row ${String(row).padStart(rowWidth)}  ${paint('cyan', (field ?? '').padEnd(fieldWidth))}`;
    return `  ${place}${fieldWidth > 0 ? '  ' : ''}${message}`;
  });
  const others = faults - first.length;
  const rest = others > 0 ? [paint('dim', `  … and ${others.toLocaleString('en')} more`)] : [];
  return [`${paint('red', paint('bold', code))}  ${count(faults, 'fault')}`, ...rows, ...rest];
}

function formatKeys({ repeatedKeys }: FileReport, schema: RecordSchemaSpec, paint: Paint): string[] {
  if (repeatedKeys === null) return [];
  const { records, firstRows, complete } = repeatedKeys;
  const key = schema.primaryKey.join(', ');
  const notLooked = `The file has so many keys that equal ones were looked for in its first part only.`;
  if (records === 0) return complete ? [] : [paint('yellow', notLooked), ''];
  const what = {
    Skip: 'An upload keeps the first record of each key and counts the others as duplicates.',
    Update: 'An upload keeps the last record of each key and counts the others as duplicates.',
    Fail: 'An upload keeps the first record of each key and refuses the others with DUP_001.',
  }[schema.target.onDuplicate];
  const rows = `row${firstRows.length === 1 ? '' : 's'} ${firstRows.join(', ')}${records > firstRows.length ? ', …' : ''}`;
  const title = paint(schema.target.onDuplicate === 'Fail' ? 'red' : 'yellow', paint('bold', 'Equal keys'));
  return [
    `${title}  ${count(records, 'record')} with the key (${key}) of an earlier record: ${rows}`,
    `  ${what}`,
    ...(complete ? [] : [`  ${notLooked}`]),
    '',
  ];
}

function formatSummary(report: FileReport, { file, schema, durationMs }: ReportContext, paint: Paint): string[] {
  const { records, failed } = report;
  const seconds = Math.max(durationMs, 1) / 1000;
  const speed = `${seconds.toFixed(seconds < 10 ? 2 : 0)} s, ${Math.round(records / seconds).toLocaleString('en')} records/s`;
  const aside = paint('dim', `${describeFormat(report.format)} · ${speed}`);
  const stored = paint('dim', 'Only the database can say which keys are stored already.');
  if (isOk(report, schema)) {
    const all =
      records === 0
        ? 'the file has no records'
        : records === 1
          ? 'the one record is valid'
          : `all ${count(records, 'record')} are valid`;
    return [
      `${paint('green', '✔')} ${file}: ${paint('bold', all)}`,
      `  ${aside}`,
      ...(records > 0 && schema.primaryKey.length > 0 ? [`  ${stored}`] : []),
    ];
  }
  const what =
    failed > 0
      ? `${failed.toLocaleString('en')} of ${count(records, 'record')} ${failed === 1 ? 'fails' : 'fail'}`
      : `${count(report.repeatedKeys!.records, 'record')} of ${records.toLocaleString('en')} would be refused`;
  return [
    `${paint('red', '✘')} ${file}: ${paint('bold', what)}, ${report.valid.toLocaleString('en')} valid`,
    `  ${aside}`,
  ];
}

const DELIMITERS: Record<string, string> = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'pipes' };

/** As in `CSV with semicolons, windows-1252, in gzip`. */
export function describeFormat({ type, compression, encoding, delimiter }: SourceFormat): string {
  const kind = { csv: 'CSV', ndjson: 'NDJSON', xlsx: 'XLSX workbook' }[type];
  const between = delimiter === null ? '' : ` with ${DELIMITERS[delimiter] ?? `the delimiter ${delimiter}`}`;
  const text = encoding === null ? '' : `, ${encoding.toUpperCase()}`;
  return `${kind}${between}${text}${compression === 'none' ? '' : `, in ${compression}`}`;
}
