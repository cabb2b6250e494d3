/** Pieces that come by themselves, kept for one who takes them when it likes. */
export interface Arrivals {
  put(piece: Buffer): void;
  /** Nothing more comes; the first call counts. */
  end(failure?: { error: unknown }): void;
  /** All that has come since the last time, at least one; null at the end. @throws the failure, behind what came before it */
  take(): Promise<Buffer[] | null>;
}

export function createArrivals(): Arrivals {
  let come: Buffer[] = [];
  let ended: { failure: { error: unknown } | undefined } | null = null;
  let wake = () => {};
  return {
    put(piece) {
      come.push(piece);
      wake();
    },
    end(failure) {
      ended ??= { failure };
      wake();
    },
    async take() {
      while (come.length === 0 && !ended) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (come.length > 0) {
        const taken = come;
        come = [];
        return taken;
      }
      if (ended?.failure) throw ended.failure.error;
      return null;
    },
  };
}
