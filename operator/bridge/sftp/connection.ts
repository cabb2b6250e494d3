/** The only connection of an UploadSource: opened on demand, shared, and retried at a rate that servers tolerate. */
import { type BackoffLimits, backoffMs } from '#common/backoff.ts';
import { type Clock, sleep, systemClock } from '#common/clock.ts';
import { Fault, toFault } from '#common/faults.ts';
import type { SftpSession } from './session.ts';

export interface ConnectionDeps {
  connect: (signal: AbortSignal) => Promise<SftpSession>;
  signal: AbortSignal;
  clock?: Clock;
  random?: (() => number) | undefined;
}

export interface Connection extends AsyncDisposable {
  /** Returns the open session, or opens one. @throws the Fault of `connect`, or the signal's reason */
  session(signal: AbortSignal): Promise<SftpSession>;
  /** Closes the open session; the next call of `session` opens another one. */
  release(): Promise<void>;
}

const LOST: BackoffLimits = { baseMs: 1_000, maxMs: 300_000 };
/** Too many tries with a wrong password lock the user out, and a wrong host key needs a person. */
const REFUSED: BackoffLimits = { baseMs: 60_000, maxMs: 900_000 };
/** A session that lasted longer resets the count of failures. */
const SHORT_SESSION_MS = 60_000;

/**
 * | state | next |
 * |---|---|
 * | closed | `opening`, when `session` is called; it waits until `notBefore` first |
 * | `opening` | `current`, or closed with a later `notBefore`; all callers wait for the same result |
 * | `current` | closed, when the session has ended; all callers get the same session |
 */
export function createConnection({ connect, signal, clock = systemClock, random }: ConnectionDeps): Connection {
  let current: { session: SftpSession; since: number } | undefined;
  let opening: Promise<SftpSession> | undefined;
  let failures = 0;
  let notBefore = 0;

  async function open(): Promise<SftpSession> {
    if (current) countLost(current.since);
    current = undefined;
    await sleep(clock, notBefore - clock.monotonic(), signal);
    signal.throwIfAborted();
    try {
      const session = await connect(signal);
      current = { session, since: clock.monotonic() };
      return session;
    } catch (error) {
      signal.throwIfAborted();
      failures += 1;
      const fault = toFault(error);
      delayNext(fault.retryable ? LOST : REFUSED);
      throw error instanceof Fault ? error : fault;
    }
  }

  /** The first reconnect comes at once. A server that accepts logins and hangs up is tried less and less often. */
  function countLost(since: number): void {
    if (clock.monotonic() - since > SHORT_SESSION_MS) failures = 0;
    else failures += 1;
    if (failures > 1) delayNext(LOST);
  }

  function delayNext(limits: BackoffLimits): void {
    notBefore = clock.monotonic() + backoffMs(failures, { ...limits, random });
  }

  async function release(): Promise<void> {
    const session = current?.session;
    current = undefined;
    // A session that this side closes is no failure.
    if (session && !session.ended) failures = 0;
    await session?.[Symbol.asyncDispose]();
  }

  return {
    async session(caller) {
      caller.throwIfAborted();
      if (current && !current.session.ended) return current.session;
      opening ??= open().finally(() => {
        opening = undefined;
      });
      return unlessAborted(opening, caller);
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
    promise.catch(() => undefined);
  }
}
