/** A deadline that can be moved while the call goes on. */
import type { Clock } from './clock.ts';

export class Expired extends Error {}

/** Makes a signal that aborts with the caller's signal, or when the time of the last `set` is over. */
export function createDeadline(clock: Clock, outer: AbortSignal | undefined) {
  const controller = new AbortController();
  const follow = () => controller.abort(outer?.reason);
  if (outer?.aborted) follow();
  outer?.addEventListener('abort', follow, { once: true });
  let cancel = () => {};
  return {
    signal: controller.signal,
    set(ms: number | undefined) {
      cancel();
      cancel = ms === undefined ? () => {} : clock.schedule(ms, () => controller.abort(new Expired(`after ${ms} ms`)));
    },
    [Symbol.dispose]() {
      cancel();
      outer?.removeEventListener('abort', follow);
    },
  };
}
