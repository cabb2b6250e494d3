/**
 * Decides what to do with an upload from what is observed of it. Pure.
 *
 * | ledger      | accepted before | observed besides                   | actions            | phase      |
 * |-------------|-----------------|------------------------------------|--------------------|------------|
 * | unreachable | no              |                                    |                    | Pending    |
 * | unreachable | yes             |                                    |                    | as before, Degraded |
 * | outdated    |                 |                                    | migrate            | as for unreachable, then as for the new ledger |
 * | absent      | no              | no schema, or an invalid one       |                    | Pending    |
 * | absent      | no              | schema                             | accept             | Pending, then Planning |
 * | absent      | no              | a service account that is not allowed |                 | Pending    |
 * | absent      | yes             |                                    |                    | as before, Degraded |
 * | absent      | yes             | a standby was promoted that lacked it | as if not accepted | as if not accepted |
 * | Planning, Queued, Processing |  | spec.cancel, spec.suspend, deadline | see lifecycle-policy.ts | Cancelled, Suspended, Failed |
 * | Planning, Processing |        | a limit of the chart has no room   |                    | Queued     |
 * | Planning, Processing |        | the same, and its Job was refused  |                    | Queued, Degraded |
 * | Planning    |                 | plan Job missing                   | create it          | Planning   |
 * | Planning    |                 | plan Job missing, its service account not allowed |     | Planning, Degraded |
 * | Planning    |                 | plan Job complete                  | delete, recreate   | Planning   |
 * | Planning    |                 | plan Job failed                    | fail               | Planning, then Failed |
 * | Queued      |                 | upload of the same content runs    | stop counting time | Queued     |
 * | Queued      |                 | that upload has ended              | dequeue            | Queued, then Processing or Complete |
 * | Processing  |                 | too many failed records            | fail               | Processing, then Failed |
 * | Processing  |                 | every record counted               | complete           | Processing, then Complete |
 * | Processing  |                 | its Job missing, complete, failed  | as for Planning    | Processing |
 * | Processing  |                 | the namespace is being deleted     | delete the Job     | as before, Degraded |
 * | Processing  |                 | spec.parallelism changed           | set the process Job's | Processing |
 * | Planning, Processing |        | Kueue has not admitted its Job     |                    | Queued     |
 * | Planning, Processing |        | the same, and spec.parallelism, spec.queueName or what its pods ask for changed | delete, recreate | Queued |
 * | Complete    |                 |                                    |                    | Complete   |
 * | Failed      |                 | Jobs unfinished, within 5 s        |                    | as before, Stopping |
 * | Failed      |                 | Jobs unfinished                    | delete them        | Failed     |
 * | Failed      |                 | Jobs finished                      |                    | Failed     |
 * | Failed      | spec.retryGeneration is greater | Jobs unfinished    | as above           | as before, Stopping |
 * | Failed      | the same        | Jobs finished                      | delete what still removes copies, retry | Planning, Queued, Processing or Complete |
 * | Failed      | the same        | another attempt is not possible    | as without retry   | Failed     |
 * | Deleted     |                 | (closed by mistake)                | as for Failed      | Failed     |
 *
 * "Its Job" is the plan Job where its one pod is enough (execution Inline), else the process Job. The ledger alone
 * decides on success. Too many failed records end an upload also when every chunk is done: a small upload has no chunk
 * left when it is first read.
 */
import { isTrue } from '#api/conditions.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import type { LedgerStatus, UploadProgress } from '#ledger/types.ts';
import { findTooManyFailed } from '#ledger/uploads/error-policy.ts';
import { checkColumns, checkSchema } from './accept-policy.ts';
import { waitsForAdmission } from './admission-policy.ts';
import { findFailing } from './failing-pod-policy.ts';
import { conditionReason } from './failure-policy.ts';
import { type JobPlan, neededKind, planJob, replaceHindered, unfinishedJobs } from './job-policy.ts';
import { countTime, haltRunning, haltUnaccepted, suspendUpload } from './lifecycle-policy.ts';
import { explainUnknownPace } from './pace-policy.ts';
import { decideRetry } from './retry-policy.ts';
import { findStuck } from './stuck-pod-policy.ts';
import type { Action, Decision, Observed, View } from './types.ts';
import { explainWaits } from './waiting-session-policy.ts';

/**
 * Time in which the Jobs of a failed upload may end by themselves before they are deleted: the pod that failed is still
 * ending, and a deleted Job takes the pod's log with it.
 */
export const STOPPING_MS = 5_000;

/** The place of an upload that waits for its turn is said this often. */
const TURN_CHECK_MS = 60_000;
/**
 * An upload far behind has its place said less often, by so much for each upload before it: thousands that wait would otherwise keep
 * the operator and the API server busy with statuses. Whatever else changes puts the upload into the queue at once.
 */
const TURN_CHECK_MS_EACH = 100;

/** An upload at work is looked at this often, although nothing of it changes. */
const STILL_CHECK_MS = 10_000;

