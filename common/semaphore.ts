/** At most `limit` at a time, first come first served. */
export interface Gate {
  run<T>(work: () => Promise<T>): Promise<T>;
  readonly active: number;
}

export function createGate(limit: number): Gate {
  const waiting: (() => void)[] = [];
  let active = 0;
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
        // The next one takes over this place.
        const next = waiting.shift();
        if (next) next();
        else active -= 1;
      }
    },
  };
}
