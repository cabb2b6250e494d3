/** Which history a database has: a standby that is promoted begins a new timeline of the same database. */
import type pg from 'pg';

export interface Lineage {
  /** One for all servers that stem from one initdb, and the database among those of the server. */
  system: string;
  database: string;
  /** Grows with each promotion, and with each restore to an earlier time. */
  timeline: number;
}

const SQL = `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system, oid::text AS database,
  CASE WHEN NOT pg_is_in_recovery()
    THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END AS timeline
  FROM pg_database WHERE datname = current_database()`;

/**
 * @returns null where the server does not say, such as a database that keeps no WAL of its own; undefined on a standby, whose
 * connections live on when it is promoted
 */
export async function readLineage(client: pg.ClientBase): Promise<Lineage | null | undefined> {
  const { rows } = await client.query<Lineage>(SQL).catch(() => ({ rows: [] }));
  const [lineage] = rows;
  return lineage?.timeline === null ? undefined : (lineage ?? null);
}

/**
 * Is `now` a later timeline of the database that was `before`? Then transactions that were committed on the earlier one can
 * be missing. WAL has an order, so that everything that was committed after a missing transaction is missing, too.
 */
export function hasBranchedOff(before: Lineage | null, now: Lineage | null): boolean {
  if (before === null || now === null) return false;
  return before.system === now.system && before.database === now.database && before.timeline < now.timeline;
}
