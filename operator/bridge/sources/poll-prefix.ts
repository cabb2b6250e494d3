/** Lists the prefix of a source at intervals. */
import { backoffMs } from '#common/backoff.ts';
import { jitter, sleep } from '#common/clock.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';
import type { ListDeps, ListPass } from './list-prefix.ts';

export interface PollDeps extends Pick<ListDeps, 'clock' | 'recorder'> {
  pass: ListPass;
  intervalMs: number;
  /** Delay of the first pass; it spreads the sources of a process that has just started. */
  delayMs: number;
  onPass?: ((pass: { ok: boolean; seconds: number }) => void) | undefined;
}

const BACKOFF = { baseMs: 2_000, maxMs: 120_000 };

/** Never throws: the error of a failed pass is the source's problem until a pass succeeds. */
export async function pollPrefix(deps: PollDeps, signal: AbortSignal): Promise<void> {
  const { clock, recorder, intervalMs } = deps;
  let failures = 0;
  await sleep(clock, deps.delayMs, signal);
  while (!signal.aborted) {
    const started = clock.monotonic();
    let ok = true;
    try {
      await deps.pass.run(signal);
      failures = 0;
      recorder.listed();
      recorder.problem('list', null);
    } catch (error) {
      if (signal.aborted) return;
      ok = false;
      failures += 1;
      recorder.problem('list', explainError(error));
    }
    deps.onPass?.({ ok, seconds: (clock.monotonic() - started) / 1000 });
    const waitMs = ok ? jitter(intervalMs, 0.05) : Math.min(intervalMs, backoffMs(failures, BACKOFF));
    await sleep(clock, waitMs, signal);
  }
}
