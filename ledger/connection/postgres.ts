/** Reads the URIs of databases, opens a runner's sessions, and turns errors of PostgreSQL into faults. */
import type { Socket } from 'node:net';
import pg from 'pg';
import { Fault } from '#common/faults.ts';
import { networkCode } from '#common/network-code.ts';

export interface DatabaseOptions {
  uri: string;
  /** A CA certificate as PEM. With it the server's certificate is verified, unless `sslmode=disable`. */
  caCert?: string | undefined;
  /** The namespace where a host name without a dot is a Service. Names with dots and addresses are used as they are. */
  namespace?: string | undefined;
  applicationName: string;
  connectTimeoutMs?: number;
  /** 0 or absent: statements have no time limit. */
  statementTimeoutMs?: number;
  /**
   * Breaks the connection off after this many milliseconds without a byte; absent: never. Meant for short questions.
   */
  idleTimeoutMs?: number;
}

/** Parameters of a URI that make libpq or node-postgres read a local file, or connect to another server. */
const REFUSED = new Set([
  'sslcert',
  'sslkey',
  'sslrootcert',
  'sslcrl',
  'sslcrldir',
  'passfile',
  'service',
  'servicefile',
]);
const ALLOWED = new Set(['sslmode', 'application_name', 'connect_timeout', 'target_session_attrs']);

/**
 * Reads a postgres:// URI into the options of node-postgres.
 * @throws Fault CFG_DATABASE_URI (permanent, reason SecretInvalid); the message never holds the URI.
 */
export function parseDatabaseUri(options: DatabaseOptions): pg.ClientConfig {
  const url = parseUrl(options.uri);
  for (const name of url.searchParams.keys()) {
    if (REFUSED.has(name))
      throw invalid(`the parameter ${name} names a file; put a CA certificate into the Secret's ca.crt`);
    if (!ALLOWED.has(name))
      throw invalid(`the parameter ${name} is not supported; allowed are ${[...ALLOWED].join(', ')}`);
  }
  const host = decodeURIComponent(url.hostname.replace(/^\[|\]$/g, ''));
  if (!host || host.startsWith('/')) throw invalid('it has no host; a socket folder cannot be used from a pod');
  const database = decodeURIComponent(url.pathname.slice(1));
  if (!database) throw invalid('it names no database, as in postgres://user:password@host:5432/database');
  return {
    host: options.namespace && !/[.:]/.test(host) && host !== 'localhost' ? `${host}.${options.namespace}.svc` : host,
    port: url.port ? Number(url.port) : 5432,
    database,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    ssl: readTls(url.searchParams.get('sslmode'), options.caCert),
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(options.statementTimeoutMs ? { statement_timeout: options.statementTimeoutMs } : {}),
  };
}

function parseUrl(uri: string): URL {
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    throw invalid('it is not a URI; it should look like postgres://user:password@host:5432/database');
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw invalid('it must start with postgres://');
  return url;
}

function readTls(mode: string | null, ca: string | undefined): pg.ClientConfig['ssl'] {
  switch (mode) {
    case null:
      return ca ? { ca, rejectUnauthorized: true } : false;
    case 'disable':
      return false;
    case 'require':
    case 'no-verify':
      return ca ? { ca, rejectUnauthorized: true } : { rejectUnauthorized: false };
    case 'verify-ca':
    case 'verify-full':
      return { ...(ca ? { ca } : {}), rejectUnauthorized: true };
    default:
      throw invalid(`sslmode=${mode} is not supported; allowed are disable, require, verify-ca and verify-full`);
  }
}

function invalid(why: string): Fault {
  return new Fault({
    code: 'CFG_DATABASE_URI',
    category: 'permanent',
    reason: 'SecretInvalid',
    message: `The database Secret's uri cannot be used: ${why}. Correct the key uri of the Secret.`,
  });
}

const CONNECT_TIMEOUT_MS = 10_000;
const DISCONNECT_TIMEOUT_MS = 2_000;

/**
 * Settings of a runner's session, whatever settings the role or the database has. They decide how values are read, and
 * that a commit is on disk before anybody hears about the commit. With the time limits the server ends a session within
 * 30 s when the session's machine no longer answers, and within 60 s when the session is idle in a transaction.
 */
const SESSION_SQL = `SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4;
SET tcp_user_timeout = 30000; SET idle_in_transaction_session_timeout = 60000;
SET default_transaction_isolation = 'read committed'; SET client_min_messages = 'warning';
SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET standard_conforming_strings = on;
SET lc_monetary = 'C'; SET intervalstyle = 'postgres'; SET array_nulls = on; SET default_table_access_method = 'heap';
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';`;

