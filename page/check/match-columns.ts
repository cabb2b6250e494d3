/** Matches a file's columns with the fields of a schema, as the job runner does, for a person who maps them. Pure. */
import { fileSchema } from '#api/file-schema.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ColumnMapping } from '#api/source-format.ts';
import { allowsUnknown, findColumns } from '#runner/csv/header.ts';

export interface MatchedColumns {
  /** True when a CSV or a workbook with this header is loaded. NDJSON is loaded in any case, record by record. */
  fits: boolean;
  /** The field of each column of the header; null where there is none. */
  fieldOfColumn: (string | null)[];
  /** The position of each field's column in the header; -1 for a field without a column. */
  positions: number[];
  /** The fields that must have a column and have none. */
  missing: string[];
  /** The columns that are no field, although the schema wants each of them to be one. */
  unknown: string[];
  /** The columns whose field another column is. */
  repeated: string[];
  /** The columns that are left out, because the mapping says so or because the schema allows other columns. */
  ignored: string[];
  /** The columns of the mapping that the file does not have. */
  absent: string[];
  /** True when the schema wants its own order, and the file has another one. */
  isDisordered: boolean;
}

/** @param columns what the person has said of single columns: it wins over all names */
export function matchColumns(
  header: readonly string[],
  spec: RecordSchemaSpec,
  columns: ColumnMapping[] = [],
): MatchedColumns {
  const found = findColumns(header, fileSchema(spec, { columns }));
  const { names, positions, absent, missing, isDisordered } = found;
  const others = found.unknown.map((i) => names[i]!);
  const unknown = allowsUnknown(spec) ? [] : others;
  const repeated = [...found.repeated].map((i) => names[i]!);
  const leftOut = [...found.leftOut].map((i) => names[i]!);
  const problems = [...absent, ...missing, ...unknown, ...repeated];
  return {
    fits: problems.length === 0 && !isDisordered && positions.some((position) => position !== -1),
    fieldOfColumn: names.map((_, i) => spec.fields[positions.indexOf(i)]?.name ?? null),
    positions,
    missing,
    unknown,
    repeated,
    ignored: allowsUnknown(spec) ? [...leftOut, ...others] : leftOut,
    absent,
    isDisordered,
  };
}
