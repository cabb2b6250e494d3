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
