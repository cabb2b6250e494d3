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
import type { ClientBase, DatabaseError } from 'pg';
import { copyRows } from '#ledger/connection/copy-rows.ts';
import { RESTORE_SETTINGS_SQL, sqlState } from '#ledger/connection/postgres.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import type { CopyFormat } from '#runner/processor/escapes.ts';
import type { RowBuffer } from '#runner/processor/row-buffer.ts';
import { type MergeResult, mergeStaged } from './merge.ts';
import { insertNew, type KeyHashes, mergeByRecord, needsRecordMerge } from './merge-by-record.ts';
import { askProbe } from './probe.ts';
import { mayBeOfRecord, mayBeOfTable, refusalMessage, tableFault } from './refusals.ts';
import { StoredRecords } from './stored-records.ts';
import { expectSameColumns, keyOf, type Target } from './target.ts';
import { findRefusedAlone, findWaitingByCatalog, findWaitingRows, type WaitingRow } from './waiting-rows.ts';

/** The strategies from the fastest to the one that can write every row. */
export const WRITE_STRATEGIES = ['optimistic', 'probe', 'merge'] as const;
export type WriteStrategy = (typeof WRITE_STRATEGIES)[number];

export interface WriteOutcome extends MergeResult {
  /** Rows that PostgreSQL refused one by one. */
  refused: RefusedRow[];
  /** Rows that refer to a row which is not stored. */
  waiting: RefusedRow[];
  /** The strategy that succeeded. */
  strategy: WriteStrategy;
  /** The keys of written rows as triggers have left them; absent where no trigger can change a key. */
  hashes?: Map<number, KeyHashes>;
}

export interface RefusedRow {
  rowNumber: number;
  message: string;
  /** The error, where it speaks of names and came when the row was about to be stored: the table may have caused it. */
  byTable?: DatabaseError;
}

/** The outcome when every row was written by the first COPY. */
export const ALL_WRITTEN: WriteOutcome = emptyOutcome('optimistic');

export function emptyOutcome(strategy: WriteStrategy): WriteOutcome {
  return { lost: [], displaced: [], updated: [], refused: [], waiting: [], strategy };
}

export interface WriteOptions {
  client: ClientBase;
  target: Target;
  uploadId: string;
  buffer: RowBuffer | StoredRecords;
  /** Positions in the buffer of the rows to write, ascending. */
  rows: readonly number[];
  /** The strategy that is tried first. Stored records are always merged. */
  strategy: WriteStrategy;
  /** The types that the locked table has; null or absent when the role may not lock the table. */
  columnTypes?: readonly ColumnType[] | null;
}

type CopyOptions = WriteOptions & { buffer: RowBuffer };

const canCopy = (options: WriteOptions): options is CopyOptions => !(options.buffer instanceof StoredRecords);

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

async function copyRecords({ client, target, buffer, rows }: CopyOptions): Promise<void> {
  const data = { parts: buffer.select(rows), count: rows.length, format: buffer.format };
  await copyAll(client, target.copyIntoTarget, data);
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
    await stageRecords({ ...options, rows: merged });
    await mergeInto(outcome, options, byRecord);
  }
  return outcome;
}

function isIn({ from, to }: RowRange): (row: number) => boolean {
  return (row) => row >= from && row < to;
}

/** Merges the staged rows and adds what became of them to the outcome. */
export async function mergeInto(
  outcome: WriteOutcome,
  { client, target, uploadId }: WriteOptions,
  byRecord: boolean,
): Promise<void> {
  const { merge, recordMerge } = keyOf(target);
  if (!byRecord) {
    addTo(outcome, await mergeStaged(client, merge, uploadId));
    return;
  }
  const { clearStage } = merge;
  const merged = await mergeByRecord(client, recordMerge, { uploadId, clearStage });
  addTo(outcome, merged);
  const suppressed = merged.suppressed.map((rowNumber) => ({ rowNumber, message: SUPPRESSED_MESSAGE }));
  outcome.refused = outcome.refused.concat(suppressed);
  addHashes(outcome, merged.hashes);
}

function addHashes(outcome: WriteOutcome, hashes: ReadonlyMap<number, KeyHashes>): void {
  outcome.hashes = new Map([...(outcome.hashes ?? []), ...hashes]);
}

