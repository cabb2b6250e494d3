/** The checks of /healthz that the controller and the bridge share. Each returns what is wrong, or null. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '#common/clock.ts';

/** A watch is silent after this time without a sign of life; bookmarks and reopened watches come far more often. */
const SILENT_MS = 10 * 60_000;
/** The controller loses its lease anyway when its event loop is blocked for this long. */
const BLOCKED_MS = 30_000;

/** @returns a check of the time since the check before. */
export function createBlockedCheck(resolutionMs: number): () => string | null {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  return () => {
    const blockedMs = delay.max / 1e6;
    delay.reset();
    return blockedMs > BLOCKED_MS ? `the event loop was blocked for ${Math.round(blockedMs)} ms` : null;
  };
}

export function findSilentWatch(
  watches: readonly { type: { plural: string }; lastActivity: number }[],
  clock: Clock,
): string | null {
  const now = clock.monotonic();
  const silent = watches.find(({ lastActivity }) => now - lastActivity > SILENT_MS);
  return silent === undefined ? null : `the watch of ${silent.type.plural} is silent`;
}
