/**
 * The lock of everybody who loads a file, an advisory lock of PostgreSQL. The lock ends with its connection. The ledger keeps every load exact
 * without the lock, so that a load goes on while its lock is taken again, and ends where another process has taken it meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { waitBackoff } from '#common/wait-backoff.ts';
import { connect, disconnect, socketOf } from '#ledger/connection/postgres.ts';
import { tryLockSubject, type UploadSubject } from '#ledger/uploads/find-unfinished-upload.ts';

/** The name of the connection among PostgreSQL's sessions. */
export const LOCK_SESSION = 'batch-upload/load';
/** A connection that breaks on the way never says so: each beat asks the server, and silence counts as a broken connection. */
const BEAT_MS = 10_000;
const SILENCE_MS = 25_000;
const OWN_SESSION_MS = 1000;

export interface FileLock extends AsyncDisposable {
  /** Takes the lock of another load, too. @returns false when another connection has it */
  tryLock(subject: UploadSubject): Promise<boolean>;
}

export interface FileLockOptions {
  /** The connection that has the lock of `subject`. */
  client: pg.Client;
  subject: UploadSubject;
  databaseUri: string;
  /** Called when another process has taken a lock that was lost. */
  onTaken(): void;
}

export function keepLock({ client: first, subject, databaseUri, onTaken }: FileLockOptions): FileLock {
  const subjects = [subject];
  const ended = new AbortController();
  const { signal } = ended;
  let client = first;

  function watch(current: pg.Client): void {
    client = current;
    const socket = socketOf(current);
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    const beat = setInterval(() => void current.query('SELECT 1').catch(() => undefined), BEAT_MS).unref();
    current.once('end', () => {
      clearInterval(beat);
      // Each fault of taking the lock again is one that the sessions of the load meet, too.
      if (!signal.aborted) void takeAgain(current).catch(() => undefined);
    });
  }

  async function takeAgain(lost: pg.Client): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      await waitBackoff(tries, signal);
      const next = await connect({ uri: databaseUri, applicationName: LOCK_SESSION }).catch(() => null);
      if (!next) continue;
      if (await lockAll(next, lost).catch(() => false)) return watch(next);
      await disconnect(next);
    }
  }

  /** @returns false when the load ends, since another process has a lock */
  async function lockAll(next: pg.Client, lost: pg.Client): Promise<boolean> {
    for (const each of subjects)
      while (!(await tryLockSubject(next, each))) {
        if (!(await isThere(next, lost))) {
          ended.abort();
          onTaken();
          return false;
        }
        await sleep(OWN_SESSION_MS, undefined, { signal });
      }
    return !signal.aborted;
  }

  watch(first);
  return {
    async tryLock(another) {
      const isLocked = await tryLockSubject(client, another);
      if (isLocked) subjects.push(another);
      return isLocked;
    },
    async [Symbol.asyncDispose]() {
      ended.abort();
      await disconnect(client);
    },
  };
}

/** Where a network broke, the server keeps the session of the lost connection, and its lock, for up to a minute. */
async function isThere(client: pg.Client, lost: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    'SELECT count(*) > 0 AS there FROM pg_stat_activity WHERE pid = $1 AND application_name = $2',
    [(lost as unknown as { processID: number }).processID, LOCK_SESSION],
  );
  return rows[0]!.there;
}
