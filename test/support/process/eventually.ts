/** Waits for a result of real I/O without a fixed sleep. `limitMs` only bounds a failing test. */
export async function eventually(what: string, predicate: () => boolean, limitMs = 10_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!predicate()) {
    if (performance.now() > end) throw new Error(`did not happen within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
