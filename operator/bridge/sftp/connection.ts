/** The one connection of a source: opened when somebody needs it, shared, and not tried more often than a server may take. */
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
  /** @throws Fault of the connect, the signal's reason */
  session(signal: AbortSignal): Promise<SftpSession>;
  /** Closes what is open; the next one who asks opens it again. */
  release(): Promise<void>;
}

const LOST: BackoffLimits = { baseMs: 1_000, maxMs: 300_000 };
/** A wrong password that is tried too often locks the user out; a host key changes by hand. */
const REFUSED: BackoffLimits = { baseMs: 60_000, maxMs: 900_000 };
/** A session that lasted longer ends a row of failures. */
const SHORT_SESSION_MS = 60_000;

/**
 * | state | next |
 * |---|---|
 * | nothing | `session()`: waits until `notBefore`, then opens |
 * | `opening` | everybody who asks waits for the same; open, or nothing with a later `notBefore` |
 * | `current` | given to everybody; when it ended: nothing |
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
      wait(fault.retryable ? LOST : REFUSED);
      throw error instanceof Fault ? error : fault;
    }
  }

  /** The first reconnect comes at once; a server that lets in and hangs up again is asked less and less. */
  function countLost(since: number): void {
    if (clock.monotonic() - since > SHORT_SESSION_MS) failures = 0;
    else failures += 1;
    if (failures > 1) wait(LOST);
  }

  function wait(limits: BackoffLimits): void {
    notBefore = clock.monotonic() + backoffMs(failures, { ...limits, random });
  }

  async function release(): Promise<void> {
    const session = current?.session;
    current = undefined;
    // It was ended by us: that is no failure.
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