/**
 * A role or a database may have time limits for people's sessions, which would end every try of a long COPY. PostgreSQL 14
 * has no transaction_timeout.
 */
const NO_LIMITS_SQL = `SELECT set_config(name, '0', false) FROM pg_settings
  WHERE name IN ('lock_timeout', 'idle_session_timeout', 'transaction_timeout', 'statement_timeout')`;

/** Opens a connection, which the caller ends by {@link disconnect}. @throws Fault */
export async function connect(options: DatabaseOptions): Promise<pg.Client> {
  const client = new pg.Client(parseDatabaseUri(options));
  // An idle connection that breaks emits this event. The next query fails, and its caller handles that.
  client.on('error', () => undefined);
  try {
    await client.connect();
    // The driver's time limit for connecting ends with the login, so the statement for the settings gets the same
    // limit.
    breakWhenIdle(client, options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    const limited = options.statementTimeoutMs ? ` AND name <> 'statement_timeout'` : '';
    await client.query(`${SESSION_SQL}${NO_LIMITS_SQL}${limited}`);
    breakWhenIdle(client, options.idleTimeoutMs ?? 0);
    return client;
  } catch (error) {
    await disconnect(client);
    throw databaseFault(error);
  }
}

/** Ends the connection politely, or by force when the server does not answer within 2 s. */
export async function disconnect(client: pg.Client): Promise<void> {
  breakWhenIdle(client, DISCONNECT_TIMEOUT_MS);
  await client.end().catch(() => undefined);
}

/** Destroys the socket after `ms` without a byte; 0: never. A waiting query then fails as with any lost connection. */
function breakWhenIdle(client: pg.Client, ms: number): void {
  const socket = socketOf(client);
  socket.removeAllListeners('timeout');
  socket.setTimeout(ms, () => socket.destroy(new Error('Connection terminated: timeout')));
}

export function socketOf(client: pg.Client): Socket {
  return client.connection.stream as Socket;
}

/** @returns the SQLSTATE of an error of PostgreSQL; undefined for a broken connection and every other error. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && error instanceof pg.DatabaseError ? code : undefined;
}

/** Classes of SQLSTATE after which another try can succeed, on the same or a new connection. */
const RETRYABLE_CLASSES = new Set(['08', '40', '53', '55', '57', '58']);

/**
 * The server has ended a transaction that was idle for too long. A pod that was frozen for a while begins the
 * transaction again.
 */
const IDLE_IN_TRANSACTION = '25P03';

/** Makes a fault that is named by its SQLSTATE. PostgreSQL's own messages carry values and are never passed on. */
export function databaseFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const state = sqlState(error);
  if (state === undefined) {
    return new Fault({
      code: 'DB_CONNECTION',
      category: 'retryable',
      reason: 'DatabaseUnavailable',
      message: `The database cannot be reached (${networkCode(error)}). Check that PostgreSQL runs, and the host and port in the Secret's uri.`,
      cause: error,
    });
  }
  const { table, column, constraint } = error as pg.DatabaseError;
  const where = [table && `table ${table}`, column && `column ${column}`, constraint && `constraint ${constraint}`]
    .filter(Boolean)
    .join(', ');
  if (state.startsWith('28')) {
    return new Fault({
      code: 'DB_AUTHENTICATION',
      category: 'permanent',
      reason: 'DatabaseAccessDenied',
      message: 'The database refused the credentials of the Secret: correct its uri.',
      cause: error,
    });
  }
  const retryable = RETRYABLE_CLASSES.has(state.slice(0, 2)) || state === IDLE_IN_TRANSACTION;
  return new Fault({
    code: `DB_${state}`,
    category: retryable ? 'retryable' : 'permanent',
    reason: retryable ? 'DatabaseUnavailable' : state === '42501' ? 'DatabaseAccessDenied' : 'DatabaseError',
    message: `The database answered SQLSTATE ${state}${where ? ` (${where})` : ''}.${HINTS[state] ?? ''}`,
    cause: error,
    context: { sqlstate: state },
  });
}

const HINTS: Record<string, string> = {
  '25006':
    ' The role or the database is read-only, or the server is a standby: put the primary server into the uri, or run: ALTER ROLE … SET default_transaction_read_only = off;',
  '42501':
    ' Grant the role of the Secret INSERT, SELECT and UPDATE on the target table and on the schema batch_upload.',
  '42P01': ' The table does not exist any more: create it again.',
  '42883': ' A key column has a type that cannot be hashed, such as money or bit: give it another one.',
  '3D000': ' The database of the uri does not exist.',
};
