/** Sets up the operator's connections, and says what their errors mean. */
import pg from 'pg';
import { Fault } from '#common/faults.ts';
import { createRoute, type DatabaseAddress, readDatabaseUri } from '#ledger/connection/database-uri.ts';
import { assertWritable, databaseFault, READ_ONLY, sqlState } from '#ledger/connection/postgres.ts';

export const APPLICATION_NAME = 'batch-upload-operator';

/** Settings for every connection of a pool, as startup options. A frozen operator can hold a lock for 15 s at most. */
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
}): DatabaseAddress {
  const address = readDatabaseUri({ ...options, applicationName: APPLICATION_NAME, connectTimeoutMs: 5_000 });
  const add = (config: pg.ClientConfig) => ({ ...config, options: OPTIONS.join(' ') });
  const hosts = address.hosts.map(({ config, plain }) => ({ config: add(config), plain: plain && add(plain) }));
  return { ...address, hosts };
}

/** Opens one connection. @throws the error of the last host that was tried */
export async function openClient(address: DatabaseAddress, settings: pg.ClientConfig): Promise<pg.Client> {
  const route = createRoute(address);
  for (;;) {
    const { config } = route;
    const client = new pg.Client({ ...config, ...settings });
    client.on('error', () => undefined);
    try {
      await client.connect();
      if (route.mustWrite) await assertWritable(client);
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (!route.next(error, config)) throw error;
    }
  }
}

/**
 * Refuses a connection pooler. Behind a pooler sessions are shared, or have another process id than the client knows,
 * so that a session's settings get lost and a frozen session cannot be ended.
 * @throws Fault PoolerNotSupported
 */
export async function assertDirect(client: pg.ClientBase): Promise<void> {
  const { processID } = client as unknown as { processID: number };
  const result = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  if (result.rows[0]?.pid !== processID) throw pooler();
}

/**
 * @returns a Fault for an error of the database or the network; every other error is a defect and is returned as it is.
 */
export function classify(error: unknown): unknown {
  if (error instanceof Fault) return error;
  // PgBouncer answers the startup options with this error.
  if (sqlState(error) === '08P01' && /startup parameter/.test((error as Error).message)) return pooler();
  return sqlState(error) !== undefined || isNetwork(error) ? databaseFault(error) : error;
}

/** Is the error about the connection, and not about a statement? */
export function isLost(error: unknown): boolean {
  if (error instanceof Fault) return error.code === 'DB_CONNECTION' || error.code === 'CFG_POOLER';
  const state = sqlState(error);
  if (state !== undefined) return state === READ_ONLY || ['57P', '08', '28'].some((begin) => state.startsWith(begin));
  return isNetwork(error);
}

/** node-postgres has no class for connection errors; only the message or the socket's code tells them. */
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
      "In front of PostgreSQL is a connection pooler, such as PgBouncer. Sessions must be our own: let the Secret's uri name PostgreSQL itself.",
  });
}

const OUTDATED = 'DB_LEDGER_OUTDATED';

/** @returns the fault for a ledger that an earlier version of the operator has made. */
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