/** Adds what became of rows that are written for good. */
export function join(outcome: WriteOutcome, { refused, hashes, ...merged }: WriteOutcome): void {
  addTo(outcome, merged);
  outcome.refused = outcome.refused.concat(refused);
  if (hashes) addHashes(outcome, hashes);
}

function addTo(outcome: WriteOutcome, { lost, displaced, updated }: MergeResult): void {
  // push(...rows) would fail on long arrays: a function takes some hundred thousand arguments at most.
  outcome.lost = outcome.lost.concat(lost);
  outcome.displaced = outcome.displaced.concat(displaced);
  outcome.updated = outcome.updated.concat(updated);
}

async function mergeOrHalve(options: WriteOptions, outcome: WriteOutcome): Promise<void> {
  const { client, target, buffer, rows } = options;
  // Rows that are appended go into the table itself.
  let isStaged = target.byKey === null;
  // The end of the savepoint may still refuse what the merge has told.
  const tried = emptyOutcome('merge');
  const merged = await attempt(client, async () => {
    if (target.byKey === null && canCopy(options)) {
      await copyRecords(options);
      return;
    }
    await stageRecords(options);
    isStaged = true;
    await mergeInto(tried, options, await needsRecordMerge(client, keyOf(target).recordMerge));
  });
  if (merged.ok) {
    join(outcome, tried);
    return;
  }
  const isReference = target.byKey !== null && sqlState(merged.error) === FOREIGN_KEY_VIOLATION;
  if (rows.length === 1) {
    const row = { rowNumber: buffer.rowNumber(rows[0]!), ...explainRefusal(merged.error, target, isStaged) };
    (isReference ? outcome.waiting : outcome.refused).push(row);
    return;
  }
  if (isReference && (await mergeWithoutWaiting(options, outcome))) return;
  if (isReference && (await insertNewFirst(options, outcome))) return;
  const middle = rows.length >> 1;
  await mergeOrHalve({ ...options, rows: rows.slice(0, middle) }, outcome);
  await mergeOrHalve({ ...options, rows: rows.slice(middle) }, outcome);
}

/** Says how a refused row is told, and whether the table may be at fault. */
export function explainRefusal(
  error: DatabaseError | RowsSuppressed,
  { columns }: Target,
  isStaged: boolean,
): Omit<RefusedRow, 'rowNumber'> {
  if (error instanceof RowsSuppressed) return { message: SUPPRESSED_MESSAGE };
  return {
    message: refusalMessage(error, columns),
    ...(mayBeOfTable(error, { isStored: isStaged, columns }) ? { byTable: error } : {}),
  };
}

/** Merges the rows that do not wait. @returns false when no row waits, and nothing was done. */
async function mergeWithoutWaiting(options: WriteOptions, outcome: WriteOutcome): Promise<boolean> {
  const found = await findWaiting(options, findWaitingRows);
  if (found.length === 0) return false;
  outcome.waiting = outcome.waiting.concat(found);
  await mergeOthers(options, found, outcome);
  return true;
}

/**
 * Inserts the rows with new keys by one statement, and merges the others after them. The merge by record is one statement
 * for each row, and would refuse a row that refers to a later one.
 * @returns false when nothing was done.
 */
async function insertNewFirst(options: WriteOptions, outcome: WriteOutcome): Promise<boolean> {
  const { client, target, buffer, rows } = options;
  const { recordMerge, merge } = keyOf(target);
  if (!(await needsRecordMerge(client, recordMerge))) return false;
  const inserted = await attempt(client, async () => {
    await stageRecords(options);
    const hashes = await insertNew(client, recordMerge, merge);
    if (hashes === null) throw new RowsSuppressed('a trigger has suppressed rows: they are merged one by one');
    return hashes;
  });
  if (!inserted.ok || inserted.value.size === 0) return false;
  const { value: hashes } = inserted;
  addHashes(outcome, hashes);
  const others = rows.filter((row) => !hashes.has(buffer.rowNumber(row)));
  if (others.length > 0) await mergeOrHalve({ ...options, rows: others }, outcome);
  return true;
}

/** Merges pending records. Most of them may wait still, and one that waits would undo the merge of all. */
async function mergeStored(options: WriteOptions): Promise<WriteOutcome> {
  const outcome = emptyOutcome('merge');
  let waiting = await findWaiting(options, findWaitingByCatalog);
  await mergeOthers(options, waiting, outcome);
  if (waiting.length > 0 && (await needsRecordMerge(options.client, keyOf(options.target).recordMerge))) {
    const found = new Set(waiting.map(({ rowNumber }) => rowNumber));
    const left = { ...options, rows: options.rows.filter((row) => found.has(options.buffer.rowNumber(row))) };
    waiting = await findWaiting(left, findRefusedAlone);
    await mergeOthers(left, waiting, outcome);
  }
  outcome.waiting = outcome.waiting.concat(waiting);
  return outcome;
}

