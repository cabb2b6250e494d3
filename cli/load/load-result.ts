/** What the ledger says of a load that has ended. */
import { inWordsOfOptions } from '#cli/io/words-of-options.ts';
import { readFirstErrors, type StoredError } from '#ledger/errors/read-errors.ts';
import type { Counts, ErrorSummary } from '#ledger/types.ts';
import { readProgress, readTopErrors } from '#ledger/uploads/read-progress.ts';
import type { Session } from '#runner/session.ts';
import type { Loading } from './loading.ts';

const MOST_CODES = 20;

export interface LoadResult {
  file: string;
  table: string;
  uploadId: string;
  status: 'Complete' | 'Failed';
  /** Was the same content loaded before, so that this load had nothing to do? */
  alreadyLoaded: boolean;
  /** Why a load failed, or that the content was loaded before. */
  message: string | null;
  mode: 'Commit' | 'Validate';
  records: Counts & { total: number };
  errors: ErrorSummary[];
  firstErrors: StoredError[];
  durationMs: number;
}

export async function readResult(session: Session, loading: Loading, startedAt: number): Promise<LoadResult> {
  const { id, source, load } = loading;
  const row = await session.run(async (client) => (await readProgress(client, [id])).get(id)!);
  const errors = await session.run((client) => readTopErrors(client, id, MOST_CODES));
  const codes = errors.map(({ code }) => code);
  const firstErrors = await session.run((client) =>
    readFirstErrors(client, { id, codes, rowsOfCode: load.rowsOfCode }),
  );
  const isComplete = row.status === 'Complete';
  return {
    file: source.name,
    table: load.schema.target.table,
    uploadId: id,
    status: isComplete ? 'Complete' : 'Failed',
    alreadyLoaded: isComplete && row.sameAs !== null,
    message:
      isComplete && row.sameAs
        ? `The same content was loaded before, as ${row.sameAs.name}. Give --reload to load it again.`
        : row.failureMessage && inWordsOfOptions(row.failureMessage),
    mode: row.validateOnly ? 'Validate' : 'Commit',
    records: { ...row.counts, total: row.totalRecords ?? 0 },
    errors,
    firstErrors,
    durationMs: Math.round(performance.now() - startedAt),
  };
}
