/** How long to wait after failures. Pure, and needs nothing of Node, so that a browser runs it. */

export interface BackoffLimits {
  /** The whole delay after the first failure. */
  baseMs: number;
  maxMs: number;
}

export interface BackoffOptions extends BackoffLimits {
  /** Math.random when absent. */
  random?: (() => number) | undefined;
}

/**
 * The delay in ms after so many failures in a row: `baseMs`, doubled with every failure after the first, at most
 * `maxMs`. Half of the delay is fixed, and the other half is multiplied by a random number from 0 to 1 ("equal
 * jitter"). Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(failures: number, { baseMs, maxMs, random = Math.random }: BackoffOptions): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(Math.max(failures - 1, 0), 40));
  return full * (0.5 + random() * 0.5);
}
