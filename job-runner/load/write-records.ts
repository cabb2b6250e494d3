/**
 * Writes rows inside a chunk's transaction, by one of three strategies:
 *
 * | strategy   | what it does                                                          | when the database refuses a row    |
 * |------------|-----------------------------------------------------------------------|------------------------------------|
 * | optimistic | writes all rows by COPY, but those that the process knows as repeats  | the row is merged, see write-by-copy.ts; else `merge` |
 * | probe      | the same, but looks the keys up first                                 | the same                           |
 * | merge      | stages all rows and merges them in the order of their keys            | tries each row on the server (DB_001) |
 *
 * Where the schema has no key, every row is appended: no key is looked up, a refusal leads from the first strategy to the
 * last one, and that one copies the rows into the table.
 * BEFORE triggers of the table may change the key of a row, or suppress the row. COPY says how many rows it has written;
 * if these are all rows, each of them is in the table, whatever its key has become. Else the rows are merged one by one,
 * see merge-by-record.ts.
 *
 * Rows that only a foreign key refuses are not written and wait: they may refer to a row that comes later. Rows that are
 * appended do not wait.
 *
 * Each strategy runs under a savepoint. Several chunks can be written together by one of the first two strategies; where
 * these fail, the transaction is undone, and each chunk gets its own. A refusal is an error that a record can cause, see
 * refusals.ts. Every other error is a fault of the chunk: it is thrown, and the whole transaction is tried again.
 */

import { mergeRows, mergeStored } from './merge-rows.ts';
import { tableFault } from './refusals.ts';
import { attempt } from './savepoints.ts';
import { type CopyOptions, canCopy, type WriteOptions } from './stage-records.ts';
import { expectSameColumns } from './target-columns.ts';
import { waitEarlier } from './wait-earlier.ts';
import { writeByCopy } from './write-by-copy.ts';
import { ALL_WRITTEN, emptyOutcome, type WriteOutcome } from './write-outcome.ts';

const NOT_NULL_VIOLATION = '23502';

/**
 * Writes the rows of several chunks without a savepoint.
 * @throws the error of PostgreSQL, or RowsSuppressed; see {@link isRefusal}
 */
export async function writeTogether(options: CopyOptions): Promise<WriteOutcome> {
  const outcome = await writeByCopy(options);
  await expectFaultsOfRecords(options, outcome);
  return outcome;
}

export async function writeRecords(options: WriteOptions): Promise<WriteOutcome> {
  if (options.rows.length === 0) return ALL_WRITTEN;
  if (!canCopy(options)) return mergeStored(options);
  const copied = options.strategy === 'merge' ? null : await attempt(options.client, () => writeByCopy(options));
  const outcome = copied?.ok ? copied.value : emptyOutcome('merge');
  if (!copied?.ok) {
    await waitEarlier(options.earlier);
    await mergeRows(options, outcome);
  }
  await expectFaultsOfRecords(options, outcome);
  return outcome;
}

/**
 * Makes sure that refused records, and not the table, are at fault. A table that is not locked may have been altered.
 * @throws Fault
 */
async function expectFaultsOfRecords(
  { client, target, rows, columnTypes }: WriteOptions,
  { refused }: WriteOutcome,
): Promise<void> {
  const blamed = refused.flatMap(({ byTable }) => byTable ?? []);
  if (blamed.length > 0 || (refused.length > 0 && !columnTypes)) await expectSameColumns(client, target);
  // A trigger may leave a column empty for each of a few records.
  const named = blamed.filter(({ code }) => code !== NOT_NULL_VIOLATION);
  if (rows.length > 1 && named.length === rows.length) throw tableFault(named[0]!, target.table, rows.length);
}
