/** What a command does when a person presses Ctrl-C, or the process is told to end. */
export interface Interrupts {
  /** The first signal calls `handle` instead of ending the process; the second one ends the process all the same. */
  handleOnce(handle: (signal: NodeJS.Signals) => void): void;
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Ends the process at a signal, with the exit code of shells, unless a command handles the signal. */
export function listenToSignals(): Interrupts {
  let handler: ((signal: NodeJS.Signals) => void) | null = null;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      const handle = handler;
      handler = null;
      if (handle) handle(signal);
      else process.exit(EXIT_CODES[signal]);
    });
  }
  return {
    handleOnce(handle) {
      handler = handle;
    },
  };
}
