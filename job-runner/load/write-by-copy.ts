/**
 * Writes rows by COPY, and those that COPY would stumble over by a merge behind it, in the same transaction. Such rows are
 * withheld from COPY:
 *
 * 1. rows whose key a row that was prepared before has, too (seen-keys.ts);
 * 2. rows whose key is stored already, where the probe comes first or COPY has met such a row;
 * 3. rows that refer to nothing, where a foreign key has refused rows before (ask-references.ts);
 * 4. rows that COPY refuses, whose line its error names. The rows before that line are copied again, and then stay behind
 *    a savepoint. COPY therefore writes no row more than twice. Where it refuses many, the rest is merged.
 *
 * Keys that are equal with different bytes, and keys that another transaction stores meanwhile, are of the fourth kind.
 */

import { RESTORE_SETTINGS_SQL, sqlState } from '#ledger/connection/postgres.ts';
import { askReferences } from './ask-references.ts';
import { needsRecordMerge } from './merge-by-record.ts';
import { mergeRows } from './merge-rows.ts';
import { askProbe } from './probe.ts';
import { refusedRow } from './refusals.ts';
import { FOREIGN_KEY_VIOLATION, isRefusal, RowsNotCopied } from './savepoints.ts';
import { type CopyOptions, copyAll, copyRecords } from './stage-records.ts';
import { keyOf } from './target.ts';
import { waitEarlier } from './wait-earlier.ts';
import { ALL_WRITTEN, emptyOutcome, type WriteOutcome } from './write-outcome.ts';

const UNIQUE_VIOLATION = '23505';
/**
 * Each row that COPY names costs five round trips, and a row that is merged costs the server four times as much as one
 * that is copied. PostgreSQL keeps up to 64 subtransactions of a transaction at hand.
 */
const MOST_REFUSALS = 16;
const FEWEST_ROWS = 64;
const GROWTH = 4;

interface Copying {
  options: CopyOptions;
  /** Rows for COPY, ascending. The first `done` of them are in the table, behind the savepoint. */
  rows: number[];
  done: number;
  withheld: number[];
  /** Rows whose keys the table had, and no filter had told. */
  conflicts: number;
  isProbed: boolean;
  isAsked: boolean;
}

/** @throws the error of PostgreSQL when COPY does not name the row that it refuses */
export async function writeByCopy(options: CopyOptions): Promise<WriteOutcome> {
  const { client, target, rows, withheld } = options;
  if (!target.byKey) {
    await copyRecords(options);
    return ALL_WRITTEN;
  }
  const isWithheld = (row: number) => withheld?.has(row) === true;
  const copying: Copying = {
    options,
    rows: withheld?.size ? rows.filter((row) => !isWithheld(row)) : [...rows],
    done: 0,
    withheld: withheld?.size ? rows.filter(isWithheld) : [],
    conflicts: 0,
    isProbed: false,
    isAsked: false,
  };
  await client.query('SAVEPOINT copy');
  if (options.strategy === 'probe') await withholdStored(copying, 0);
  if (options.asksReferences) await withholdUnreferenced(copying);
  if (copying.withheld.length > 0) await expectKeysStay(options);
  await copyOthers(copying);
  const { conflicts, isProbed, isAsked } = copying;
  const outcome = { ...emptyOutcome(isProbed ? 'probe' : 'optimistic'), conflicts };
  if (copying.withheld.length === 0) return outcome;
  await waitEarlier(options.earlier);
  // The triggers of the rows before have run.
  await client.query(RESTORE_SETTINGS_SQL);
  const merged = copying.withheld.sort((a, b) => a - b);
  await mergeRows({ ...options, rows: merged, asksReferences: isAsked }, outcome);
  return outcome;
}

