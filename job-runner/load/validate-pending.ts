/**
 * Judges pending records in mode Validate. The rows that they refer to are not in the table, since every chunk was
 * rolled back: a row counts as stored when its key is in the ledger's list of the upload's keys. A record that does not
 * wait is tried all the same, because it may break another rule of the table. PostgreSQL checks foreign keys after every
 * other rule, at the end of a statement, so a statement that only a foreign key refuses has rows that keep the others.
 * Where a trigger may change a row, or the catalog does not judge every foreign key, each row is refused alone, and the
 * refusal counts unless it is by a reference that the catalog has judged by rows that are not in the table.
 */
import type { ClientBase } from 'pg';
import { sqlState } from '#ledger/connection/postgres.ts';
import { hasUnreadableKeys } from './foreign-keys.ts';
import { compareKeys, type MergeResult, mergeStaged, STAGE_ROW } from './merge.ts';
import { needsRecordMerge } from './merge-by-record.ts';
import { explainWaiting, mergeEachInto, mergeInto, stageStored } from './merge-rows.ts';
import { attempt, FOREIGN_KEY_VIOLATION, runAndRollBack } from './savepoints.ts';
import { stageRecords } from './stage-records.ts';
import { keyOf, type Target } from './target.ts';
import { findUnstored, findWaitingByCatalog, type WaitingRow } from './waiting-rows.ts';
import { registerKeys, type WriteByKeysOptions, without } from './write-by-keys.ts';
import { emptyOutcome, join, type RefusedRow, type WriteOutcome } from './write-outcome.ts';

export async function validatePending(all: WriteByKeysOptions): Promise<WriteOutcome> {
  const { client, target, uploadId } = all;
  const outcome = emptyOutcome('merge');
  const options = { ...all, rows: await stageStored(all, outcome) };
  const waiting = explainWaiting(await findWaitingByCatalog(client, target, uploadId));
  await client.query(keyOf(target).merge.clearStage);
  const others = without(options, numbersOf(waiting));
  const byRecord = await needsRecordMerge(client, keyOf(target).recordMerge);
  const isSure = !byRecord && !(await hasUnreadableKeys(client, target));
  const { stored, unstored } = await lookUp(others);
  const isUpdate = target.onDuplicate === 'Update';
  // A trigger may give a row another key. The merge by record tells whether that one is stored.
  const isLost = !isUpdate && !byRecord;
  outcome.waiting = waiting;
  outcome.lost = isLost ? stored : [];
  await runAndRollBack(client, async () => {
    const trial = { outcome, byRecord, isSure, unstored };
    await tryRows(without(others, stored), trial);
    if (!isLost) await tryRows({ ...others, rows: stored }, trial);
  });
  const lost = [...outcome.lost, ...outcome.displaced.map(({ row }) => row)];
  const accepted = without(others, [...lost, ...numbersOf([...outcome.refused, ...outcome.waiting])]);
  const keys = await registerAccepted(accepted, outcome.hashes);
  const counted = new Set([...keys.lost, ...keys.displaced.map(({ by }) => by)]);
  const won = new Set(accepted.rows);
  const replacing = new Set(isUpdate ? [...outcome.updated, ...stored.filter((row) => !outcome.hashes?.has(row))] : []);
  const updated = [...replacing].filter((row) => won.has(row) && !counted.has(row));
  return { ...outcome, lost: [...lost, ...keys.lost], displaced: keys.displaced, updated };
}

/** Registers the keys as triggers have left them, and those of rows that only a foreign key has refused as they are. */
async function registerAccepted(options: WriteByKeysOptions, hashes: WriteOutcome['hashes']): Promise<MergeResult> {
  if (!hashes) return registerKeys(options);
  const isHashed = (row: number) => hashes.has(row);
  const hashed = await registerKeys({ ...options, rows: options.rows.filter(isHashed) }, hashes);
  const others = await registerKeys(without(options, [...hashes.keys()]));
  return {
    lost: [...hashed.lost, ...others.lost],
    displaced: [...hashed.displaced, ...others.displaced],
    updated: [],
  };
}

const numbersOf = (rows: readonly RefusedRow[]): number[] => rows.map(({ rowNumber }) => rowNumber);

/** A row and a foreign key by which the row refers to a row that is not in the table. */
const referenceOf = (rowNumber: number, constraint = '') => `${rowNumber} ${constraint}`;

/** Finds the records whose key is stored in the table, and the references to rows that are not. */
async function lookUp(options: WriteByKeysOptions): Promise<{ stored: number[]; unstored: ReadonlySet<string> }> {
  const { client, target } = options;
  await stageRecords(options);
  const stored = await readStored(client, target);
  const unstored = await findUnstored(client, target);
  await client.query(keyOf(target).merge.clearStage);
  return { stored, unstored: new Set(unstored.map(({ rowNumber, constraint }) => referenceOf(rowNumber, constraint))) };
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

interface Trial {
  outcome: WriteOutcome;
  /** May triggers change or suppress rows? */
  byRecord: boolean;
  /** Has the catalog named every foreign key that may refuse a row? */
  isSure: boolean;
  unstored: ReadonlySet<string>;
}

/** Writes rows, and adds what became of them to the outcome. Of a table without triggers only refused rows are added. */
async function tryRows(options: WriteByKeysOptions, trial: Trial): Promise<void> {
  const { client, target, uploadId, rows } = options;
  if (rows.length === 0) return;
  const { outcome, byRecord, isSure, unstored } = trial;
  const merged = emptyOutcome('merge');
  await stageRecords(options);
  const tried = await attempt(client, async () => {
    if (byRecord) await mergeInto(merged, options, byRecord);
    else await mergeStaged(client, keyOf(target).merge, uploadId);
  });
  if (tried.ok) {
    join(outcome, merged);
    return;
  }
  if (isSure && sqlState(tried.error) === FOREIGN_KEY_VIOLATION) {
    await client.query(keyOf(target).merge.clearStage);
    return;
  }
  const each = emptyOutcome('merge');
  const refused = await mergeEachInto(each, options, byRecord);
  join(outcome, byRecord ? each : { ...emptyOutcome('merge'), refused: each.refused });
  const isKnown = ({ rowNumber, constraint }: WaitingRow) => isSure || unstored.has(referenceOf(rowNumber, constraint));
  outcome.waiting.push(...refused.filter((row) => !isKnown(row)));
}
