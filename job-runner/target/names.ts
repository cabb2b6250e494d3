/** Names in the target table, as the statements of a load and of its verification use them. */
import pg from 'pg';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';

/**
 * A session's temporary tables. They hide any other table that is named without its schema and has one of these names.
 */
export const STAGES = {
  records: 'batch_upload_records',
  probe: 'batch_upload_probe',
  asked: 'batch_upload_asked',
  keys: 'batch_upload_keys',
  references: 'batch_upload_references',
} as const;

/** The target's columns for the upload's id and the row number. */
export interface OwnerColumns {
  uploadId: string;
  rowNumber: string;
}

/** Quotes `table` or `schema.table`. */
export function quoteTable(table: string): string {
  return table.split('.').map(pg.escapeIdentifier).join('.');
}

/** @returns the columns of the target that hold the primary key's fields: none where records are appended. */
export function keyColumns(schema: RecordSchemaSpec): string[] {
  return (schema.primaryKey ?? []).map((field) => {
    const column = schema.target.columns.find((candidate) => candidate.field === field);
    if (!column) throw new Error(`no column of the target gets the key field ${field}`);
    return column.name;
  });
}

/**
 * Finds the columns for the upload's id and the row number, by which the winner of equal keys is chosen; null unless
 * both exist.
 */
export function ownerColumns({ target }: RecordSchemaSpec): OwnerColumns | null {
  const find = (name: 'uploadId' | 'rowNumber') => target.columns.find(({ system }) => system === name)?.name;
  const uploadId = find('uploadId');
  const rowNumber = find('rowNumber');
  return uploadId && rowNumber ? { uploadId, rowNumber } : null;
}

/** With both owner columns one row of a file can displace another one. Update replaces stored rows. */
export function replacesRows(schema: RecordSchemaSpec): boolean {
  if (keyColumns(schema).length === 0) return false;
  return schema.target.onDuplicate === 'Update' || ownerColumns(schema) !== null;
}

/** The stage's own column for the row number; {@link STAGES} says which tables are stages. */
export const STAGE_ROW_NAME = 'row of the stage';

/** PostgreSQL's own columns of every table. */
export const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);
