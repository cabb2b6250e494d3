/**
 * The fence. A chunk's transaction holds a FOR SHARE lock on the upload's row until it commits. A transaction that
 * changes the upload's status updates that row, and so waits for every chunk's transaction under way and stops every
 * later one.
 *
 * Row locks alone are not fair: PostgreSQL lets a new FOR SHARE join the holders while an UPDATE waits, so pods whose
 * transactions overlap could keep the operator waiting for ever. Every transaction therefore first takes an advisory
 * lock with the same two sides, whose waiters are served in their order.
 */
import type { ClientBase } from 'pg';
import pg from 'pg';
import { Fault } from '#common/faults.ts';
import type { LedgerStatus } from '#ledger/types.ts';

/** @returns the application name by which the sessions of an upload's pods are found, at most 63 bytes long. */
export function applicationName(uploadId: string, role: string): string {
  return `batch-upload/${uploadId}/${role}`.slice(0, 63);
}

/**
 * Makes two statements to send after BEGIN. They wait at the advisory lock, then lock the upload's row and return its
 * status and attempt, for {@link assertRunning}.
 */
export function lockUploadSharedSql(id: string): string {
  const upload = pg.escapeLiteral(id);
  return `SELECT pg_advisory_xact_lock_shared(hashtextextended(${upload}, 0));
    SELECT status, attempt FROM batch_upload.batch_uploads WHERE id = ${upload} FOR SHARE`;
}

/**
 * Takes the exclusive side of the fence until the transaction ends.
 * @returns null when the ledger has no such upload.
 */
export async function lockUploadExclusive(
  client: ClientBase,
  id: string,
): Promise<{ status: LedgerStatus; attempt: number } | null> {
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [id]);
  const result = await client.query<{ status: LedgerStatus; attempt: number }>(
    'SELECT status, attempt FROM batch_upload.batch_uploads WHERE id = $1 FOR UPDATE',
    [id],
  );
  return result.rows[0] ?? null;
}

/** @throws Fault FENCED unless the upload has this status and this attempt. */
export function assertRunning(
  row: { status: LedgerStatus; attempt: number } | null | undefined,
  { id, attempt, status }: { id: string; attempt: number; status: LedgerStatus },
): void {
  if (row && row.status === status && row.attempt === attempt) return;
  throw new Fault({
    code: 'FENCED',
    category: 'fenced',
    reason: 'Fenced',
    message: row
      ? `The upload is ${row.status}, attempt ${row.attempt}: this pod works for ${status}, attempt ${attempt}, and stops.`
      : `The ledger has no upload ${id}.`,
  });
}

export interface LockPatience {
  uploadId: string;
  /** Opens another connection of the same role, to look at sessions and to end them. It is called only after a wait. */
  openHelper: () => Promise<ClientBase & { end(): Promise<void> }>;
  /** Milliseconds of waiting before somebody looks at the sessions that block; default 5,000. */
  patienceMs?: number;
  /**
   * Sessions that wait for a lock of somebody else are ended, too: the upload is deleted, and with it the pods. A server does not notice
   * for minutes that the client of a session that waits has ended.
   */
  isDeleted?: boolean;
  /** Called for each session that was ended. */
  onTerminated?: (pid: number) => void;
}

/**
 * Runs a transaction and watches it by another connection. The transaction may wait some seconds for a session of the
 * same upload that itself waits for its client: a pod frozen in the middle of a COPY, or between two statements. That
 * session is then ended. Nothing else would end it soon, since Linux still answers keepalives for a frozen pod. A
 * session that works is left alone. A lock_timeout is no alternative, because it would lose the place in the queue.
 */
export async function withLockPatience<T>(
  client: ClientBase,
  options: LockPatience,
  work: () => Promise<T>,
): Promise<T> {
  const patienceMs = options.patienceMs ?? 5_000;
  const pid = (client as unknown as { processID: number }).processID;
  let looking: Promise<unknown> = Promise.resolve();
  const watch = setInterval(() => {
    looking = looking.then(() => endFrozenBlockers(pid, { ...options, patienceMs })).catch(() => undefined);
  }, patienceMs);
  try {
    return await work();
  } finally {
    clearInterval(watch);
    await looking;
  }
}

/**
 * Ends the sessions of this upload that block `pid`, directly or through others, and whose transaction has waited for its client
 * for `patienceMs`. The wait is counted from the beginning or the end of the last statement: a transaction may be old although
 * its client moves.
 * @returns their process ids.
 */
export async function endFrozenBlockers(
  pid: number,
  { openHelper, uploadId, isDeleted = false, onTerminated, patienceMs }: LockPatience & { patienceMs: number },
): Promise<number[]> {
  const helper = await openHelper();
  try {
    const result = await helper.query<{ pid: number; ended: boolean }>(
      `WITH RECURSIVE blockers(pid) AS (
         SELECT unnest(pg_blocking_pids($1))
         UNION
         SELECT unnest(pg_blocking_pids(b.pid)) FROM blockers b)
       SELECT a.pid, pg_terminate_backend(a.pid) AS ended
       FROM blockers JOIN pg_stat_activity a USING (pid)
       WHERE a.application_name LIKE $2 || '%'
         AND (a.wait_event_type = 'Client' OR ($4 AND a.wait_event_type = 'Lock'))
         AND a.pid <> $1
         AND a.xact_start IS NOT NULL
         AND a.state_change < clock_timestamp() - make_interval(secs => $3)`,
      [pid, applicationName(uploadId, ''), patienceMs / 1000, isDeleted],
    );
    const ended = result.rows.filter((row) => row.ended).map((row) => row.pid);
    for (const blocker of ended) onTerminated?.(blocker);
    return ended;
  } finally {
    await helper.end();
  }
}