async function copyOthers(copying: Copying): Promise<void> {
  const { options, rows } = copying;
  const { client } = options;
  // After a refusal a COPY takes some times the rows that this one has taken, since the rest of its rows is sent in vain.
  let most = Number.POSITIVE_INFINITY;
  let end = rows.length;
  for (let refusals = 0; copying.done < rows.length; ) {
    try {
      const isAll = copying.done === 0 && end === rows.length;
      await copyRecords({ ...options, rows: isAll ? rows : rows.slice(copying.done, end) });
      copying.done = end;
      if (end < rows.length) await client.query(`${RESTORE_SETTINGS_SQL}; RELEASE SAVEPOINT copy; SAVEPOINT copy`);
    } catch (error) {
      const taken = await withholdRefused(copying, error, end - copying.done);
      refusals += 1;
      if (refusals === MOST_REFUSALS) for (const row of rows.splice(copying.done + taken)) copying.withheld.push(row);
      if (taken > 0) {
        most = Math.max(FEWEST_ROWS, taken * GROWTH);
        end = copying.done + taken;
        continue;
      }
    }
    end = Math.min(copying.done + most, rows.length);
    most *= 2;
  }
}

/**
 * Withholds what COPY has refused.
 * @param count the number of rows that it had
 * @returns the number of rows before the refused one, which COPY will take
 * @throws the error, when it does not tell the row
 */
async function withholdRefused(copying: Copying, error: unknown, count: number): Promise<number> {
  const { options, rows, done, isAsked } = copying;
  const { client } = options;
  const state = sqlState(error);
  if (state === FOREIGN_KEY_VIOLATION && !isAsked) {
    await client.query('ROLLBACK TO SAVEPOINT copy');
    if (!(await withholdUnreferenced(copying))) throw error;
    await expectKeysStay(options);
    return 0;
  }
  const at = isRefusal(error) ? refusedRow(error) : null;
  if (at === null || at >= count) throw error;
  await client.query('ROLLBACK TO SAVEPOINT copy');
  copying.withheld.push(...rows.splice(done + at, 1));
  if (state === UNIQUE_VIOLATION) await meetConflict(copying, done + at);
  return at;
}

async function meetConflict(copying: Copying, from: number): Promise<void> {
  await expectKeysStay(copying.options);
  copying.conflicts += 1;
  if (!copying.isProbed) await withholdStored(copying, from);
}

/** Withholds the rows behind the first `from` whose keys are stored. */
async function withholdStored(copying: Copying, from: number): Promise<void> {
  const { options, rows } = copying;
  const { client, buffer, target } = options;
  const { probe } = keyOf(target);
  copying.isProbed = true;
  const asked = rows.slice(from);
  const keys = { parts: buffer.selectColumns(asked, probe.columns), count: asked.length, format: buffer.format };
  await copyAll(client, probe.copyKeys, keys);
  const stored = await askProbe(client, probe);
  copying.conflicts += stored.size;
  withholdFound(copying, asked, stored);
}

/** Withholds those of the last rows that were found by their row numbers. @returns false when none was found */
function withholdFound({ options, rows, withheld }: Copying, last: readonly number[], found: Set<number>): boolean {
  if (found.size === 0) return false;
  rows.length -= last.length;
  for (const row of last) (found.has(options.buffer.rowNumber(row)) ? withheld : rows).push(row);
  return true;
}

/** Withholds the rows that COPY has still to write and that refer to nothing. @returns false when none does */
async function withholdUnreferenced(copying: Copying): Promise<boolean> {
  const { options, rows, done } = copying;
  copying.isAsked = true;
  const asked = rows.slice(done);
  const found = await askReferences(options, asked);
  return found !== null && withholdFound(copying, asked, found);
}

/**
 * Where triggers may change keys, only they know which keys are equal, and which row comes first of them.
 * @throws RowsNotCopied
 */
async function expectKeysStay({ client, target }: CopyOptions): Promise<void> {
  if (await needsRecordMerge(client, keyOf(target).recordMerge))
    throw new RowsNotCopied('the table has triggers that may change keys: rows with equal keys are merged one by one');
}
