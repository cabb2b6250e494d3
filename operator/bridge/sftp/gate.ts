/** Lets at most so many in at once, in the order of asking. */
export interface Gate {
  /** @throws the signal's reason */
  enter(signal: AbortSignal): Promise<void>;
  leave(): void;
}

export function createGate(size: number): Gate {
  let free = size;
  const waiting: (() => void)[] = [];
  return {
    async enter(signal) {
      signal.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return;
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const stop = () => {
        const at = waiting.indexOf(resolve);
        if (at < 0) return;
        waiting.splice(at, 1);
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
    leave() {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    },
  };
}
