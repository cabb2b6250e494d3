import { setTimeout as sleep } from 'node:timers/promises';

/** A part of a program that works until its signal aborts. */
export interface Runnable {
  name: string;
  run: (signal: AbortSignal) => Promise<void>;
}

/** Time in which the other parts may end after one of them has failed. */
const STOP_MS = 10_000;

/**
 * Runs the parts side by side until `signal` aborts. When a part ends earlier, by itself or by an error, the other parts are
 * stopped: a program that lacks a part would look healthy and do nothing. After the manager of controller-runtime.
 * @throws the error of the part that ended first; at an abort of `signal` nothing
 */
export async function runTogether(parts: readonly Runnable[], signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  let failure: Error | undefined;
  const failed = Promise.withResolvers<void>();
  const runs = parts.map(async ({ name, run }) => {
    let cause: unknown;
    try {
      await run(either);
    } catch (error) {
      cause = error;
    }
    if (either.aborted) return;
    failure = new Error(`${name} has ended`, cause === undefined ? {} : { cause });
    stop.abort(failure);
    failed.resolve();
  });
  const ended = Promise.all(runs);
  await Promise.race([ended, failed.promise.then(() => sleep(STOP_MS, undefined, { ref: false }))]);
  if (failure) throw failure;
}
