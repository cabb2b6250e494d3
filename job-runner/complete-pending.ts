/**
 * Completes the pending records of an upload once all of its chunks are through. Whichever pod finds the chunks done
 * begins; of several pods at once one works at a time, and a pod that is killed leaves what it had committed.
 *
 * | sweep    | records of one transaction | records that still wait | next sweep                               |
 * |----------|----------------------------|-------------------------|------------------------------------------|
 * | first    | 50,000                     | stay pending            | a wide one                               |
 * | wide     | 200,000                    | stay pending            | a wide one if a record moved, else last  |
 * | last     | 50,000                     | fail                    | none                                     |
 *
 * A sweep goes from the end of the file to its start, because a pending record mostly refers to a later one. The first
 * sweep thereby writes nearly all records in short transactions. Records that refer to each other in any order or in a
 * circle need to be in one statement, for which a wide sweep takes as many as the memory of a pod allows. Where one
 * transaction has all pending records and none of them moves, they fail at once, in any sweep.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { canCompletePending, countPending } from '#ledger/pending/pending-records.ts';
import { BEHIND_ALL, commitPendingWindow, type WindowOutcome } from '#runner/load/commit-pending.ts';
import type { LoadContext } from './load-chunks.ts';

/** A pod that finds another one at work looks again after this time. */
const TURN_MS = 500;
const FIRST_ROWS = 50_000;
const WIDE_ROWS = 200_000;

interface Sweep {
  limit: number;
  isLast: boolean;
}

/** Does nothing while chunks are left: the pod that does the last chunk completes the pending records. */
export async function completePending(context: LoadContext): Promise<void> {
  const { session, upload, log } = context;
  if (!(await session.run((client) => canCompletePending(client, upload.id)))) return;
  log.info({}, 'all chunks are done: records that waited for others are tried again');
  // A record that another pod has moved counts as well, since others may have waited for that record.
  const countLeft = () => session.run((client) => countPending(client, upload.id));
  await sweep(context, { limit: FIRST_ROWS, isLast: false });
  let left = await countLeft();
  for (let before = Number.POSITIVE_INFINITY; left > 0 && left < before; left = await countLeft()) {
    before = left;
    await sweep(context, { limit: WIDE_ROWS, isLast: false });
  }
  if (left > 0) await sweep(context, { limit: FIRST_ROWS, isLast: true });
}

async function sweep(context: LoadContext, { limit, isLast }: Sweep): Promise<void> {
  let before = BEHIND_ALL;
  for (;;) {
    const { first, completed } = await commitWindow(context, { before, limit, isLast });
    if (first === null) return;
    before = first;
    if (completed) report(context, completed);
  }
}

async function commitWindow(context: LoadContext, window: Sweep & { before: number }): Promise<WindowOutcome> {
  const { session, config, upload, target, columnTypes, brake, log } = context;
  // How long a window is in the file is not known: the server is measured before each one.
  if (brake) await brake.ready(session, Number.POSITIVE_INFINITY);
  for (let isFirst = true; ; isFirst = false) {
    const outcome = await session.run((client, tries) =>
      commitPendingWindow(
        {
          ...{ client, target, columnTypes, uploadId: upload.id, attempt: config.attempt },
          metadata: { pod: config.podName, index: config.completionIndex, tries },
        },
        window,
      ),
    );
    if (outcome) return outcome;
    if (isFirst) log.info({}, 'another pod completes the pending records');
    await sleep(TURN_MS);
  }
}

function report({ log, telemetry }: LoadContext, completed: NonNullable<WindowOutcome['completed']>): void {
  const { rows, succeeded, updated, failed, duplicate } = completed;
  telemetry.pendingCommitted(completed);
  log.debug({ records: rows.length, succeeded, updated, failed, duplicate }, 'pending records committed');
}
