import type { ClientBase } from 'pg';
import { applicationName } from './lock-upload.ts';

/** What a session of an upload's pods waits for. */
export type SessionWait =
  /** The COMMIT is on the disk, and its answer waits for a synchronous standby. */
  | { on: 'standby' }
  /** Another session has a lock. Its role and name are null where this role may not see them. */
  | { on: 'lock'; pid: number; role: string | null; application: string | null };

/** Shorter waits are everyday life of a database. */
const LEAST_SECONDS = 10;

/**
 * Finds what the sessions of an upload wait for outside of the upload: pods of one upload wait for each other in the normal
 * course of things. The list is ordered, so that it is the same each time.
 */
export async function findWaits(client: ClientBase, uploadId: string): Promise<SessionWait[]> {
  const own = `${applicationName(uploadId, '')}%`;
  const { rows } = await client.query<SessionWait>(
    `WITH own AS (SELECT pid, wait_event, query_start FROM pg_stat_activity
       WHERE application_name LIKE $1 AND datname = current_database()),
     late AS (SELECT clock_timestamp() - make_interval(secs => $2) AS before)
     SELECT 'standby' AS on, NULL::int AS pid, NULL::text AS role, NULL::text AS application
     FROM late WHERE EXISTS (SELECT FROM own WHERE wait_event = 'SyncRep' AND query_start < late.before)
     UNION
     SELECT 'lock', b.pid, b.usename::text, b.application_name
     FROM late, own JOIN pg_locks l ON l.pid = own.pid AND NOT l.granted
       CROSS JOIN LATERAL unnest(pg_blocking_pids(own.pid)) AS blocking(pid)
       JOIN pg_stat_activity b ON b.pid = blocking.pid
     WHERE l.waitstart < late.before AND b.pid NOT IN (SELECT pid FROM own)
     ORDER BY 1, 2`,
    [own, LEAST_SECONDS],
  );
  return rows;
}
