/** Says what a load must leave in the ledger and in the table, by what the generator put into the files. */
import type { BenchFile } from './files.ts';
import type { Policy, Stored } from './tables.ts';

export interface Outcome extends Stored {
  processed: number;
  succeeded: number;
  failed: number;
  duplicate: number;
  updated: number;
}

export interface Circumstances {
  policy: Policy;
  /** Rows that were in the table before, each with the key and the row number of a good record. */
  preloaded: number;
  /** Tells which columns the table has: what the table cannot tell is not expected of it. */
  stored: Pick<Stored, 'owned' | 'rowSum'>;
}

/**
 * Skip and Fail keep the first of several records with equal keys, and rows that were in the table before. Update keeps
 * the last record.
 */
export function expectOutcome(
  files: readonly Pick<BenchFile, 'counts' | 'rowSums'>[],
  { policy, preloaded, stored }: Circumstances,
): Outcome {
  const sum = (of: (file: Pick<BenchFile, 'counts' | 'rowSums'>) => number) =>
    files.reduce((all, file) => all + of(file), 0);
  const rows = sum(({ counts }) => counts.succeeded);
  const failed = sum(({ counts }) => counts.failed);
  const inFile = sum(({ counts }) => counts.duplicate);
  const succeeded = policy === 'Update' ? rows : rows - preloaded;
  const lost = policy === 'Update' ? inFile : inFile + preloaded;
  return {
    processed: sum(({ counts }) => counts.records),
    succeeded,
    failed: policy === 'Fail' ? failed + lost : failed,
    duplicate: policy === 'Fail' ? 0 : lost,
    updated: policy === 'Update' ? preloaded : 0,
    rows,
    owned: stored.owned === null ? null : succeeded,
    rowSum: stored.rowSum === null ? null : sum(({ rowSums }) => (policy === 'Update' ? rowSums.last : rowSums.first)),
  };
}
