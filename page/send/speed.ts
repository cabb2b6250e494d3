/** How fast bytes are sent, and how long the rest takes. Pure. */

export interface Speed {
  /** Null until something can be said. */
  bytesPerSecond: number | null;
  secondsLeft: number | null;
}

export interface SpeedMeter {
  /** @param atMs by a clock that never goes back */
  add(sentBytes: number, atMs: number): void;
  /** The time during a pause does not count. */
  reset(): void;
  read(sentBytes: number, sizeBytes: number): Speed;
}

/** Long enough that one part more or less is no jump, short enough that another network is seen. */
const WINDOW_MS = 20_000;
const LEAST_MS = 1_000;

export function createSpeedMeter(): SpeedMeter {
  let points: { sentBytes: number; atMs: number }[] = [];
  return {
    add(sentBytes, atMs) {
      points.push({ sentBytes, atMs });
      const begin = points.findLastIndex((point) => atMs - point.atMs >= WINDOW_MS);
      if (begin > 0) points = points.slice(begin);
    },
    reset() {
      points = [];
    },
    read(sentBytes, sizeBytes) {
      const first = points[0];
      const last = points.at(-1);
      const ms = first && last ? last.atMs - first.atMs : 0;
      if (!first || !last || ms < LEAST_MS) return { bytesPerSecond: null, secondsLeft: null };
      // A part that is sent again counts once: the sum can go back.
      const bytesPerSecond = Math.max(0, ((last.sentBytes - first.sentBytes) / ms) * 1000);
      if (bytesPerSecond === 0) return { bytesPerSecond, secondsLeft: null };
      return { bytesPerSecond, secondsLeft: Math.ceil((sizeBytes - sentBytes) / bytesPerSecond) };
    },
  };
}
