/** Savepoints: what PostgreSQL refuses is a value, and what is tried leaves nothing behind. */
import type { ClientBase, DatabaseError } from 'pg';
import { RESTORE_SETTINGS_SQL, sqlState } from '#ledger/connection/postgres.ts';
import { mayBeOfRecord } from './refusals.ts';

export const FOREIGN_KEY_VIOLATION = '23503';

/** A trigger of the table has suppressed rows of a COPY, which does not say which rows. */
export class RowsSuppressed extends Error {
  override readonly name: string = 'RowsSuppressed';
}

/** COPY cannot write the rows, although no row is at fault. */
export class RowsNotCopied extends RowsSuppressed {
  override readonly name = 'RowsNotCopied';
}

/** Can a record be at fault, so that every other try would meet the error again? */
export function isRefusal(error: unknown): error is DatabaseError {
  return sqlState(error) !== undefined && mayBeOfRecord(error as DatabaseError);
}

type Attempt<T> = { ok: true; value: T } | { ok: false; error: DatabaseError | RowsSuppressed };

/**
 * Runs work under a savepoint. A refusal rolls the savepoint back and is returned as a value; other errors are thrown.
 * The session's settings are as they were at the begin of the transaction before the work, and behind it.
 */
export async function attempt<T>(client: ClientBase, work: () => Promise<T>): Promise<Attempt<T>> {
  await client.query('SAVEPOINT write');
  try {
    const value = await work();
    // A trigger may have deferred constraints again. Nothing may be left that only COMMIT refuses. The triggers of
    // constraints run last, so that the settings are restored behind them.
    await client.query(`SET CONSTRAINTS ALL IMMEDIATE; ${RESTORE_SETTINGS_SQL}; RELEASE SAVEPOINT write`);
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
