/** Starts a part of a source again when it ends by an error: the others go on, and the status says what is wrong. */
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';
import type { Activity, SourceRecorder } from '#operator/bridge/types.ts';

const BACKOFF = { baseMs: 2_000, maxMs: 120_000 };
/** One that has run so long has not failed at its start. */
const WELL_MS = 60_000;

export interface Part {
  activity: Activity;
  recorder: SourceRecorder;
  clock: Clock;
  log: Logger;
  run: () => Promise<void>;
}

/** Until aborted; never throws. */
export async function keepRunning({ activity, recorder, clock, log, run }: Part, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const started = clock.monotonic();
    try {
      await run();
      // A part that has nothing more to do.
      if (!signal.aborted) return;
    } catch (error) {
      if (signal.aborted) return;
      if (clock.monotonic() - started > WELL_MS) failures = 0;
      failures += 1;
      recorder.problem(activity, explainError(error));
      log.debug({ err: error, activity, failures }, 'a part of a source ended and is started again');
      await sleep(clock, backoffMs(failures, BACKOFF), signal);
    }
  }
}
