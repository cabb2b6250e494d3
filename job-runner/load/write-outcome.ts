/** The outcome of rows that were written says what became of each, and the outcomes of parts are joined to one. */
import type { DatabaseError } from 'pg';
import type { MergeResult } from './merge.ts';
import type { KeyHashes } from './merge-by-record.ts';
import { mayBeOfTable, refusalMessage } from './refusals.ts';
import { RowsSuppressed } from './savepoints.ts';
import type { Target } from './target.ts';

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
  /** The number of rows whose keys COPY or the probe found stored; absent after a merge of all rows. */
  conflicts?: number;
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

/** Adds what became of rows that are written for good. */
export function join(outcome: WriteOutcome, { refused, waiting, hashes, ...merged }: WriteOutcome): void {
  addTo(outcome, merged);
  outcome.refused = outcome.refused.concat(refused);
  outcome.waiting = outcome.waiting.concat(waiting);
  if (hashes) addHashes(outcome, hashes);
}

export function addTo(outcome: WriteOutcome, { lost, displaced, updated }: MergeResult): void {
  // push(...rows) would fail on long arrays: a function takes some hundred thousand arguments at most.
  outcome.lost = outcome.lost.concat(lost);
  outcome.displaced = outcome.displaced.concat(displaced);
  outcome.updated = outcome.updated.concat(updated);
}

export function addHashes(outcome: WriteOutcome, hashes: ReadonlyMap<number, KeyHashes>): void {
  outcome.hashes = new Map([...(outcome.hashes ?? []), ...hashes]);
}

export const SUPPRESSED_MESSAGE =
  'PostgreSQL refused this record: a BEFORE trigger of the table kept it out of the table, without an error';

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
