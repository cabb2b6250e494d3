/**
 * A pod's session with the database: one connection, opened again when it is lost, for minutes before the pod gives up.
 */
import type pg from 'pg';
import { waitBackoff } from '#common/backoff.ts';
import { Fault, toFault } from '#common/faults.ts';
import type { Logger } from '#common/log.ts';
import {
  connect,
  type DatabaseOptions,
  databaseFault,
  disconnect,
  socketOf,
  sqlState,
} from '#ledger/connection/postgres.ts';
import { withStallWatch } from '#ledger/connection/watch-stall.ts';
import { applicationName, type LockPatience, withLockPatience } from '#ledger/uploads/lock-upload.ts';

/** What looks on from the side asks one short question; more than this is another broken connection. */
const HELPER_TIMEOUT_MS = 10_000;

/** For the transaction that is under way when the pod is told to stop; it would be killed after 30 s. */
const LAST_TRANSACTION_MS = 5_000;

/** Tries of a chunk that PostgreSQL answered with a retryable state (deadlock, serialization, lock). */
const MIN_TRIES = 3;

export interface SessionOptions {
  database: Omit<DatabaseOptions, 'applicationName'>;
  uploadId: string;
  /** In the application name, for people: `plan`, `process-7`. */
  role: string;
  retrySeconds: number;
  /** After this long without a byte the server is asked whether it still works for this session. */
  stallSeconds: number;
  /** No other work is begun after it; what is under way has a few seconds, then its connection is given up. */
  signal: AbortSignal;
  log: Logger;
}

export interface Session {
  /**
   * Runs a unit of work that is safe to repeat from its start: on a lost connection or a retryable state it is run
   * again, with backoff, on a new connection if need be.
   * @throws Fault when it is not retryable, or `retrySeconds` have passed without success.
   */
  run<T>(work: (client: pg.Client, tries: number) => Promise<T>): Promise<T>;
  /** From now on this runs once on every connection, the present one too, before anything else does. */
  prepareBy(prepare: (client: pg.Client) => Promise<void>): void;
  close(): Promise<void>;
}

export function createSession(options: SessionOptions): Session {
  const { signal, log, uploadId, role, retrySeconds, stallSeconds } = options;
  const database = { ...options.database, applicationName: applicationName(uploadId, role) };
  const openHelper = () =>
    connect({
      ...database,
      applicationName: applicationName(uploadId, `${role}-watch`),
      idleTimeoutMs: HELPER_TIMEOUT_MS,
    });
  const stall = {
    stallMs: stallSeconds * 1000,
    openHelper,
    onAnswer(served: boolean) {
      if (served) log.debug({}, 'nothing has come from the database for a while, but it works for this session');
      else log.warn({}, 'the database no longer works for this session, which nobody has closed: it is given up');
    },
  };
  const patience: LockPatience = {
    uploadId,
    openHelper,
    onTerminated: (pid) => log.warn({ pid }, 'ended a session that held a lock of this upload and did not move'),
  };
  let current: pg.Client | null = null;
  let prepare: ((client: pg.Client) => Promise<void>) | null = null;
  let prepared: pg.Client | null = null;
  const giveUp = () => void (current && socketOf(current).destroy(new Error('Connection terminated: told to stop')));
  signal.addEventListener('abort', () => setTimeout(giveUp, LAST_TRANSACTION_MS).unref(), { once: true });

  async function open(): Promise<pg.Client> {
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
  }

  async function drop(): Promise<void> {
    const client = current;
    current = null;
    if (client) await disconnect(client);
  }

  return {
    async run(work) {
      const since = Date.now();
      for (let tries = 1; ; tries += 1) {
        signal.throwIfAborted();
        try {
          const client = await open();
          return await withStallWatch(client, stall, () =>
            withLockPatience(client, patience, () => work(client, tries)),
          );
        } catch (error) {
          signal.throwIfAborted();
          const fault = classify(error);
          // A connection in an unknown state is not used again.
          if (sqlState(error) === undefined || (error as pg.DatabaseError).severity !== 'ERROR') await drop();
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
    prepareBy(work) {
      prepare = work;
      prepared = null;
    },
    close: drop,
  };
}

/** Errors of node-postgres are faults of the database; everything else that was thrown is a defect. */
function classify(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (sqlState(error) !== undefined || isConnectionError(error)) return databaseFault(error);
  return toFault(error);
}

/** node-postgres has no class for these; it says so in the message or in the code of the socket. */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && /^(E[A-Z]{3,}|ERR_STREAM_PREMATURE_CLOSE|ERR_STREAM_DESTROYED)$/.test(code))
    return true;
  return /Connection terminated|connection error|not queryable|timeout expired|Client was closed/i.test(error.message);
}
