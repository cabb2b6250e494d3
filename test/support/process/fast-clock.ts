/** A clock on which time runs faster, so that a test of real connections need not wait for real time limits. */
import type { Clock } from '#common/clock.ts';

export function createFastClock(factor: number): Clock {
  const wall = Date.now();
  const began = performance.now();
  const passed = () => (performance.now() - began) * factor;
  return {
    now: () => wall + passed(),
    monotonic: passed,
    schedule(ms, callback) {
      const timer = setTimeout(callback, Math.max(ms, 0) / factor);
      return () => clearTimeout(timer);
    },
  };
}
