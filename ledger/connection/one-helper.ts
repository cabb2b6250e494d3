import type pg from 'pg';

/** Every helper has ended after this time, or is of no use. */
const MOST_MS = 30_000;

/**
 * Lets one helping connection be open at a time, so that an administrator can count the connections of a program. Whoever opens
 * another one waits until the one before has ended, which every helper does soon: its statements have limits of time. Where the
 * server cannot be reached, all that wait learn it together, since each of them would wait for the same limit of time.
 */
export function oneHelper<A extends unknown[]>(
  open: (...args: A) => Promise<pg.Client>,
): (...args: A) => Promise<pg.Client> {
  const waiting: PromiseWithResolvers<void>[] = [];
  let isOpen = false;

  function passOn(): void {
    const next = waiting.shift();
    if (next) next.resolve();
    else isOpen = false;
  }

  return async (...args) => {
    if (isOpen) {
      const turn = Promise.withResolvers<void>();
      waiting.push(turn);
      await turn.promise;
    }
    isOpen = true;
    try {
      const helper = await open(...args);
      const end = once(passOn);
      helper.once('end', end);
      // A connection of which no packet comes any more may end after minutes.
      setTimeout(end, MOST_MS).unref();
      return helper;
    } catch (error) {
      isOpen = false;
      for (const turn of waiting.splice(0)) turn.reject(error);
      throw error;
    }
  };
}

function once(call: () => void): () => void {
  let isCalled = false;
  return () => {
    if (!isCalled) call();
    isCalled = true;
  };
}
