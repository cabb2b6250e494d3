/**
 * Asks which rows refer to nothing, before the rows are written. PostgreSQL looks at foreign keys behind the last row of a
 * COPY, and names no line. The question is about what is stored: a row that refers to another row of the same COPY is
 * found, too, and merged behind it.
 */
import type { ClientBase } from 'pg';
import pg from 'pg';
import { sqlState } from '#ledger/connection/postgres.ts';
import { STAGES } from '#runner/target/names.ts';
import { type ForeignKey, readForeignKeys } from './foreign-keys.ts';
import { STAGE_ROW } from './merge.ts';
import { type CopyOptions, copyAll } from './stage-records.ts';
import type { Target } from './target.ts';
import { refersTo } from './waiting-rows.ts';

interface Question {
  /** Positions of the columns of all foreign keys among the table's columns, ascending. */
  columns: readonly number[];
  copy: string;
  ask: string;
}

/** The questions of connections, each of which keeps a stage for its own. */
const QUESTIONS = new WeakMap<ClientBase, Question>();

/**
 * Prepares the question of a connection, if the table has a foreign key that can be asked about. A foreign key that is
 * added later is not asked about, and refuses its rows as if there were no question.
 */
export async function prepareQuestion(client: ClientBase, target: Target): Promise<void> {
  const keys = await readForeignKeys(client, target);
  if (keys.length === 0) return;
  const columns = [...new Set(keys.flatMap((key) => key.columns.map((name) => target.columns.indexOf(name))))];
  columns.sort((a, b) => a - b);
  const names = columns.map((at) => pg.escapeIdentifier(target.columns[at]!));
  const stage = `pg_temp.${STAGES.asked}`;
  await client.query(`DROP TABLE IF EXISTS ${stage}; CREATE TEMPORARY TABLE ${STAGES.asked} ON COMMIT DELETE ROWS AS
    SELECT ${names.join(', ')}, 0::bigint AS ${STAGE_ROW} FROM ${target.table} WITH NO DATA`);
  const ask = keys.map((key) => askKey(stage, key)).join(' UNION ');
  QUESTIONS.set(client, { columns, copy: `COPY ${stage} FROM STDIN`, ask });
}

/** @returns the row numbers of the rows that refer to nothing; null when there is no foreign key to ask about */
export async function askReferences(
  { client, buffer }: CopyOptions,
  rows: readonly number[],
): Promise<Set<number> | null> {
  const question = QUESTIONS.get(client);
  if (!question) return null;
  const parts = buffer.selectColumns(rows, question.columns);
  await copyAll(client, question.copy, { parts, count: rows.length, format: buffer.format });
  await client.query('SAVEPOINT ask');
  try {
    const found = await client.query<[number]>({ text: question.ask, rowMode: 'array' });
    return new Set(found.rows.map(([row]) => row));
  } catch (error) {
    // A table that is referred to has another name by now, or the role may not read it any more. PostgreSQL's own look at
    // a foreign key needs neither.
    if (!sqlState(error)?.startsWith('42')) throw error;
    await client.query('ROLLBACK TO SAVEPOINT ask');
    QUESTIONS.delete(client);
    return null;
  }
}

/** LIMIT makes PostgreSQL look each value up by the index, whatever it believes of a table that was never analyzed. */
function askKey(stage: string, key: ForeignKey): string {
  const isGiven = key.columns.map((name) => `s.${pg.escapeIdentifier(name)} IS NOT NULL`).join(' AND ');
  return `SELECT s.${STAGE_ROW}::float8 FROM ${stage} s
    LEFT JOIN LATERAL (SELECT true AS found FROM ${key.referenced} t WHERE ${refersTo('t', key)} LIMIT 1) t ON true
    WHERE ${isGiven} AND t.found IS NULL`;
}
