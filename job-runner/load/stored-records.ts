import type { ClientBase } from 'pg';
import { type StagedRows, stagePending } from '#ledger/pending/pending-records.ts';
import { STAGE_ROW } from './merge.ts';
import { keyOf, type Target } from './target.ts';

/** The pending records of an upload as the rows of a merge. They are named by their row numbers and stay on the server. */
export class StoredRecords {
  readonly #uploadId: string;

  constructor(uploadId: string) {
    this.#uploadId = uploadId;
  }

  rowNumber(row: number): number {
    return row;
  }

  stage(client: ClientBase, target: Target, rows: readonly number[]): Promise<void> {
    return stagePending(client, { uploadId: this.#uploadId, staged: stagedRows(target) }, rows);
  }
}

export function stagedRows(target: Target): StagedRows {
  return { table: keyOf(target).merge.stage, rowNumber: STAGE_ROW };
}
