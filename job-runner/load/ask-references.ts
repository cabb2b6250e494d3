/**
 * Asks which rows refer to nothing, before the rows are written. PostgreSQL looks at foreign keys behind the last row of a
 * COPY, and names no line. The question is about what is stored: a row that refers to another row of the same COPY is
 * found, too, and merged behind it.
 */
import type { ClientBase } from 'pg';
import pg from 'pg';
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

/**
 * The question of a connection, which keeps a stage for it; null where the table has no foreign key that can be asked
 * about. Foreign keys that are added or dropped later make the answer incomplete, and never wrong what is written.
 */
const QUESTIONS = new WeakMap<ClientBase, Question | null>();

/** @returns the row numbers of the rows that refer to nothing; null when the table has no foreign key to ask about */
export async function askReferences({ client, target, buffer }: CopyOptions, rows: readonly number[]) {
  if (!QUESTIONS.has(client)) QUESTIONS.set(client, await prepareQuestion(client, target));
  const question = QUESTIONS.get(client);
  if (!question) return null;
  const parts = buffer.selectColumns(rows, question.columns);
  await copyAll(client, question.copy, { parts, count: rows.length, format: buffer.format });
  const found = await client.query<[number]>({ text: question.ask, rowMode: 'array' });
  return new Set(found.rows.map(([row]) => row));
}

async function prepareQuestion(client: ClientBase, target: Target): Promise<Question | null> {
  const keys = await readForeignKeys(client, target);
  if (keys.length === 0) return null;
  const columns = [...new Set(keys.flatMap((key) => key.columns.map((name) => target.columns.indexOf(name))))];
  columns.sort((a, b) => a - b);
  const names = columns.map((at) => pg.escapeIdentifier(target.columns[at]!));
  const stage = `pg_temp.${STAGES.asked}`;
  await client.query(`CREATE TEMPORARY TABLE ${STAGES.asked} ON COMMIT DELETE ROWS AS
    SELECT ${names.join(', ')}, 0::bigint AS ${STAGE_ROW} FROM ${target.table} WITH NO DATA`);
  return { columns, copy: `COPY ${stage} FROM STDIN`, ask: keys.map((key) => askKey(stage, key)).join(' UNION ') };
}

/** LIMIT makes PostgreSQL look each value up by the index, whatever it believes of a table that was never analyzed. */
function askKey(stage: string, key: ForeignKey): string {
  const isGiven = key.columns.map((name) => `s.${pg.escapeIdentifier(name)} IS NOT NULL`).join(' AND ');
  return `SELECT s.${STAGE_ROW}::float8 FROM ${stage} s
    LEFT JOIN LATERAL (SELECT true AS found FROM ${key.referenced} t WHERE ${refersTo('t', key)} LIMIT 1) t ON true
    WHERE ${isGiven} AND t.found IS NULL`;
}
