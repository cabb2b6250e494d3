/** Restarts a part of a source that failed. The other parts go on, and the status shows the error. */
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import type { Activity, SourceRecorder } from '#operator/bridge/model/types.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';

const BACKOFF = { baseMs: 2_000, maxMs: 120_000 };
/** A part that ran for so long is healthy: its next failure counts as the first. */
const HEALTHY_MS = 60_000;

export interface Part {
  activity: Activity;
  recorder: SourceRecorder;
  clock: Clock;
  log: Logger;
  run: () => Promise<void>;
}

/** Runs until the signal aborts or the part returns; never throws. */
export async function keepRunning({ activity, recorder, clock, log, run }: Part, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const started = clock.monotonic();
    try {
      await run();
      if (!signal.aborted) return;
    } catch (error) {
      if (signal.aborted) return;
      if (clock.monotonic() - started > HEALTHY_MS) failures = 0;
      failures += 1;
      recorder.problem(activity, explainError(error));
      const retryInMs = backoffMs(failures, BACKOFF);
      log.debug({ err: error, activity, failures, retryInMs }, 'a part of a source failed and will be restarted');
      await sleep(clock, retryInMs, signal);
    }
  }
}
