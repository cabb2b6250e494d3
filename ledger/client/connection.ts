/** The operator's connections: how they are set up, what their errors mean. */
import type pg from 'pg';
import { Fault } from '#common/faults.ts';
import { databaseFault, parseDatabaseUri, sqlState } from '#ledger/connection/postgres.ts';

export const APPLICATION_NAME = 'batch-upload-operator';

/** As startup options, so that every connection of a pool has them. A frozen operator holds a lock for 15 s at most. */
const OPTIONS = [
  'idle_in_transaction_session_timeout=15000',
  'tcp_keepalives_idle=10',
  'tcp_keepalives_interval=5',
  'tcp_keepalives_count=4',
  'tcp_user_timeout=30000',
  'default_transaction_isolation=read\\ committed',
  'client_min_messages=warning',
  'datestyle=ISO',
  'timezone=UTC',
].map((setting) => `-c ${setting}`);

/** @throws Fault CFG_DATABASE_URI (reason SecretInvalid). */
export function connectionConfig(options: {
  uri: string;
  caCert: string | undefined;
  namespace: string;
}): pg.ClientConfig {
  const config = parseDatabaseUri({ ...options, applicationName: APPLICATION_NAME, connectTimeoutMs: 5_000 });
  return { ...config, options: OPTIONS.join(' ') };
}

/**
 * Refuses a pooler: behind one, sessions are shared or of another number than the client knows, and neither a session's
 * settings nor the ending of a frozen one hold.
 * @throws Fault PoolerNotSupported
 */
export async function assertDirect(client: pg.ClientBase): Promise<void> {
  const { processID } = client as unknown as { processID: number };
  const result = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  if (result.rows[0]?.pid !== processID) throw pooler();
}

/** A Fault for what the database or the network says; a defect stays what it is. */
export function classify(error: unknown): unknown {
  if (error instanceof Fault) return error;
  // PgBouncer's answer to our startup options.
  if (sqlState(error) === '08P01' && /startup parameter/.test((error as Error).message)) return pooler();
  return sqlState(error) !== undefined || isNetwork(error) ? databaseFault(error) : error;
}

/** Does the error say something about the connection, and not about a statement? */
export function isLost(error: unknown): boolean {
  if (error instanceof Fault) return error.code === 'DB_CONNECTION' || error.code === 'CFG_POOLER';
  const state = sqlState(error);
  if (state !== undefined) return state.startsWith('57P') || state.startsWith('08') || state.startsWith('28');
  return isNetwork(error);
}

/** node-postgres has no class for these; it says so in the message or in the code of the socket. */
function isNetwork(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && /^(E[A-Z]{3,}|ERR_(SSL|TLS|STREAM)_.*|CERT_.*|.*_CERT.*)$/.test(code)) return true;
  return /Connection terminated|connection error|not queryable|timeout|SSL connection|closed the connection/i.test(
    error.message,
  );
}

function pooler(): Fault {
  return new Fault({
    code: 'CFG_POOLER',
    category: 'permanent',
    reason: 'PoolerNotSupported',
    message:
      "Between the operator and PostgreSQL is a connection pooler, such as PgBouncer. Sessions must be our own: let the Secret's uri name PostgreSQL itself.",
  });
}

const OUTDATED = 'DB_LEDGER_OUTDATED';

/** The ledger was made by an earlier version of the operator. */
export function ledgerOutdated(): Fault {
  return new Fault({
    code: OUTDATED,
    category: 'permanent',
    reason: 'MigrationRequired',
    message: 'The ledger in the schema batch_upload is of an earlier version and is being brought up to date.',
  });
}

export function isLedgerOutdated(error: unknown): error is Fault {
  return error instanceof Fault && error.code === OUTDATED;
}
