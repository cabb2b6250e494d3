/** The statements of one target table, made once per session. */
import type { ClientBase } from 'pg';
import pg from 'pg';
import type { RecordSchemaSpec } from '#runner/processor/record-schema.gen.ts';

export interface Target {
  /** Column names in the order of `schema.target.columns`. */
  columns: string[];
  createStage: string;
  clearStage: string;
  copyIntoTarget: string;
  copyIntoStage: string;
  /** Inserts what is staged; returns the row numbers that did not go in. */
  insertStaged: string;
  /** The staged records that must take the place of a later one of the same upload; null without the two system columns. */
  lockDisplaced: string | null;
  displace: string | null;
}

const STAGE = 'pg_temp.batch_upload_stage';
const ROW = '_row_number';

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

/**
 * Two ways to write, both by COPY. Optimistic: straight into the target. Merge: into a temporary table (one per
 * session, emptied at every commit: one per chunk would bloat the catalog), then INSERT in the order of the key, so that
 * pods rarely deadlock, and find the duplicates by what did not go in.
 */
export function describeTarget(schema: RecordSchemaSpec): Target {
  const table = quoteTable(schema.target.table);
  const columns = schema.target.columns.map(({ name }) => name);
  const list = columns.map(pg.escapeIdentifier).join(', ');
  const key = keyColumns(schema).map(pg.escapeIdentifier);
  const keyList = key.join(', ');
  const system = (name: 'uploadId' | 'rowNumber') => {
    const column = schema.target.columns.find((candidate) => candidate.system === name);
    return column ? pg.escapeIdentifier(column.name) : null;
  };
  const uploadId = system('uploadId');
  const rowNumber = system('rowNumber');
  const sameKey = (a: string, b: string) => key.map((column) => `${a}.${column} = ${b}.${column}`).join(' AND ');
  return {
    columns,
    createStage: `CREATE TEMPORARY TABLE batch_upload_stage ON COMMIT DELETE ROWS AS
      SELECT ${list}, 0::bigint AS ${ROW} FROM ${table} WITH NO DATA`,
    clearStage: `DELETE FROM ${STAGE}`,
    copyIntoTarget: `COPY ${table} (${list}) FROM STDIN`,
    copyIntoStage: `COPY ${STAGE} (${list}, ${ROW}) FROM STDIN`,
    insertStaged: `WITH first AS MATERIALIZED (
        SELECT DISTINCT ON (${keyList}) * FROM ${STAGE} ORDER BY ${keyList}, ${ROW}),
      inserted AS (
        INSERT INTO ${table} (${list}) SELECT ${list} FROM first ORDER BY ${keyList}
        ON CONFLICT (${keyList}) DO NOTHING RETURNING ${keyList})
      SELECT s.${ROW}::float8 AS row FROM ${STAGE} s
      WHERE NOT EXISTS (SELECT FROM inserted i WHERE ${sameKey('i', 's')})
         OR NOT EXISTS (SELECT FROM first f WHERE f.${ROW} = s.${ROW})
      ORDER BY 1`,
    lockDisplaced:
      uploadId && rowNumber
        ? `SELECT s.${ROW}::float8 AS row, t.${rowNumber}::float8 AS displaced
           FROM ${table} t JOIN (
             SELECT DISTINCT ON (${keyList}) * FROM ${STAGE} WHERE ${ROW} = ANY($1) ORDER BY ${keyList}, ${ROW}) s
             ON ${sameKey('t', 's')}
           WHERE t.${uploadId} = $2 AND t.${rowNumber} > s.${ROW}
           ORDER BY ${key.map((column) => `s.${column}`).join(', ')} FOR UPDATE OF t`
        : null,
    displace:
      uploadId && rowNumber
        ? `UPDATE ${table} t SET ${columns.map((name) => `${pg.escapeIdentifier(name)} = s.${pg.escapeIdentifier(name)}`).join(', ')}
           FROM ${STAGE} s WHERE s.${ROW} = ANY($1) AND ${sameKey('t', 's')}`
        : null,
  };
}

/** Prepares a session for {@link Target}; @throws what PostgreSQL says, for example 42P01 when the table is gone. */
export async function prepareSession(client: ClientBase, target: Target): Promise<void> {
  await client.query(target.createStage);
}
