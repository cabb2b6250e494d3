/** Looks at a load in the ledger while its process runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { withClient } from '#support/database/database.ts';
import type { RunningCommand } from './load-processes.ts';

/** Waits until the ledger says what `sql` asks for, as `yes`. @returns false when the process has ended before */
export async function waitForLoad(url: string, sql: string, running: RunningCommand): Promise<boolean> {
  let hasEnded = false;
  void running.done.then(() => {
    hasEnded = true;
  });
  return withClient(url, async (client) => {
    while (!hasEnded) {
      const { rows } = await client.query<{ yes: boolean }>(sql).catch(() => ({ rows: [] }));
      if (rows[0]?.yes) return true;
      await sleep(2);
    }
    return false;
  });
}

export const committed = (chunks: number) =>
  `SELECT count(*) >= ${chunks} AS yes FROM batch_upload.batch_upload_audit_logs WHERE event_type = 'chunk_completed'`;

export const hasStatus = (status: string) =>
  `SELECT count(*) > 0 AS yes FROM batch_upload.batch_uploads WHERE status = '${status}'`;

interface HeldLoad {
  url: string;
  /** The table that the load writes. */
  table: string;
  running: RunningCommand;
  /** The load is held once it has committed so many chunks. */
  commits: number;
}

/**
 * Holds a load while `work` runs: a lock on its table lets none of its commits pass, so that the load cannot end meanwhile however fast the
 * machine is.
 */
export async function whileHeld<T>({ url, table, running, commits }: HeldLoad, work: () => Promise<T>): Promise<T> {
  if (!(await waitForLoad(url, committed(commits), running)))
    throw new Error(`The load ended before it was held: ${JSON.stringify(await running.done)}`);
  return withClient(url, async (holder) => {
    // The work may end the server, and with it this session.
    holder.on('error', () => undefined);
    await holder.query(`BEGIN; LOCK TABLE ${table} IN SHARE MODE`);
    return work();
  });
}
