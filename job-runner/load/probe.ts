/**
 * Looks the keys of rows up before the rows are written. Rows with new keys go straight into the table, as if there had
 * been no conflict; a merge would write every row twice and sort all of them. The answer holds only for the moment of
 * the lookup: a key that somebody else stores between the lookup and the write is an ordinary conflict.
 */
import type { ClientBase } from 'pg';
import pg from 'pg';
import { STAGES } from '#runner/target/names.ts';
import { compareKeys, type MergeOptions, STAGE_ROW } from './merge.ts';

export interface Probe {
  /** Positions of the key's columns among the table's columns, ascending. */
  columns: readonly number[];
  createStage: string;
  /** COPY of the key's columns and a row number into the stage of the probe. */
  copyKeys: string;
  /** Returns the row numbers whose keys are stored in the table. */
  ask: string;
}

export function describeProbe({ table, columns, key }: MergeOptions): Probe {
  const positions = key.map((name) => columns.indexOf(name)).sort((a, b) => a - b);
  const keys = positions.map((at) => pg.escapeIdentifier(columns[at]!));
  const staged = `pg_temp.${STAGES.probe}`;
  return {
    columns: positions,
    createStage: `DROP TABLE IF EXISTS ${staged}; CREATE TEMPORARY TABLE ${STAGES.probe} ON COMMIT DELETE ROWS AS
      SELECT ${keys.join(', ')}, 0::bigint AS ${STAGE_ROW} FROM ${table} WITH NO DATA`,
    copyKeys: `COPY ${staged} FROM STDIN`,
    // LIMIT makes PostgreSQL look each key up by the index; a table that has just been filled has misleading
    // statistics.
    ask: `SELECT s.${STAGE_ROW}::float8 FROM ${staged} s
      CROSS JOIN LATERAL (SELECT FROM ${table} t WHERE ${compareKeys(keys)('t', 's')} LIMIT 1) t`,
  };
}

/** Asks about the keys that {@link Probe.copyKeys} has staged. @returns the row numbers of the keys that are stored. */
export async function askProbe(client: ClientBase, { ask }: Probe): Promise<Set<number>> {
  const { rows } = await client.query<[number]>({ text: ask, rowMode: 'array' });
  return new Set(rows.map(([row]) => row));
}