export function decide(observed: Observed): Decision {
  const { ledger, upload } = observed;
  const accepted = isTrue(upload.status, 'Accepted');
  switch (ledger.state) {
    case 'unreachable':
      return accepted ? withoutLedger(observed, ledger.why) : (haltUnaccepted(observed) ?? wait(observed, ledger.why));
    case 'outdated': {
      const halted = accepted ? null : haltUnaccepted(observed);
      if (halted) return halted;
      const decision = accepted ? withoutLedger(observed, ledger.why) : wait(observed, ledger.why);
      return { ...decision, actions: [...decision.actions, { type: 'migrate' }] };
    }
    case 'absent':
      return accepted && !ledger.wasLost
        ? withoutLedger(observed, rowMissing())
        : (haltUnaccepted(observed) ?? acceptOrWait(observed));
    case 'row':
      return decideRow(observed, ledger.row);
    default:
      throw new Error(ledger satisfies never);
  }
}

function decideRow(observed: Observed, row: UploadProgress): Decision {
  switch (row.status) {
    case 'Planning':
      return decideRunning(observed, { kind: 'planning', row }, null);
    case 'Queued': {
      const view = { kind: 'queued', row } as const;
      const time = countTime(observed, row);
      const next: Action[] = isRunning(row.sameAs?.status) ? [] : [{ type: 'dequeue' }];
      return haltRunning(observed, view) ?? { ...withoutActions(view), ...time, actions: [...time.actions, ...next] };
    }
    case 'Processing':
      return decideRunning(observed, { kind: 'processing', row }, endOf(observed, row));
    case 'Complete':
      return withoutActions({ kind: 'complete', row });
    case 'Failed':
      return decideFailed(observed, row);
    case 'Deleted':
      return stop(observed, row, {
        reason: 'LedgerClosed',
        message:
          'The ledger has closed this upload as deleted although the BatchUpload exists. Records that are loaded stay in the table; create another BatchUpload for the rest.',
      });
    default:
      throw new Error(row.status satisfies never);
  }
}

/** @param end what is to be done because every record is counted, or too many have failed; null while neither is so. */
function decideRunning(observed: Observed, view: View & { row: UploadProgress }, end: JobPlan | null): Decision {
  const halted = end ? null : (haltRunning(observed, view) ?? waitForTurn(observed, view));
  return halted ?? work(observed, view, end ?? planJob(observed, view.row));
}

/**
 * A limit has no room for the upload, or its Job could not be made a moment ago. What it waits for changes with every upload that
 * ends, and is said now and then. An upload whose Job could not be made goes on saying why, since nobody else would tell what to mend.
 */
function waitForTurn(observed: Observed, view: View & { row: UploadProgress }): Decision | null {
  const { turn, jobRefused } = observed;
  if (turn.type === 'admitted') return null;
  const { row } = view;
  const { actions } = countTime(observed, row);
  if (turn.type === 'resting') return { actions, view, degraded: jobRefused, requeueAfterMs: turn.ms };
  const waiting: View = { kind: 'waitingForTurn', row, wait: turn.wait };
  const requeueAfterMs = Math.max(TURN_CHECK_MS, turn.wait.ahead * TURN_CHECK_MS_EACH);
  return { actions, view: waiting, degraded: jobRefused, requeueAfterMs };
}

function decideFailed(observed: Observed, row: UploadProgress): Decision {
  const retry = decideRetry(observed.upload, row);
  const message = row.failureMessage ?? 'The upload failed.';
  const stopped = stop(observed, row, {
    reason: conditionReason(row.failureReason),
    message:
      retry.type === 'refused'
        ? `${message} The upload cannot be tried again: ${retry.why}. Create another BatchUpload.`
        : message,
  });
  if (retry.type !== 'retry') return stopped;
  const stopping: Decision = { ...stopped, view: { kind: 'stopping', row } };
  // Pods of the old attempt would do no harm, but they would count as pods of the new attempt.
  if (unfinishedJobs(Object.values(observed.jobs)).length > 0) return stopping;
  // The end of the new attempt removes all copies. A pod that removes them meanwhile leaves those of the new attempt alone.
  const cleanups = observed.cleanupJobs.map(
    (job): Action => ({ type: 'deleteJob', job, because: 'the upload is tried again', recreated: 0 }),
  );
  return { ...stopping, actions: [...cleanups, { type: 'retry', generation: retry.generation }] };
}

function isRunning(status: LedgerStatus | undefined): boolean {
  return status === 'Planning' || status === 'Queued' || status === 'Processing';
}

/** Counts and chunks come from one reading, so that the decision at the last record is final. */
function endOf({ upload, topErrors }: Observed, row: UploadProgress): JobPlan | null {
  const only = (action: Action): JobPlan => ({ actions: [action], degraded: null, requeueAfterMs: null });
  const tooMany = findTooManyFailed(upload.spec.errorPolicy, row, topErrors);
  if (tooMany) return only({ type: 'fail', attempt: row.attempt, ...tooMany });
  // Records that wait for others are counted after the last chunk, by the pod that completes them.
  const isDone = row.chunksDone === row.totalChunks && row.counts.processed === row.totalRecords;
  return isDone ? only({ type: 'complete' }) : null;
}

