import type { ClientBase } from 'pg';
import { applicationName } from './lock-upload.ts';

/** What a session of an upload's pods waits for. */
export type SessionWait =
  /** The COMMIT is on the disk, and its answer waits for a synchronous standby. */
  | { on: 'standby' }
  /** Another session has a lock. Its role and name are null where this role may not see them. */
  | { on: 'lock'; pid: number; role: string | null; application: string | null }
  /** A prepared transaction has a lock. `gid` is quoted, and `prepared` is in ISO 8601. */
  | { on: 'prepared'; gid: string; role: string; prepared: string };

/** Shorter waits are everyday life of a database. */
const LEAST_SECONDS = 10;

/** PostgreSQL's modes of locks, with the modes that each conflicts with: the bit n stands for the n-th mode, from 1. */
const MODES = {
  AccessShareLock: 0b1_0000_0000,
  RowShareLock: 0b1_1000_0000,
  RowExclusiveLock: 0b1_1110_0000,
  ShareUpdateExclusiveLock: 0b1_1111_0000,
  ShareLock: 0b1_1101_1000,
  ShareRowExclusiveLock: 0b1_1111_1000,
  ExclusiveLock: 0b1_1111_1100,
  AccessExclusiveLock: 0b1_1111_1110,
};

const OBJECT = ['locktype', 'database', 'relation', 'page', 'tuple', 'virtualxid', 'transactionid', 'classid', 'objid'];
const objectOf = (lock: string) => `(${[...OBJECT, 'objsubid'].map((name) => `${lock}.${name}`).join(', ')})`;

/**
 * Finds what the sessions of an upload wait for outside of the upload: pods of one upload wait for each other in the normal
 * course of things. The list is ordered, so that it is the same each time.
 *
 * A prepared transaction has no session, and pg_blocking_pids says 0 for it. Its locks have the virtual transaction that its
 * session had, and after a restart of the server one of their own; one of them is always that of the transaction's id.
 */
export async function findWaits(client: ClientBase, uploadId: string): Promise<SessionWait[]> {
  const own = `${applicationName(uploadId, '')}%`;
  const { rows } = await client.query<SessionWait>(
    `WITH own AS (SELECT pid, wait_event, query_start FROM pg_stat_activity
       WHERE application_name LIKE $1 AND datname = current_database()),
     late AS (SELECT clock_timestamp() - make_interval(secs => $2) AS before),
     locks AS MATERIALIZED (SELECT * FROM pg_locks),
     wanted AS (SELECT l.* FROM late, own JOIN locks l ON l.pid = own.pid AND NOT l.granted
       WHERE l.waitstart < late.before)
     SELECT 'standby' AS on, NULL::int AS pid, NULL::text AS role, NULL::text AS application, NULL::text AS gid,
       NULL::text AS prepared
     FROM late WHERE EXISTS (SELECT FROM own WHERE wait_event = 'SyncRep' AND query_start < late.before)
     UNION
     SELECT 'lock', b.pid, b.usename::text, b.application_name, NULL, NULL
     FROM wanted CROSS JOIN LATERAL unnest(pg_blocking_pids(wanted.pid)) AS blocking(pid)
       JOIN pg_stat_activity b ON b.pid = blocking.pid
     WHERE b.pid NOT IN (SELECT pid FROM own)
     UNION
     SELECT 'prepared', NULL, p.owner::text, NULL, quote_literal(p.gid),
       to_char(p.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
     FROM wanted JOIN unnest($3::text[], $4::int[]) AS conflicting (mode, modes) USING (mode)
       JOIN locks held ON held.pid IS NULL AND held.granted AND ${objectOf('held')} IS NOT DISTINCT FROM ${objectOf('wanted')}
         AND (conflicting.modes >> array_position($3::text[], held.mode)) & 1 = 1
       JOIN locks named ON named.pid IS NULL AND named.virtualtransaction = held.virtualtransaction
         AND named.locktype = 'transactionid'
       JOIN pg_prepared_xacts p ON p.transaction = named.transactionid
     ORDER BY 1, 2, 5`,
    [own, LEAST_SECONDS, Object.keys(MODES), Object.values(MODES)],
  );
  return rows;
}
