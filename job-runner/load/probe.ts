/**
 * The keys of some rows are looked up first, so that rows whose keys nobody has go straight into the table, as if there had
 * been no conflict: a merge writes every row twice, and sorts them. What is found is so at the time of the question; a row that
 * is new then and not when it is written is a conflict as any other.
 */
import type { ClientBase } from 'pg';
import pg from 'pg';
import { compareKeys, type MergeOptions, STAGE_ROW } from './merge.ts';

export interface Probe {
  /** Of the table's columns, in their order: the positions of those of the key. */
  columns: readonly number[];
  /** Of the same columns and a row number, into the stage of the merge. */
  copyKeys: string;
  /** Empties the stage and says which of its keys are stored, or were in it more than once. */
  ask: string;
}

export function describeProbe({ table, columns, key, stage }: MergeOptions): Probe {
  const positions = key.map((name) => columns.indexOf(name)).sort((a, b) => a - b);
  const keys = key.map(pg.escapeIdentifier);
  const keyList = keys.join(', ');
  const staged = `pg_temp.${stage}`;
  const sameKey = compareKeys(keys);
  return {
    columns: positions,
    copyKeys: `COPY ${staged} (${positions.map((at) => pg.escapeIdentifier(columns[at]!)).join(', ')}, ${STAGE_ROW}) FROM STDIN`,
    // LIMIT: each key by the index, whatever the statistics of a table that has just been filled.
    ask: `WITH asked AS (DELETE FROM ${staged} RETURNING ${keyList}, ${STAGE_ROW}),
      repeated AS (SELECT ${keyList} FROM asked GROUP BY ${keyList} HAVING count(*) > 1)
      SELECT s.${STAGE_ROW}::float8 AS row, r.${keys[0]} IS NOT NULL AS repeated FROM asked s
      LEFT JOIN LATERAL (SELECT true AS found FROM ${table} t WHERE ${sameKey('t', 's')} LIMIT 1) t ON true
      LEFT JOIN repeated r ON ${sameKey('r', 's')}
      WHERE t.found OR r.${keys[0]} IS NOT NULL`,
  };
}

export interface ProbeResult {
  /** Row numbers of those that are not simply new. */
  contested: Set<number>;
  /** Some have the same key. */
  repeated: boolean;
}

/** About the keys that were copied by {@link Probe.copyKeys}. */
export async function askProbe(client: ClientBase, { ask }: Probe): Promise<ProbeResult> {
  const { rows } = await client.query<{ row: number; repeated: boolean }>(ask);
  return { contested: new Set(rows.map(({ row }) => row)), repeated: rows.some(({ repeated }) => repeated) };
}
