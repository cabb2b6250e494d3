/** The statements of one target table, made once per session. */
import { isDeepStrictEqual } from 'node:util';
import type { ClientBase, QueryResult } from 'pg';
import pg from 'pg';
import { Fault } from '#runner/errors.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import type { RecordSchemaSpec } from '#runner/processor/record-schema.gen.ts';
import { describeMerge, type Merge } from './merge.ts';

export type OnDuplicate = RecordSchemaSpec['target']['onDuplicate'];

export interface Target {
  /** Quoted. */
  table: string;
  columns: readonly string[];
  copyIntoTarget: string;
  merge: Merge;
  onDuplicate: OnDuplicate;
  /** Mode Validate: all is written as ever, and nothing of it stays in the table. */
  rolledBack: boolean;
  /** Set when the table cannot tell the rows of this upload from others, and that matters; see write-by-keys.ts. */
  keys: KeyRegister | null;
}

/** Keys of an upload in the ledger. Merged like records, so that of equal keys the same one stays. */
export interface KeyRegister {
  merge: Merge;
  /** Hashes what is staged for the target, for the upload $1. */
  stage: string;
}

/** Quotes `table` or `schema.table`. */
export function quoteTable(table: string): string {
  return table.split('.').map(pg.escapeIdentifier).join('.');
}

/** Columns of the target that hold the primary key's fields. */
export function keyColumns(schema: RecordSchemaSpec): string[] {
  return schema.primaryKey.map((field) => {
    const column = schema.target.columns.find((candidate) => candidate.field === field);
    if (!column) throw new Error(`no column of the target gets the key field ${field}`);
    return column.name;
  });
}

/** Columns for the upload's id and the row number, by which the row that stays is chosen; null without both. */
export function ownerColumns({ target }: RecordSchemaSpec): Merge['owner'] {
  const find = (name: 'uploadId' | 'rowNumber') => target.columns.find(({ system }) => system === name)?.name;
  const uploadId = find('uploadId');
  const rowNumber = find('rowNumber');
  return uploadId && rowNumber ? { uploadId, rowNumber } : null;
}

export function describeTarget(schema: RecordSchemaSpec, { rolledBack = false } = {}): Target {
  const table = quoteTable(schema.target.table);
  const columns = schema.target.columns.map(({ name }) => name);
  const { onDuplicate = 'Skip' } = schema.target;
  const owner = ownerColumns(schema);
  // What refers to a stored row by its id goes on doing so.
  const kept = schema.target.columns.filter(({ system }) => system === 'uuid').map(({ name }) => name);
  const merge = describeMerge({ table, columns, kept, key: keyColumns(schema), owner, onDuplicate, stage: 'records' });
  const byKeys = rolledBack || (onDuplicate === 'Update' && owner === null);
  return {
    ...{ table, columns },
    copyIntoTarget: `COPY ${table} (${columns.map(pg.escapeIdentifier).join(', ')}) FROM STDIN`,
    merge,
    onDuplicate,
    rolledBack,
    keys: byKeys ? describeKeys(merge, onDuplicate) : null,
  };
}

/**
 * PostgreSQL's hashes of a row are equal where its index says that the keys are, whatever their type and collation. With two
 * of 64 bits, keys of a billion records are confused with a chance of 1 in 10^20.
 */
function describeKeys(records: Merge, onDuplicate: OnDuplicate): KeyRegister {
  const merge = describeMerge({
    table: 'batch_upload.batch_upload_keys',
    columns: ['batch_upload_id', 'hash_1', 'hash_2', 'row_number'],
    key: ['batch_upload_id', 'hash_1', 'hash_2'],
    owner: { uploadId: 'batch_upload_id', rowNumber: 'row_number' },
    onDuplicate,
    stage: 'keys',
  });
  const key = `ROW(${records.key.join(', ')})`;
  return {
    merge,
    stage: `INSERT INTO ${merge.stage} SELECT $1, hash_record_extended(${key}, 1), hash_record_extended(${key}, 2),
      _row_number, _row_number FROM ${records.stage}`,
  };
}

/**
 * Of the target's columns, in their order; the oid 0 for one that is not there, and for all when this role could not hold
 * them by {@link lockColumnTypes}: a right on columns is enough to insert, and not to lock.
 */
export async function readColumnTypes(client: ClientBase, target: Target): Promise<ColumnType[]> {
  const { rows } = await client.query<TypedColumn>(
    `${columnTypesSql(target.table)} AND has_table_privilege(attrelid, 'INSERT')`,
  );
  return inOrder(target, rows);
}

interface TypedColumn extends ColumnType {
  name: string;
}

const columnTypesSql = (table: string) =>
  `SELECT attname AS name, atttypid::int AS oid, atttypmod AS modifier FROM pg_attribute
   WHERE attrelid = ${pg.escapeLiteral(table)}::regclass AND attnum > 0 AND NOT attisdropped`;

const NO_TYPE: ColumnType = { oid: 0, modifier: -1 };

function inOrder({ columns }: Target, rows: readonly TypedColumn[]): ColumnType[] {
  const types = new Map(rows.map(({ name, oid, modifier }) => [name, { oid, modifier }]));
  return columns.map((name) => types.get(name) ?? NO_TYPE);
}

/**
 * Locks the target as COPY does, until the transaction ends, and asks whether its columns have the types that rows
 * were encoded for: an integer read as a date would be no error for PostgreSQL.
 * @throws Fault DB_TARGET_CHANGED
 */
export async function lockColumnTypes(
  client: ClientBase,
  target: Target,
  expected: readonly ColumnType[],
): Promise<void> {
  const { table, merge } = target;
  const results = await client.query(
    `LOCK TABLE ONLY ${table} IN ROW EXCLUSIVE MODE; ${columnTypesSql(table)}; ${columnTypesSql(merge.stage)}`,
  );
  const [, ...tables] = results as unknown as QueryResult<TypedColumn>[];
  for (const { rows } of tables) {
    if (isDeepStrictEqual(inOrder(target, rows), expected)) continue;
    throw new Fault({
      code: 'DB_TARGET_CHANGED',
      category: 'retryable',
      restart: true,
      reason: 'DatabaseError',
      message: `The columns of ${table} were changed while records were prepared for them. They are prepared again.`,
    });
  }
}

/** Prepares a session for {@link Target}; @throws what PostgreSQL says, for example 42P01 when the table is gone. */
export async function prepareSession(client: ClientBase, target: Target): Promise<void> {
  await client.query(target.merge.createStage);
  if (target.keys) await client.query(target.keys.merge.createStage);
}
