/** Opens a runner's sessions, and turns errors of PostgreSQL into faults. */
import type { Socket } from 'node:net';
import pg from 'pg';
import { Fault } from '#common/faults.ts';
import { networkCode } from '#common/network-code.ts';
import { createRoute, type DatabaseOptions, type Route, readDatabaseUri } from './database-uri.ts';
import { functionOf, isNotifyQueueFull, isRaised } from './error-place.ts';

export type { DatabaseOptions } from './database-uri.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const DISCONNECT_TIMEOUT_MS = 2_000;

/**
 * Settings that decide how values are read, and how PostgreSQL writes them as text. A value that goes through text must
 * not change: with extra_float_digits below 1 a number would lose its last digits.
 */
const VALUE_SETTINGS_SQL = `SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET standard_conforming_strings = on;
SET lc_monetary = 'C'; SET intervalstyle = 'postgres'; SET array_nulls = on; SET extra_float_digits = 1`;

/** A commit must be on disk before anybody hears about it. Stricter values than `on` stay. */
const DURABLE_SQL =
  "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/**
 * A trigger of the target can change a session's settings, for the transaction or for good. These statements take back what
 * decides how names and values are read, and when a commit is done; the role and the search path become what they were
 * at the login. They go with other statements, since each statement alone would cost a round trip.
 */
export const RESTORE_SETTINGS_SQL = `RESET ROLE; RESET search_path; SET client_encoding = 'UTF8'; ${VALUE_SETTINGS_SQL};
SET statement_timeout = 0; SET lock_timeout = 0; ${DURABLE_SQL}`;

/**
 * Settings of a runner's session, whatever settings the role or the database has. They decide how values are read, and
 * that a commit is on disk before anybody hears about the commit. With the time limits the server ends a session within
 * 30 s when the session's machine no longer answers, and within 60 s when the session is idle in a transaction.
 */
const SESSION_SQL = `SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4;
SET tcp_user_timeout = 30000; SET idle_in_transaction_session_timeout = 60000;
SET default_transaction_isolation = 'read committed'; SET client_min_messages = 'warning';
SET default_table_access_method = 'heap'; ${VALUE_SETTINGS_SQL};
${DURABLE_SQL};`;

/**
 * A role or a database may have time limits for people's sessions, which would end every try of a long COPY. PostgreSQL 14
 * has no transaction_timeout.
 */
const NO_LIMITS_SQL = `SELECT set_config(name, '0', false) FROM pg_settings
  WHERE name IN ('lock_timeout', 'idle_session_timeout', 'transaction_timeout', 'statement_timeout')`;

/** Opens a connection, which the caller ends by {@link disconnect}. @throws Fault */
export async function connect(options: DatabaseOptions): Promise<pg.Client> {
  const route = createRoute(readDatabaseUri({ connectTimeoutMs: CONNECT_TIMEOUT_MS, ...options }));
  for (;;) {
    const { config } = route;
    try {
      return await open(route, options);
    } catch (error) {
      if (!route.next(error, config)) throw databaseFault(error);
    }
  }
}

async function open({ config, mustWrite }: Route, options: DatabaseOptions): Promise<pg.Client> {
  const client = new pg.Client(config);
  // An idle connection that breaks emits this event. The next query fails, and its caller handles that.
  client.on('error', () => undefined);
  try {
    await client.connect();
    // The driver's time limit for connecting ends with the login, so the statement for the settings gets the same
    // limit.
    breakWhenIdle(client, options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    const limited = options.statementTimeoutMs ? ` AND name <> 'statement_timeout'` : '';
    // A role's limit may be so short that it would end the next statements.
    const first = limited ? '' : 'SET statement_timeout = 0; ';
    await client.query(`${first}${SESSION_SQL}${NO_LIMITS_SQL}${limited}`);
    if (mustWrite) await assertWritable(client);
    breakWhenIdle(client, options.idleTimeoutMs ?? 0);
    return client;
  } catch (error) {
    await disconnect(client);
    throw error;
  }
}

/** @throws Fault DB_25006 when the server takes no writes */
export async function assertWritable(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ transaction_read_only: string }>('SHOW transaction_read_only');
  if (rows[0]?.transaction_read_only === 'on') throw stateFault(READ_ONLY);
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

/**
 * The server takes no writes: it is a standby, or was the primary before a switchover. A new connection may reach the
 * new primary.
 */
export const READ_ONLY = '25006';

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
  const answer = error as pg.DatabaseError;
  const { table, column, constraint } = answer;
  const raised = isRaised(answer);
  const where = [
    table && `table ${table}`,
    column && `column ${column}`,
    constraint && `constraint ${constraint}`,
    functionOf(answer),
  ]
    .filter(Boolean)
    .join(', ');
  if (state.startsWith('28') && !raised) {
    return new Fault({
      code: 'DB_AUTHENTICATION',
      category: 'permanent',
      reason: 'DatabaseAccessDenied',
      message: explainDenied(error as pg.DatabaseError),
      cause: error,
    });
  }
  return stateFault(state, where, error);
}

