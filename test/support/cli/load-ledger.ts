/** Looks at a load in the ledger while its process runs, and holds the load on its way. */
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate } from '#ledger/migrate.ts';
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

const OPENED = 'SELECT count(*) > 0 AS yes FROM batch_upload.batch_uploads';

/** The key of an advisory lock, which is none of the product's own. */
const HOLD = 7_000_000_001;

interface HeldLoad {
  url: string;
  start(): RunningCommand;
  /** So many chunks are committed when the load is held. Each session commits one group of chunks more at most. */
  commits: number;
}

/** Makes the trigger that lets no commit pass after so many. Rows of the trigger's own transaction do not count. */
const holdAfter = (commits: number) => `
  CREATE OR REPLACE FUNCTION test_hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT count(*) >= ${commits} FROM batch_upload.batch_upload_audit_logs
        WHERE event_type = 'chunk_completed' AND pg_xact_status(xmin::text::xid8) = 'committed')
    THEN PERFORM pg_advisory_xact_lock_shared(${HOLD}); END IF;
    RETURN NEW; END $$;
  CREATE OR REPLACE TRIGGER test_hold BEFORE INSERT ON batch_upload.batch_upload_audit_logs
    FOR EACH ROW WHEN (NEW.event_type = 'chunk_completed') EXECUTE FUNCTION test_hold()`;

/**
 * Starts a load, and holds it while `work` runs. The trigger is there before the load begins, so that the load cannot end
 * meanwhile however fast the machine is.
 */
export async function whileHeld<T>(
  { url, start, commits }: HeldLoad,
  work: (running: RunningCommand) => Promise<T>,
): Promise<T> {
  await withClient(url, migrate);
  return withClient(url, async (holder) => {
    // The work may end the server, and with it this session.
    holder.on('error', () => undefined);
    await holder.query(`SELECT pg_advisory_lock(${HOLD}); ${holdAfter(commits)}`);
    const running = start();
    if (!(await waitForLoad(url, commits === 0 ? OPENED : committed(commits), running)))
      throw new Error(`The load ended before it was held: ${JSON.stringify(await running.done)}`);
    return work(running);
  });
}

/** Kills a load that is held. */
export async function killWhileHeld(load: HeldLoad): Promise<void> {
  await whileHeld(load, async ({ process, done }) => {
    process.kill('SIGKILL');
    await done;
  });
}
