/** Copies rows into the target table, or into the session's stage. */
import type { ClientBase } from 'pg';
import { copyRows } from '#ledger/connection/copy-rows.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import type { CopyFormat } from '#runner/processor/escapes.ts';
import type { RowBuffer } from '#runner/processor/row-buffer.ts';
import { RowsSuppressed } from './savepoints.ts';
import { StoredRecords } from './stored-records.ts';
import { keyOf, type Target } from './target.ts';
import type { WriteStrategy } from './write-outcome.ts';

export interface WriteOptions {
  client: ClientBase;
  target: Target;
  uploadId: string;
  buffer: RowBuffer | StoredRecords;
  /** Positions in the buffer of the rows to write, ascending. */
  rows: readonly number[];
  /** Those of the rows whose key a row before them may have. */
  withheld?: ReadonlySet<number>;
  /** Resolves when the rows before these are written, so that equal keys meet in the order of the file. */
  earlier?: Promise<unknown>;
  /** Is it asked first which rows refer to nothing? */
  asksReferences?: boolean;
  /** The strategy that is tried first. Stored records are always merged. */
  strategy: WriteStrategy;
  /** The types that the locked table has; null or absent when the role may not lock the table. */
  columnTypes?: readonly ColumnType[] | null;
}

export type CopyOptions = WriteOptions & { buffer: RowBuffer };

export const canCopy = (options: WriteOptions): options is CopyOptions => !(options.buffer instanceof StoredRecords);

export async function copyRecords({ client, target, buffer, rows }: CopyOptions): Promise<void> {
  const data = { parts: buffer.select(rows), count: rows.length, format: buffer.format };
  await copyAll(client, target.copyIntoTarget, data);
}

/**
 * Rows that were written before may have fired triggers, which must not decide how the next values are read: the caller
 * has restored the settings, as `attempt` does at its end.
 */
export async function stageRecords({ client, target, buffer, rows }: WriteOptions): Promise<void> {
  if (buffer instanceof StoredRecords) return buffer.stage(client, target, rows);
  const data = { parts: buffer.selectWithRowNumbers(rows), count: rows.length, format: buffer.format };
  await copyAll(client, keyOf(target).merge.copyIntoStage, data);
}

export async function copyAll(
  client: ClientBase,
  statement: string,
  { parts, count, format }: { parts: readonly Buffer[]; count: number; format: CopyFormat },
): Promise<void> {
  // An empty selection has no bytes at all, and COPY in the binary format refuses input without its header.
  if (count === 0) return;
  const written = await copyRows(client, format === 'binary' ? `${statement} WITH (FORMAT binary)` : statement, parts);
  if (written !== count) throw new RowsSuppressed(`COPY took ${written} of ${count} rows: the chunk is not written`);
}
