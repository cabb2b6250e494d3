/** Connections to PostgreSQL: what a URI may say, how a session is set up, what its errors mean. */
import type { Socket } from 'node:net';
import pg from 'pg';
import { Fault } from '#common/faults.ts';
import { networkCode } from '#common/network-code.ts';

export interface DatabaseOptions {
  uri: string;
  /** PEM; switches to verify-full. */
  caCert?: string | undefined;
  /** Where a host name without a dot is a Service; names with dots and addresses are taken as they are. */
  namespace?: string | undefined;
  applicationName: string;
  connectTimeoutMs?: number;
  /** Milliseconds; 0 or absent: none. */
  statementTimeoutMs?: number;
  /** Milliseconds without a byte after which the connection is broken off; absent: never. For short questions. */
  idleTimeoutMs?: number;
}

/** Parameters of a URI that libpq or node-postgres would read a local file for, or that would change who is asked. */
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
    message: `The database Secret's uri cannot be used: ${why}.`,
  });
}

const CONNECT_TIMEOUT_MS = 10_000;
const DISCONNECT_TIMEOUT_MS = 2_000;

/**
 * What a runner's session needs besides the defaults. The server ends a session whose machine is gone within 30 s,
 * and one that sits in a transaction without a word within 60 s.
 */
const SESSION_SQL = `SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4;
SET tcp_user_timeout = 30000; SET idle_in_transaction_session_timeout = 60000;
SET default_transaction_isolation = 'read committed'; SET client_min_messages = 'warning';
SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET standard_conforming_strings = on`;

/** Opens one connection; its errors are {@link Fault}s. The caller ends it, by {@link disconnect}. */
export async function connect(options: DatabaseOptions): Promise<pg.Client> {
  const client = new pg.Client(parseDatabaseUri(options));
  // An idle connection that breaks says so here; the next query fails and is handled there.
  client.on('error', () => undefined);
  try {
    await client.connect();
    // The time for connecting ends with the login: what the session needs besides has to come as soon.
    breakWhenIdle(client, options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    await client.query(SESSION_SQL);
    breakWhenIdle(client, options.idleTimeoutMs ?? 0);
    return client;
  } catch (error) {
    await disconnect(client);
    throw databaseFault(error);
  }
}

/** Ends the connection politely, or by force when the other side does not answer: it may be gone without a word. */
export async function disconnect(client: pg.Client): Promise<void> {
  breakWhenIdle(client, DISCONNECT_TIMEOUT_MS);
  await client.end().catch(() => undefined);
}

/** 0 milliseconds: never. What waits on the connection fails as by any lost one. */
function breakWhenIdle(client: pg.Client, ms: number): void {
  const socket = socketOf(client);
  socket.removeAllListeners('timeout');
  socket.setTimeout(ms, () => socket.destroy(new Error('Connection terminated: timeout')));
}

export function socketOf(client: pg.Client): Socket {
  return client.connection.stream as Socket;
}

/** SQLSTATE of an error of PostgreSQL, or undefined for a broken connection and everything else. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && error instanceof pg.DatabaseError ? code : undefined;
}

/** Classes that another try on a new or the same connection may pass. */
const RETRYABLE_CLASSES = new Set(['08', '40', '53', '55', '57', '58']);

/** The server has ended a transaction that nobody went on with: a pod that was frozen meanwhile begins it again. */
const IDLE_IN_TRANSACTION = '25P03';

/** Names a fault by its SQLSTATE. Messages of PostgreSQL carry values and are never passed on. */
export function databaseFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const state = sqlState(error);
  if (state === undefined) {
    return new Fault({
      code: 'DB_CONNECTION',
      category: 'retryable',
      reason: 'DatabaseUnavailable',
      message: `The database cannot be reached (${networkCode(error)}).`,
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
  '42501':
    ' Grant the role of the Secret INSERT, SELECT and UPDATE on the target table and on the schema batch_upload.',
  '42P01': ' The table is gone: create it again.',
  '42883': ' A key column has a type that cannot be hashed, such as money or bit: give it another one.',
  '3D000': ' The database of the uri does not exist.',
};
