import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits for a result of real I/O. `limitMs` only bounds a failing test. The waits between two looks are short, and leave
 * the processor to the servers that are waited for.
 */
export async function eventually(
  what: string,
  predicate: () => boolean | Promise<boolean>,
  limitMs = 20_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await predicate())) {
    if (performance.now() > end) throw new Error(`did not happen within ${limitMs} ms: ${what}`);
    await sleep(2);
  }
}