/** The server's rules for hosts speak of the connection, and not of the password. */
function explainDenied({ message }: pg.DatabaseError): string {
  if (message.includes('client certificate')) {
    return 'The database asks for a client certificate (clientcert or cert in its pg_hba.conf), and uploads log in with a password only: add an entry for this role without it.';
  }
  if (!message.includes('pg_hba.conf')) return 'The database refused the credentials of the Secret: correct its uri.';
  return /no encryption|SSL off/.test(message)
    ? "The database refuses this role from this address without TLS. Where the Secret's uri has sslmode=disable, take it out (the pg_hba.conf of the database has only hostssl entries); else add an entry there, or correct the uri."
    : 'The database refuses this role from this address (its pg_hba.conf has no entry for them): add an entry there, or correct the uri of the Secret.';
}

function stateFault(state: string, where = '', cause?: unknown): Fault {
  const raised = cause !== undefined && isRaised(cause as pg.DatabaseError);
  const isFull = cause !== undefined && isNotifyQueueFull(cause as pg.DatabaseError);
  const retryable =
    RETRYABLE_CLASSES.has(state.slice(0, 2)) || state === IDLE_IN_TRANSACTION || state === READ_ONLY || isFull;
  const hint = isFull ? NOTIFY_QUEUE_FULL : HINTS[state];
  return new Fault({
    code: `DB_${state}`,
    category: retryable ? 'retryable' : 'permanent',
    reason: retryable ? 'DatabaseUnavailable' : state === '42501' ? 'DatabaseAccessDenied' : 'DatabaseError',
    message: `The database answered SQLSTATE ${state}${where ? ` (${where})` : ''}.${raised ? RAISED : (hint ?? '')}`,
    cause,
    context: { sqlstate: state },
  });
}

const RAISED =
  ' A function of the database raised it. To refuse a record, a trigger must raise another SQLSTATE, such as P0001: this one speaks of the server or the session.';

const NOTIFY_QUEUE_FULL =
  " The server's queue of notifications is full, and a trigger of the table notifies: end the session that listens and has had a transaction open for long. The server's log names its process.";

/** Lets the server drop the notifications that all listeners have read. A full queue stays full until somebody asks. */
export async function emptyNotifyQueue(client: pg.ClientBase): Promise<void> {
  await client.query('SELECT pg_notification_queue_usage()');
}

const HINTS: Record<string, string> = {
  '22021':
    ' A name, a key or a text of the upload has the character U+0000, which PostgreSQL stores in no text: create the upload again without this character.',
  '22P05':
    ' A name, a key or a text of the upload or of its RecordSchema has U+0000, which PostgreSQL stores in no text, or a character that the encoding of the database does not have: use other characters or, for the latter, a database in UTF8.',
  '53100': ' The disk of the database is full: free some space there.',
  '42501':
    ' Grant the role of the Secret INSERT, SELECT and UPDATE on the target table and on the schema batch_upload.',
  [READ_ONLY]:
    ' The server takes no writes: a switchover is under way, or the uri names a standby, or the role is set to read only. Let the uri name the primary; after a switchover the work goes on by itself.',
  '57014':
    ' The statement was cancelled, mostly because it had reached its time limit: look in pg_stat_activity for a session that holds a lock on a table of the schema batch_upload or on the target table, or for a server that is overloaded.',
  '42P01': ' The table does not exist any more: create it again.',
  '42883': ' A key column has a type that cannot be hashed, such as money or bit: give it another one.',
  '3D000': ' The database of the uri does not exist.',
};
