/**
 * Writes rows inside a chunk's transaction, by one of three strategies:
 *
 * | strategy   | what it does                                                         | when the database refuses a row       |
 * |------------|----------------------------------------------------------------------|---------------------------------------|
 * | optimistic | writes all rows by one COPY                                          | unique key: `probe`; others: `merge`  |
 * | probe      | looks the keys up, copies new rows, merges rows with a contested key | `merge`                               |
 * | merge      | stages all rows and merges them in the order of their keys           | halves down to the record (DB_001)    |
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
 * Each strategy runs under a savepoint. Several chunks can be written together by one of the first two strategies; a
 * refusal then undoes the transaction, and each chunk gets its own. A refusal is an error that a record can cause, see
 * refusals.ts. Every other error is a fault of the chunk: it is thrown, and the whole transaction is tried again.
 */
import { RESTORE_SETTINGS_SQL, sqlState } from '#ledger/connection/postgres.ts';
import { needsRecordMerge } from './merge-by-record.ts';
import { mergeInto, mergeOrHalve, mergeStored } from './merge-rows.ts';
import { askProbe } from './probe.ts';
import { tableFault } from './refusals.ts';
import { attempt } from './savepoints.ts';
import { type CopyOptions, canCopy, copyAll, copyRecords, stageRecords, type WriteOptions } from './stage-records.ts';
import { keyOf } from './target.ts';
import { expectSameColumns } from './target-columns.ts';
import { ALL_WRITTEN, emptyOutcome, type WriteOutcome } from './write-outcome.ts';

const NOT_NULL_VIOLATION = '23502';
const UNIQUE_VIOLATION = '23505';

/** The rows [from, to) of a buffer. */
export interface RowRange {
  from: number;
  to: number;
}

/**
 * Writes the rows of several chunks by one strategy and without a savepoint.
 * @throws the error of PostgreSQL; see {@link isRefusal}
 */
export async function writeTogether(options: CopyOptions, chunks: readonly RowRange[]): Promise<WriteOutcome> {
  if (options.strategy === 'probe' && options.target.byKey) return writeByProbe(options, chunks);
  await copyRecords(options);
  return ALL_WRITTEN;
}

export async function writeRecords(options: WriteOptions): Promise<WriteOutcome> {
  if (options.rows.length === 0) return ALL_WRITTEN;
  if (!canCopy(options)) return mergeStored(options);
  const written = await copyOrProbe(options);
  if (written) return written;
  const outcome = emptyOutcome('merge');
  await mergeOrHalve(options, outcome);
  await expectFaultsOfRecords(options, outcome);
  return outcome;
}

/** @returns null when the rows have to be merged. */
async function copyOrProbe(options: CopyOptions): Promise<WriteOutcome | null> {
  const { client, target } = options;
  let { strategy } = options;
  if (strategy === 'probe' && !target.byKey) strategy = 'optimistic';
  if (strategy === 'optimistic') {
    const copied = await attempt(client, () => copyRecords(options));
    if (copied.ok) return ALL_WRITTEN;
    strategy = sqlState(copied.error) === UNIQUE_VIOLATION && target.byKey ? 'probe' : 'merge';
  }
  if (strategy === 'probe') {
    const probed = await attempt(client, () => writeByProbe(options));
    if (probed.ok) return probed.value;
  }
  return null;
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

async function writeByProbe(options: CopyOptions, chunks: readonly RowRange[] = []): Promise<WriteOutcome> {
  const { client, target, buffer, rows } = options;
  const { probe, recordMerge } = keyOf(target);
  const keys = { parts: buffer.selectColumns(rows, probe.columns), count: rows.length, format: buffer.format };
  await copyAll(client, probe.copyKeys, keys);
  const { contested, repeated } = await askProbe(client, probe);
  // The probe knows only the keys of the file, not what triggers make of them.
  const byRecord = contested.size > 0 && (await needsRecordMerge(client, recordMerge));
  const isContested = (row: number) => byRecord || contested.has(buffer.rowNumber(row));
  await copyRecords({ ...options, rows: rows.filter((row) => !isContested(row)) });
  const outcome = emptyOutcome('probe');
  // Equal keys of two chunks must meet in the table, as if each chunk were written alone. In one merge the loser would
  // never reach the table, and would count as a duplicate although the table refuses its row.
  const others = rows.filter(isContested);
  const parts =
    (repeated || byRecord) && chunks.length > 0 ? chunks.map((chunk) => others.filter(isIn(chunk))) : [others];
  for (const merged of parts) {
    if (merged.length === 0) continue;
    // The triggers of the rows before have run.
    await client.query(RESTORE_SETTINGS_SQL);
    await stageRecords({ ...options, rows: merged });
    await mergeInto(outcome, options, byRecord);
  }
  return outcome;
}

function isIn({ from, to }: RowRange): (row: number) => boolean {
  return (row) => row >= from && row < to;
}
