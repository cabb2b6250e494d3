/**
 * Judges pending records in mode Validate. The rows that they refer to are not in the table, since every chunk was
 * rolled back: a row counts as stored when its key is in the ledger's list of the upload's keys. A record that does not
 * wait is tried all the same, because it may break another rule of the table. PostgreSQL checks foreign keys after every
 * other rule, at the end of a statement, so a statement that only a foreign key refuses has rows that keep the others.
 */
import type { ClientBase } from 'pg';
import { sqlState } from '#ledger/connection/postgres.ts';
import { hasRowTriggers, hasUnreadableKeys } from './foreign-keys.ts';
import { compareKeys, mergeStaged, STAGE_ROW } from './merge.ts';
import { keyOf, type Target } from './target.ts';
import { findWaitingByCatalog } from './waiting-rows.ts';
import { registerKeys, type WriteByKeysOptions, without } from './write-by-keys.ts';
import {
  attempt,
  emptyOutcome,
  explainRefusal,
  FOREIGN_KEY_VIOLATION,
  findWaiting,
  type RefusedRow,
  runAndRollBack,
  stageRecords,
  type WriteOutcome,
} from './write-records.ts';

export async function validatePending(options: WriteByKeysOptions): Promise<WriteOutcome> {
  const { client, target, uploadId } = options;
  const waiting = await findWaiting(options, (...args) => findWaitingByCatalog(...args, uploadId));
  const others = without(options, numbersOf(waiting));
  const stored = await findStored(others);
  const isUpdate = target.onDuplicate === 'Update';
  const isSure = !(await hasRowTriggers(client, target)) && !(await hasUnreadableKeys(client, target));
  const outcome = { ...emptyOutcome('merge'), waiting, lost: isUpdate ? [] : stored };
  await runAndRollBack(client, async () => {
    await tryRows(without(others, stored), outcome, isSure);
    if (isUpdate) await tryRows({ ...others, rows: stored }, outcome, isSure);
  });
  const accepted = without(others, [...outcome.lost, ...numbersOf([...outcome.refused, ...outcome.waiting])]);
  const keys = await registerKeys(accepted);
  const counted = new Set([...keys.lost, ...keys.displaced.map(({ by }) => by)]);
  const won = new Set(accepted.rows);
  const updated = isUpdate ? stored.filter((row) => won.has(row) && !counted.has(row)) : [];
  return { ...outcome, lost: [...outcome.lost, ...keys.lost], displaced: keys.displaced, updated };
}

const numbersOf = (rows: readonly RefusedRow[]): number[] => rows.map(({ rowNumber }) => rowNumber);

/** Finds the records whose key is stored in the table. */
async function findStored(options: WriteByKeysOptions): Promise<number[]> {
  const { client, target } = options;
  await stageRecords(options);
  const found = await readStored(client, target);
  await client.query(keyOf(target).merge.clearStage);
  return found;
}

async function readStored(client: ClientBase, target: Target): Promise<number[]> {
  const { table } = target;
  const { merge } = keyOf(target);
  const { rows } = await client.query<[number]>({
    rowMode: 'array',
    text: `SELECT s.${STAGE_ROW}::float8 FROM ${merge.stage} s
      CROSS JOIN LATERAL (SELECT FROM ${table} t WHERE ${compareKeys(merge.key)('t', 's')} LIMIT 1) t ORDER BY 1`,
  });
  return rows.map(([row]) => row);
}

/**
 * Adds the rows that the table refuses to the outcome. `isSure` tells that the catalog has named every foreign key that
 * may refuse a row.
 */
async function tryRows(options: WriteByKeysOptions, outcome: WriteOutcome, isSure: boolean): Promise<void> {
  const { client, target, uploadId, rows } = options;
  if (rows.length === 0) return;
  const tried = await attempt(client, async () => {
    await stageRecords(options);
    await mergeStaged(client, keyOf(target).merge, uploadId);
  });
  if (tried.ok) return;
  const isReference = sqlState(tried.error) === FOREIGN_KEY_VIOLATION;
  if (isReference && isSure) return;
  if (rows.length === 1) {
    const row = { rowNumber: rows[0]!, ...explainRefusal(tried.error, target, true) };
    (isReference ? outcome.waiting : outcome.refused).push(row);
    return;
  }
  const middle = rows.length >> 1;
  await tryRows({ ...options, rows: rows.slice(0, middle) }, outcome, isSure);
  await tryRows({ ...options, rows: rows.slice(middle) }, outcome, isSure);
}