function work(observed: Observed, view: View & { row: UploadProgress }, plan: JobPlan): Decision {
  if (observed.isTerminating) return leave(observed, view);
  const job = observed.jobs[neededKind(view.row)];
  const { stuck, checkAfterMs } = findStuck(observed, job);
  const { failing, checkAfterMs: failingForMs } = findFailing(observed, job);
  // The sessions of a suspended Job end with its pods, and the upload would not go on when they get their locks.
  const waiting = job?.suspended ? null : explainWaits(observed.waits);
  const degraded =
    plan.degraded ?? failing ?? stuck ?? waiting ?? explainUnknownPace(view.row) ?? observed.databaseBusy?.why ?? null;
  const time = countTime(observed, view.row);
  return {
    actions: [...plan.actions, ...replaceHindered(observed, job, degraded), ...time.actions],
    view: waitsForAdmission(job) ? { kind: 'waitingForAdmission', row: view.row, job } : view,
    degraded,
    requeueAfterMs: earliest(
      plan.requeueAfterMs,
      time.requeueAfterMs,
      checkAfterMs,
      failingForMs,
      observed.databaseBusy?.forMs ?? null,
      // Nobody reports that an upload does not move.
      job?.active ? STILL_CHECK_MS : null,
    ),
  };
}

/**
 * In a namespace that is being deleted Kubernetes removes the pods first, and keeps a failed pod until the Job has another one in its
 * place, which nothing can make there: without the deletion of the Job the namespace would stay for ever.
 */
function leave(observed: Observed, view: View): Decision {
  const { namespace } = observed.upload.metadata;
  const jobs = unfinishedJobs(Object.values(observed.jobs));
  return {
    actions: jobs.map((job) => ({ type: 'deleteJob', job, because: 'the namespace is being deleted', recreated: 0 })),
    view,
    degraded: {
      reason: 'NamespaceTerminating',
      message: `The namespace ${namespace} is being deleted, so that no pod can go on with this upload, and the upload is deleted with it. The records that are loaded stay in the table. If the namespace stays, kubectl get namespace ${namespace} -o yaml says what is left in it.`,
    },
    requeueAfterMs: observed.waitingMs,
  };
}

function stop(observed: Observed, row: UploadProgress, why: { reason: string; message: string }): Decision {
  const unfinished = unfinishedJobs(Object.values(observed.jobs));
  const failed: View = { kind: 'failed', row, ...why };
  if (unfinished.length === 0) return withoutActions(failed);
  const left = (observed.failedSince ?? observed.now) + STOPPING_MS - observed.now;
  if (left > 0) return { ...withoutActions({ kind: 'stopping', row }), requeueAfterMs: left };
  return {
    ...withoutActions(failed),
    actions: unfinished.map((job) => ({ type: 'deleteJob', job, because: 'the upload has failed', recreated: 0 })),
  };
}

function acceptOrWait(observed: Observed): Decision {
  const { upload, schema } = observed;
  const { schemaRef, format } = upload.spec;
  const wrong = checkSchema(upload.metadata.namespace, schemaRef.name, schema);
  if (wrong || !schema) return wait(observed, wrong!);
  const misfit = checkColumns(schemaRef.name, schema, format);
  if (misfit) return wait(observed, misfit);
  if (observed.refusedAccount) return wait(observed, observed.refusedAccount);
  // The status shows this explanation only when the accept is cut off.
  const why: UploadExplanation = { reason: 'NotAccepted', message: 'The upload is being accepted.' };
  return { ...wait(observed, why), actions: [{ type: 'accept', schema }] };
}

function wait(observed: Observed, why: UploadExplanation): Decision {
  return { ...withoutActions({ kind: 'waiting', why }), requeueAfterMs: observed.waitingMs };
}

/** The Jobs of an accepted upload go on without the operator, unless the upload is suspended. */
function withoutLedger(observed: Observed, why: UploadExplanation): Decision {
  const known = observed.upload.spec.suspend ? suspendUpload(observed, null) : withoutActions({ kind: 'unobserved' });
  return { ...known, degraded: why, requeueAfterMs: observed.waitingMs };
}

function withoutActions(view: View): Decision {
  return { actions: [], view, degraded: null, requeueAfterMs: null };
}

function rowMissing(): UploadExplanation {
  return {
    reason: 'LedgerRowMissing',
    message:
      "The database of the upload's Secret has no ledger row of this upload, which was accepted in another database, or before a restore or the promotion of a standby that had not received it. Let the Secret name that database again, or delete this BatchUpload and create it anew.",
  };
}

function earliest(...times: (number | null)[]): number | null {
  const set = times.filter((time): time is number => time !== null);
  return set.length === 0 ? null : Math.min(...set);
}
