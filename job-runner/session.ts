/**
 * A pod's session with the database: one connection, opened again when it is lost, for minutes before the pod gives up.
 */
import pg from 'pg';
import { Fault, toFault } from '#common/faults.ts';
import type { Logger } from '#common/log.ts';
import { waitBackoff } from '#common/wait-backoff.ts';
import { isNotifyQueueFull } from '#ledger/connection/error-place.ts';
import { oneHelper } from '#ledger/connection/one-helper.ts';
import {
  connect,
  type DatabaseOptions,
  databaseFault,
  disconnect,
  emptyNotifyQueue,
  READ_ONLY,
  socketOf,
  sqlState,
} from '#ledger/connection/postgres.ts';
import { type StallWatch, withStallWatch } from '#ledger/connection/watch-stall.ts';
import { applicationName, type LockPatience, withLockPatience } from '#ledger/uploads/lock-upload.ts';

/** A helper connection asks one short question. A helper that gets no byte for this long is broken as well. */
const HELPER_TIMEOUT_MS = 10_000;

/** A transaction under way may run this much longer when the pod is stopped. Kubernetes kills the pod after 30 s. */
const LAST_TRANSACTION_MS = 5_000;

/**
 * Work is tried at least this often when its faults are retryable (deadlock, serialization, lost connection), however
 * long it takes.
 */
const MIN_TRIES = 3;

/** All sessions of a pod share one helping connection. */
const helpers = oneHelper(connect);

export interface SessionOptions {
  database: Omit<DatabaseOptions, 'applicationName'>;
  uploadId: string;
  /** Part of the application name, for people who look at the server's sessions: `plan`, `process-7`. */
  role: string;
  retrySeconds: number;
  /** After this many seconds without a byte the server is asked whether it still works for this session. */
  stallSeconds: number;
  /** After its abort no other work begins. Work under way has a few more seconds until its connection is broken off. */
  signal: AbortSignal;
  log: Logger;
}

export interface Session {
  /**
   * Runs a unit of work that is safe to repeat from its start. After a lost connection or a retryable SQLSTATE the work
   * is run again with backoff, on a new connection if necessary.
   * @throws Fault when the fault is not retryable, or `retrySeconds` have passed without success.
   */
  run<T>(work: (client: pg.Client, tries: number) => Promise<T>): Promise<T>;
  /** Runs `prepare` once on every connection from now on, also on the present one, before any other work. */
  prepareBy(prepare: (client: pg.Client) => Promise<void>): void;
  close(): Promise<void>;
}

export function createSession(options: SessionOptions): Session {
  const { signal, log, uploadId, role, retrySeconds } = options;
  const database = { ...options.database, applicationName: applicationName(uploadId, role) };
  const helper = { applicationName: applicationName(uploadId, `${role}-watch`), idleTimeoutMs: HELPER_TIMEOUT_MS };
  const openHelper = () => helpers({ ...database, ...helper });
  const stall = createStallWatch(options, openHelper);
  const patience: LockPatience = {
    uploadId,
    openHelper,
    onTerminated: (pid) => log.warn({ pid }, 'ended a session that held a lock of this upload and did not move'),
  };
  const connection = createConnection(database, stall);
  const onAbort = () => setTimeout(connection.breakOff, LAST_TRANSACTION_MS).unref();
  signal.addEventListener('abort', onAbort, { once: true });

  return {
    async run(work) {
      const since = Date.now();
      let wasQueueFull = false;
      for (let tries = 1; ; tries += 1) {
        signal.throwIfAborted();
        try {
          const client = await connection.open();
          return await withStallWatch(client, stall, () =>
            withLockPatience(client, patience, async () => {
              if (wasQueueFull) await emptyNotifyQueue(client);
              return work(client, tries);
            }),
          );
        } catch (error) {
          signal.throwIfAborted();
          const fault = classify(error);
          wasQueueFull = fault.cause instanceof pg.DatabaseError && isNotifyQueueFull(fault.cause);
          if (isSpent(error)) await connection.drop();
          const spent = Date.now() - since;
          if (!fault.retryable || (tries >= MIN_TRIES && spent > retrySeconds * 1000)) throw fault;
          log.warn(
            { code: fault.code, tries, err: fault.cause instanceof Error ? fault.cause.name : undefined },
            'database fault, trying again',
          );
          await waitBackoff(tries, signal);
        }
      }
    },
    prepareBy: connection.prepareBy,
    async close() {
      signal.removeEventListener('abort', onAbort);
      await connection.drop();
    },
  };
}

function createStallWatch(
  { stallSeconds, log }: Pick<SessionOptions, 'stallSeconds' | 'log'>,
  openHelper: StallWatch['openHelper'],
): StallWatch {
  return {
    stallMs: stallSeconds * 1000,
    openHelper,
    onAnswer(served) {
      if (served) log.debug({}, 'nothing has come from the database for a while, but it works for this session');
      else log.warn({}, 'the database no longer works for this session, which nobody has closed: it is given up');
    },
  };
}

/** The one connection of a session: opened when it is needed, prepared before its first use. */
function createConnection(database: DatabaseOptions, stall: StallWatch) {
  let current: pg.Client | null = null;
  let prepare: ((client: pg.Client) => Promise<void>) | null = null;
  let prepared: pg.Client | null = null;

  async function drop(): Promise<void> {
    const client = current;
    current = null;
    if (client) await disconnect(client);
  }

  return {
    async open(): Promise<pg.Client> {
      current ??= await connect(database);
      const client = current;
      if (prepare && prepared !== client) {
        const preparing = prepare;
        try {
          await withStallWatch(client, stall, () => preparing(client));
        } catch (error) {
          await drop();
          throw error;
        }
      }
      prepared = client;
      return client;
    },
    drop,
    /** Closes the socket at once; a query that waits for an answer then fails. */
    breakOff(): void {
      if (current) socketOf(current).destroy(new Error('Connection terminated: the pod stops'));
    },
    prepareBy(work: (client: pg.Client) => Promise<void>): void {
      prepare = work;
      prepared = null;
    },
  };
}

/** A connection in an unknown state, and one to a server that takes no writes, is not used again. */
function isSpent(error: unknown): boolean {
  const state = sqlState(error);
  return state === undefined || state === READ_ONLY || (error as pg.DatabaseError).severity !== 'ERROR';
}

/** Errors of node-postgres are faults of the database. Every other error is a defect. */
function classify(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (sqlState(error) !== undefined || isConnectionError(error)) return databaseFault(error);
  return toFault(error);
}

/** node-postgres has no class for connection errors; only the message or the socket's code tells them. */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && /^(E[A-Z]{3,}|ERR_STREAM_PREMATURE_CLOSE|ERR_STREAM_DESTROYED)$/.test(code))
    return true;
  return /Connection terminated|connection error|not queryable|timeout expired|Client was closed/i.test(error.message);
}
