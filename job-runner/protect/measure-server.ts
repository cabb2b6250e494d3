/** Measures what a server writes and how far its replicas have come, by one short query. */
import type { ClientBase } from 'pg';
import { assertWritable, sqlState } from '#ledger/connection/postgres.ts';

/** Time in ms between two measurements of one pod, but where a wait is known to be longer or shorter. */
export const MEASURE_MS = 500;

export interface Replica {
  /** The process of the server that sends the WAL. */
  pid: number;
  name: string;
  /** The position in the WAL up to which the replica has replayed, in bytes. */
  replayedBytes: number;
  /** The lag that the server has measured, in ms; null: none. */
  lagMs: number | null;
}

export interface Measurement {
  /** The position up to which the server has written its WAL, in bytes; null: the server does not tell. */
  writtenBytes: number | null;
  /** The replicas that are connected; null: this role may not see how far they are, or nobody has asked for them. */
  replicas: Replica[] | null;
  /** The role of the session, as SQL names it; null where the position is not known. */
  role: string | null;
}

/** States of a server that has no such function, that does not support it, or that lets this role not call it. */
const NOT_TOLD = new Set(['42883', '0A000', '42501']);
/** The server is a standby, so that it writes no WAL of its own. */
const IN_RECOVERY = '55000';

/** A backup, and what only receives the WAL, replay nothing. */
const REPLICAS_SQL = `CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN (
  SELECT coalesce(json_agg(json_build_object('pid', pid, 'name', application_name,
    'replayedBytes', replay_lsn - '0/0'::pg_lsn, 'lagMs', extract(epoch FROM replay_lag) * 1000)), '[]')
  FROM pg_stat_replication WHERE replay_lsn IS NOT NULL AND state <> 'backup') END`;

/** @throws Fault DB_25006 of a standby, or an error of PostgreSQL */
export async function measureServer(
  client: ClientBase,
  { withReplicas }: { withReplicas: boolean },
): Promise<Measurement> {
  try {
    const { rows } = await client.query<{ written: number; replicas: Replica[] | null; role: string }>(
      `SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::float8 AS written, quote_ident(current_user) AS role,
         ${withReplicas ? REPLICAS_SQL : 'NULL'} AS replicas`,
    );
    const { written, replicas, role } = rows[0]!;
    return { writtenBytes: written, replicas, role };
  } catch (error) {
    const state = sqlState(error);
    if (state === IN_RECOVERY) await assertWritable(client);
    if (state === undefined || !NOT_TOLD.has(state)) throw error;
    return { writtenBytes: null, replicas: null, role: null };
  }
}
