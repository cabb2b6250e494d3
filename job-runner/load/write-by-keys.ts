/**
 * Writes a chunk when the target table cannot tell which of its rows belong to this upload: in mode Validate no row
 * stays in the table, and with Update the table may have no columns for the upload's id and the row number. The keys of
 * the upload's records are kept in the ledger instead, in the same transaction:
 *
 * 1. The records are written and rolled back. That finds the records that PostgreSQL refuses, and those that lose to
 *    stored rows or within the chunk.
 * 2. The keys of the other records are merged into the ledger by the policy. That finds the losers in the whole file.
 * 3. With Update, the winners are written, and replace the rows of other uploads. Mode Validate rolls this back too.
 *
 * PostgreSQL may refuse a winner that it took in the first step, because that winner depended on a record that lost: the
 * other record gave a unique value free, or has the value that the winner refers to. Then the second and third step are
 * undone, so that the ledger keeps no key of a record that is not stored, and all three are done again without the
 * refused winners. A record that had lost to one of them may win now.
 */
import { type MergeResult, mergeStaged } from './merge.ts';
import { type KeyHashes, needsRecordMerge } from './merge-by-record.ts';
import { runAndRollBack } from './savepoints.ts';
import { stageRecords, type WriteOptions } from './stage-records.ts';
import { type KeyRegister, keyOf } from './target.ts';
import { emptyOutcome, join, type RefusedRow, type WriteOutcome } from './write-outcome.ts';
import { writeRecords } from './write-records.ts';

export interface WriteByKeysOptions extends WriteOptions {
  keys: KeyRegister;
}

/**
 * A chunk is written so many times without the winners that were refused. Then its records are written in parts, since a file
 * with many equal keys might lose one record of them each time.
 */
const MOST_ROUNDS = 8;

export async function writeByKeys(options: WriteByKeysOptions): Promise<WriteOutcome> {
  let refused: RefusedRow[] = [];
  let waiting: RefusedRow[] = [];
  let left = options;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const { outcome, dropped } = await writeWinners(left);
    if (outcome) return withDropped(outcome, { refused, waiting });
    refused = refused.concat(dropped.refused);
    waiting = waiting.concat(dropped.waiting);
    left = without(left, numbersOf([...dropped.refused, ...dropped.waiting]));
  }
  return withDropped(await writeParts(left), { refused, waiting });
}

type Dropped = Pick<WriteOutcome, 'refused' | 'waiting'>;

function withDropped(outcome: WriteOutcome, { refused, waiting }: Dropped): WriteOutcome {
  return { ...outcome, refused: refused.concat(outcome.refused), waiting: waiting.concat(outcome.waiting) };
}

/**
 * Writes parts of the records, the last ones first, since these win over the others with their keys. A part of which
 * a winner is refused is halved, and a record alone is refused.
 */
async function writeParts(options: WriteByKeysOptions): Promise<WriteOutcome> {
  const outcome = emptyOutcome('merge');
  for (let end = options.rows.length, size = 1; end > 0; ) {
    const rows = options.rows.slice(Math.max(0, end - size), end);
    const { outcome: written, dropped } = await writeWinners({ ...options, rows, strategy: 'merge' });
    if (dropped && rows.length > 1) {
      size = rows.length >> 1;
      continue;
    }
    join(outcome, written ?? { ...emptyOutcome('merge'), ...dropped });
    end -= rows.length;
    size *= 2;
  }
  return outcome;
}

/** @returns without an outcome the winners that PostgreSQL has refused or that wait; nothing is written then. */
async function writeWinners(
  options: WriteByKeysOptions,
): Promise<{ outcome: WriteOutcome; dropped: null } | { outcome: null; dropped: Dropped }> {
  const { client, target } = options;
  // COPY does not say what triggers have made of the keys.
  const byRecord = await needsRecordMerge(client, keyOf(target).recordMerge);
  const trial = await runAndRollBack(client, () =>
    writeRecords(byRecord ? { ...options, strategy: 'merge' } : options),
  );
  // A displaced record is always one of this chunk: of other chunks the table has no rows, or none that it can
  // attribute.
  const earlier = trial.hashes && target.onDuplicate === 'Update' ? earlierOfEqual(trial.hashes) : [];
  // A record that another one has displaced may be an earlier one of equal keys, too.
  const lost = [...new Set([...trial.lost, ...trial.displaced.map(({ row }) => row), ...earlier])];
  const accepted = without(options, [...lost, ...numbersOf([...trial.refused, ...trial.waiting])]);
  if (target.onDuplicate === 'Update') await client.query('SAVEPOINT keys');
  const keys = await registerKeys(accepted, trial.hashes);
  const outcome: WriteOutcome = { ...trial, lost: [...lost, ...keys.lost], displaced: keys.displaced, updated: [] };
  if (target.onDuplicate !== 'Update') return { outcome, dropped: null };
  const winners = without(accepted, keys.lost);
  const written = await (target.rolledBack
    ? runAndRollBack(client, () => writeRecords(winners))
    : writeRecords(winners));
  // A record that lost to one of another chunk is not written now. In a validation the other one is not in the table
  // either, so that a record that refers to them waits; the trial has written it.
  const dropped = { refused: written.refused, waiting: target.rolledBack ? [] : written.waiting };
  if (dropped.refused.length > 0 || dropped.waiting.length > 0) {
    await client.query('ROLLBACK TO SAVEPOINT keys; RELEASE SAVEPOINT keys');
    return { outcome: null, dropped };
  }
  // COMMIT, or the release of an outer savepoint, ends the savepoint: that saves a round trip for each chunk.
  const waiting = new Set(numbersOf(written.waiting));
  const updated = [...written.updated, ...trial.updated.filter((row) => waiting.has(row))];
  // A row of another upload that a displaced record had replaced was already counted as updated.
  const counted = new Set(keys.displaced.map(({ by }) => by));
  return { outcome: { ...outcome, updated: updated.filter((row) => !counted.has(row)) }, dropped: null };
}

const numbersOf = (rows: readonly RefusedRow[]): number[] => rows.map(({ rowNumber }) => rowNumber);

export async function registerKeys(options: WriteByKeysOptions, hashes?: Map<number, KeyHashes>): Promise<MergeResult> {
  const { client, target, keys, uploadId, buffer } = options;
  if (hashes) {
    const rows = options.rows.map((row) => buffer.rowNumber(row));
    const side = (i: 0 | 1) => rows.map((row) => hashes.get(row)![i]);
    await client.query(keys.stageHashes, [uploadId, side(0), side(1), rows]);
  } else {
    await stageRecords(options);
    await client.query(keys.stage, [uploadId]);
    await client.query(keyOf(target).merge.clearStage);
  }
  return mergeStaged(client, keys.merge, uploadId);
}

/** Finds the rows whose key a later row of the chunk has, too, once the triggers have run. */
function earlierOfEqual(hashes: Map<number, KeyHashes>): number[] {
  const latest = new Map<string, number>();
  for (const [row, key] of hashes) latest.set(key.join(), Math.max(row, latest.get(key.join()) ?? row));
  return [...hashes].filter(([row, key]) => latest.get(key.join()) !== row).map(([row]) => row);
}

export function without(options: WriteByKeysOptions, rowNumbers: readonly number[]): WriteByKeysOptions {
  const out = new Set(rowNumbers);
  return { ...options, rows: options.rows.filter((row) => !out.has(options.buffer.rowNumber(row))) };
}
