export interface Semaphore {
  /** Runs the work while it holds a slot; an error of the work frees the slot, too. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when the caller holds a slot, which `release` frees. @throws the signal's reason */
  acquire(signal: AbortSignal): Promise<void>;
  release(): void;
  /** The number of slots that are held. */
  readonly active: number;
}

/** A semaphore of `limit` slots. Callers get a slot in the order in which they asked. */
export function createSemaphore(limit: number): Semaphore {
  const waiting: (() => void)[] = [];
  let active = 0;

  function release(): void {
    // The first caller that waits takes over the slot.
    const next = waiting.shift();
    if (next) next();
    else active -= 1;
  }

  return {
    get active() {
      return active;
    },
    async run(work) {
      if (active >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
      else active += 1;
      try {
        return await work();
      } finally {
        release();
      }
    },
    async acquire(signal) {
      signal.throwIfAborted();
      if (active < limit) {
        active += 1;
        return;
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const stop = () => {
        const position = waiting.indexOf(resolve);
        // The caller got its slot in the same moment: it keeps the slot, and looks at its signal.
        if (position < 0) return;
        waiting.splice(position, 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', stop, { once: true });
      waiting.push(resolve);
      try {
        await promise;
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
    release,
  };
}
