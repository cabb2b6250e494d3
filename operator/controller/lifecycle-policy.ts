/**
 * Decides what the verbs of an upload's spec do: cancel, suspend, activeDeadlineSeconds. Pure.
 *
 * | spec                  | the upload                                     | what happens                            |
 * |-----------------------|------------------------------------------------|-----------------------------------------|
 * | cancel                | has not been accepted and has no Job           | ends as Cancelled, without a ledger row |
 * | cancel                | runs                                           | ends as Cancelled in the ledger         |
 * | cancel                | runs, and every record is counted              | ends as it would without cancel         |
 * | cancel                | has ended                                      | nothing; a retry is refused             |
 * | suspend               | has not been accepted                          | waits                                   |
 * | suspend               | runs, also while the ledger is out of reach    | its Jobs are deleted                    |
 * | suspend               | has ended                                      | nothing; a retry opens the next attempt, which waits |
 * | activeDeadlineSeconds | runs                                           | the time for which pods run is counted in the ledger |
 *
 * Cancel wins over suspend, and both win over a retry. The Job of a suspended upload is deleted and not suspended, so that the
 * upload goes on with the present settings, and a program that queues Jobs gets what the Job has held.
 */
import type { Reason } from '#api/conditions.ts';
import { count } from '#common/text.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { ACTIVE_BEAT_MS } from '#ledger/uploads/count-active-time.ts';
import { unfinishedJobs } from './job-policy.ts';
import { isOpen } from './pool/pool-policy.ts';
import type { Action, Decision, Observed, View } from './types.ts';

/** What becomes of an upload that nobody has accepted; null where nothing in its spec stops it. */
export function haltUnaccepted(observed: Observed): Decision | null {
  const { suspend, cancel } = observed.upload.spec;
  const hasJobs = unfinishedJobs(observed.allJobs).length > 0;
  // A Job means that the upload was accepted and that its status was not written: only the ledger knows what was loaded.
  if (cancel && !hasJobs) return { actions: [], view: { kind: 'cancelled' }, degraded: null, requeueAfterMs: null };
  return suspend ? suspendUpload(observed, null) : null;
}

/** What becomes of a running upload whose records are not all counted; null where nothing in its spec stops it. */
export function haltRunning(observed: Observed, view: View & { row: UploadProgress }): Decision | null {
  const { suspend, cancel, activeDeadlineSeconds } = observed.upload.spec;
  const { row } = view;
  const fail = (reason: Reason, message: string): Decision => ({
    actions: [{ type: 'fail', attempt: row.attempt, reason, message }],
    view,
    degraded: null,
    requeueAfterMs: null,
  });
  if (cancel) return fail('Cancelled', 'The upload was cancelled. The records that are loaded stay in the table.');
  if (suspend) return suspendUpload(observed, row);
  if (activeDeadlineSeconds !== undefined && row.activeMs >= activeDeadlineSeconds * 1000) {
    return fail(
      'DeadlineExceeded',
      `Pods have worked on the upload for ${count(activeDeadlineSeconds, 'second')}, which is as long as spec.activeDeadlineSeconds allows. The records that are loaded stay in the table. To go on, raise the deadline and then spec.retryGeneration.`,
    );
  }
  return null;
}

/** @param row null where the ledger has no row or cannot be read: the Jobs are deleted in any case. */
export function suspendUpload(observed: Observed, row: UploadProgress | null): Decision {
  const { allJobs, endingPods, warmPod } = observed;
  // A warm pod has one upload at a time. Another one goes on with those that wait.
  const warmJob = warmPod?.job?.deleting === false ? [warmPod.job] : [];
  const deletions = [...unfinishedJobs(allJobs), ...warmJob].map(
    (job): Action => ({ type: 'deleteJob', job, because: 'the upload is suspended', recreated: 0 }),
  );
  return {
    actions: [
      ...deletions,
      ...(isOpen(row?.assignment) ? [{ type: 'withdraw', alsoClaimed: true } as const] : []),
      ...(row ? countTime(observed, row).actions : []),
    ],
    view: { kind: 'suspended', row, endingPods },
    degraded: null,
    requeueAfterMs: null,
  };
}

/** Counts the time for which a pod runs, for an upload that has a deadline. */
export function countTime(
  { upload, pods }: Observed,
  row: UploadProgress,
): Pick<Decision, 'actions' | 'requeueAfterMs'> {
  const { activeDeadlineSeconds } = upload.spec;
  const isActive = activeDeadlineSeconds !== undefined && pods.some(({ phase }) => phase === 'Running');
  const isCounted = row.activeForMs !== null;
  const isDue = isActive && (row.activeForMs ?? 0) >= ACTIVE_BEAT_MS;
  return {
    actions: isCounted === isActive && !isDue ? [] : [{ type: 'countTime', isActive }],
    requeueAfterMs: isActive
      ? Math.max(1, Math.min(activeDeadlineSeconds * 1000 - row.activeMs, ACTIVE_BEAT_MS - (row.activeForMs ?? 0)))
      : null,
  };
}