async function mergeOthers(
  options: WriteOptions,
  waiting: readonly RefusedRow[],
  outcome: WriteOutcome,
): Promise<void> {
  const out = new Set(waiting.map(({ rowNumber }) => rowNumber));
  const others = options.rows.filter((row) => !out.has(options.buffer.rowNumber(row)));
  if (others.length > 0) await mergeOrHalve({ ...options, rows: others }, outcome);
}

export async function findWaiting(
  options: WriteOptions,
  find: (client: ClientBase, target: Target) => Promise<WaitingRow[]>,
): Promise<RefusedRow[]> {
  const { client, target } = options;
  await stageRecords(options);
  const found = await find(client, target);
  await client.query(keyOf(target).merge.clearStage);
  // There are many rows and few foreign keys, so that rows share their messages.
  const messages = new Map<string, string>();
  return found.map(({ rowNumber, constraint }) => {
    const message = messages.get(constraint) ?? refusalMessage({ code: FOREIGN_KEY_VIOLATION, constraint });
    messages.set(constraint, message);
    return { rowNumber, message };
  });
}

/** Rows that were written before may have fired triggers, which must not decide how the next values are read. */
export async function stageRecords({ client, target, buffer, rows }: WriteOptions): Promise<void> {
  await client.query(RESTORE_SETTINGS_SQL);
  if (buffer instanceof StoredRecords) return buffer.stage(client, target, rows);
  const data = { parts: buffer.selectWithRowNumbers(rows), count: rows.length, format: buffer.format };
  await copyAll(client, keyOf(target).merge.copyIntoStage, data);
}

async function copyAll(
  client: ClientBase,
  statement: string,
  { parts, count, format }: { parts: readonly Buffer[]; count: number; format: CopyFormat },
): Promise<void> {
  // An empty selection has no bytes at all, and COPY in the binary format refuses input without its header.
  if (count === 0) return;
  const written = await copyRows(client, format === 'binary' ? `${statement} WITH (FORMAT binary)` : statement, parts);
  if (written !== count) throw new RowsSuppressed(`COPY took ${written} of ${count} rows: the chunk is not written`);
}

/** A trigger of the table has suppressed rows of a COPY, which does not say which rows. */
export class RowsSuppressed extends Error {
  override readonly name = 'RowsSuppressed';
}

const SUPPRESSED_MESSAGE =
  'PostgreSQL refused this record: a BEFORE trigger of the table kept it out of the table, without an error';

const NOT_NULL_VIOLATION = '23502';
const UNIQUE_VIOLATION = '23505';
export const FOREIGN_KEY_VIOLATION = '23503';

/** Can a record be at fault, so that every other try would meet the error again? */
export function isRefusal(error: unknown): error is DatabaseError {
  return sqlState(error) !== undefined && mayBeOfRecord(error as DatabaseError);
}

type Attempt<T> = { ok: true; value: T } | { ok: false; error: DatabaseError | RowsSuppressed };

/**
 * Runs work under a savepoint. A refusal rolls the savepoint back and is returned as a value; other errors are thrown.
 */
export async function attempt<T>(client: ClientBase, work: () => Promise<T>): Promise<Attempt<T>> {
  await client.query(`SAVEPOINT write; ${RESTORE_SETTINGS_SQL}`);
  try {
    const value = await work();
    // A trigger may have deferred constraints again. Nothing may be left that only COMMIT refuses.
    await client.query('SET CONSTRAINTS ALL IMMEDIATE; RELEASE SAVEPOINT write');
    return { ok: true, value };
  } catch (error) {
    if (!isRefusal(error) && !(error instanceof RowsSuppressed)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT write; RELEASE SAVEPOINT write');
    return { ok: false, error };
  }
}

/** Writes rows as always, says what became of them, and takes them back. */
export async function runAndRollBack<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('SAVEPOINT trial');
  const result = await work();
  await client.query('ROLLBACK TO SAVEPOINT trial; RELEASE SAVEPOINT trial');
  return result;
}
