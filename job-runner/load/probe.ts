/**
 * Looks the keys of rows up before the rows are written. Rows with new keys go straight into the table, as if there had
 * been no conflict; a merge would write every row twice and sort all of them. The answer holds only for the moment of
 * the lookup: a key that somebody else stores between the lookup and the write is an ordinary conflict.
 */
import type { ClientBase } from 'pg';
import pg from 'pg';
import { compareKeys, type MergeOptions, STAGE_ROW } from './merge.ts';

export interface Probe {
  /** Positions of the key's columns among the table's columns, ascending. */
  columns: readonly number[];
  /** COPY of the key's columns and a row number into the stage of the merge. */
  copyKeys: string;
  /** Empties the stage and returns the rows whose keys are stored in the table, or were staged more than once. */
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
    // LIMIT makes PostgreSQL look each key up by the index; a table that has just been filled has misleading
    // statistics.
    ask: `WITH asked AS (DELETE FROM ${staged} RETURNING ${keyList}, ${STAGE_ROW}),
      repeated AS (SELECT ${keyList} FROM asked GROUP BY ${keyList} HAVING count(*) > 1)
      SELECT s.${STAGE_ROW}::float8 AS row, r.${keys[0]} IS NOT NULL AS repeated FROM asked s
      LEFT JOIN LATERAL (SELECT true AS found FROM ${table} t WHERE ${sameKey('t', 's')} LIMIT 1) t ON true
      LEFT JOIN repeated r ON ${sameKey('r', 's')}
      WHERE t.found OR r.${keys[0]} IS NOT NULL`,
  };
}

export interface ProbeResult {
  /** Row numbers of the rows whose key is stored already or was staged more than once. */
  contested: Set<number>;
  /** Were keys staged more than once? */
  repeated: boolean;
}

/** Asks about the keys that {@link Probe.copyKeys} has staged. */
export async function askProbe(client: ClientBase, { ask }: Probe): Promise<ProbeResult> {
  const { rows } = await client.query<{ row: number; repeated: boolean }>(ask);
  return { contested: new Set(rows.map(({ row }) => row)), repeated: rows.some(({ repeated }) => repeated) };
}
