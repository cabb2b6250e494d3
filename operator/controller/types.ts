/** What the controller observes of an upload and what it decides, as plain values: `decide` is pure. */
import type { UploadExplanation } from '#api/explanation.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { JobKind, RunnerCommand } from '#common/job-contract.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { ErrorSummary, UploadProgress } from '#ledger/types.ts';
import type { SessionWait } from '#ledger/uploads/find-waits.ts';
import type { PoolPlan } from '#operator/jobs/pool-job.ts';
import type { ShownColumns } from './columns-policy.ts';
import type { PoolView, WarmPod } from './pool/warm-pods.ts';
import type { Wait } from './queue/turn-policy.ts';
import type { Turn } from './queue/upload-turns.ts';

export interface JobView {
  name: string;
  uid: string;
  kind: RunnerCommand;
  /** True when the upload is an owner of the Job. */
  owned: boolean;
  /** True when the Job is deleted and waits for its finalizers. */
  deleting: boolean;
  /** `failed` is known before the last pod has ended, `complete` only afterwards. */
  verdict: 'none' | 'complete' | 'failed';
  /** True when no pod of the Job runs or will run. */
  finished: boolean;
  /** The reason of the Job's failure, in the words of Kubernetes; empty while it has not failed. */
  reason: string;
  message: string;
  /** Something, such as Kueue, has suspended the Job, so that it has no pods and makes none. */
  suspended: boolean;
  /** The Job has a time to live, after which Kubernetes deletes it. */
  expires: boolean;
  active: number;
  succeeded: number;
  failed: number;
  completions: number;
  parallelism: number;
  /** The parallelism that the operator gave to the Job last; null for a Job of an earlier release. */
  appliedParallelism: number | null;
  /** Sessions of the database that each pod has: those that the Job was made with, 1 for a Job of an earlier release. */
  sessionsPerPod: number;
  /** The settings of the pods when the Job was made, see noteSettings; null for a Job of an earlier release. */
  settings: string | null;
  /** The limits of spec.target.protect with which the Job was made, see noteProtect; null for a Job of an earlier release. */
  protect: string | null;
  /** The queue of Kueue that decides when the Job has pods, and how many; null for a Job that Kueue leaves alone. */
  queue: string | null;
  /** The spec.queueName with which the operator made the Job; null for a Job that was made without one. */
  appliedQueue: string | null;
  /** Earlier Jobs of this name that ended while the ledger still had work. */
  recreated: number;
}

/** A Job of any kind, by what a deletion needs. */
export interface JobRef {
  name: string;
  uid: string;
  kind: JobKind;
}

export interface PodView {
  name: string;
  job: string;
  /** The index of the Job for which the pod works; empty where it is not known. */
  index: string;
  phase: string;
  /** The pod is deleted, and may still be ending. */
  deleting: boolean;
  /** Why the kubelet or a controller ended the pod, such as `Evicted`; null where neither did. */
  disrupted: { reason: string; message: string } | null;
  /** Containers that still run although the runner has ended. */
  outliving: string[];
  /** Why the scheduler finds no node for the pod. */
  unschedulable: string | null;
  /** Why the pod's container does not start. */
  waiting: { reason: string; message: string } | null;
  terminated: { exitCode: number; reason: string; message: string; finishedAt: number } | null;
}

/** The Jobs of an upload's present attempt. */
export interface JobViews<T = JobView> {
  plan: T | null;
  process: T | null;
}

/** A Job or pod with the time in ms for which the operator has seen it in its present state, by the operator's own clock. */
export type Seen<T> = T & { stateMs: number };

/** What is known of the upload's ledger row. */
export type LedgerView =
  /** The ledger cannot be read: a Secret, the database or a right is missing. */
  | { state: 'unreachable'; why: UploadExplanation }
  /** The ledger has the schema of an earlier version of the operator. */
  | { state: 'outdated'; why: UploadExplanation }
  /** `wasLost`: the database had the row, and went back to a time before it. */
  | { state: 'absent'; wasLost?: boolean }
  | { state: 'row'; row: UploadProgress };

export interface Observed {
  /** Wall clock, ms. */
  now: number;
  /** The upload with the newest status that is known. */
  upload: BatchUpload;
  ledger: LedgerView;
  /** The schema of an upload that has no ledger row yet; null when the schema is missing or the upload has a row. */
  schema: RecordSchemaSpec | null;
  jobs: JobViews<Seen<JobView>>;
  pods: Seen<PodView>[];
  /** The pool of warm pods that can serve the upload; null where the upload needs a Job of its own. */
  pool: PoolView | null;
  /** The warm pod that has claimed the upload, and its Job; null where none has, or it has ended. */
  warmPod: WarmPod | null;
  /** The number of the upload's pods that have not ended, also of Jobs that are deleted. */
  endingPods: number;
  /** The Jobs of every attempt, also of those of which nothing is known without the ledger. */
  allJobs: readonly JobView[];
  /** The Jobs that still remove the copies of the file, after the end of an earlier attempt. */
  cleanupJobs: readonly JobRef[];
  /** Why the upload had its turn last and got no Job; null where it got one, or has not had a turn. */
  jobRefused: UploadExplanation | null;
  /** Whether it is the upload's turn, and how many sessions it has; see queue/upload-turns.ts. */
  turn: Exclude<Turn, { type: 'unknown' }>;
  /** The namespace is being deleted; looked at only while a Job has no pod that works. */
  isTerminating: boolean;
  /** Why the Job controller cannot make pods; null when it has reported nothing. */
  creationRefused: string | null;
  /** How often this operator has made the Job that is needed now, and the time since the last time; null for never. */
  created: { times: number; agoMs: number } | null;
  /** The pods that something has evicted, preempted or deleted since the upload began, and the last of them. */
  disruptions: Disruptions | null;
  /** Why the database, which was held up a moment ago, still counts as held up, and for how long; null otherwise. */
  databaseBusy: { why: UploadExplanation; forMs: number } | null;
  /** What the sessions of the pods wait for; empty while the upload moves. */
  waits: readonly SessionWait[];
  /** How often the Job that is missing now was deleted to be made again. */
  recreated: number;
  /** When the failure of this upload was first read from the ledger (wall clock, ms). */
  failedSince: number | null;
  /** The smoothed rate; null when it is not known. */
  recordsPerSecond: number | null;
  topErrors: ErrorSummary[];
  /** What became of the columns of the file; null where the status says it already, or nobody knows it yet. */
  columns: ShownColumns | null;
  /** Why the pods may not have the service account that the upload names; null when they may. */
  refusedAccount: UploadExplanation | null;
  /** The settings with which the operator would make a Job now. */
  settings: string;
  stuckPodGraceMs: number;
  waitingMs: number;
}

export interface Disruptions {
  count: number;
  pod: string;
  reason: string;
  message: string;
  /** Time since the last one was seen, in ms. */
  agoMs: number;
}

export type Action =
  /** Bring the ledger up to date. */
  | { type: 'migrate' }
  /** Verify the database and open the ledger row. */
  | { type: 'accept'; schema: RecordSchemaSpec }
  | { type: 'createJob'; kind: RunnerCommand; recreated: number }
  /** Let the warm pods of a pool have the upload. */
  | { type: 'assign'; pool: PoolPlan }
  | { type: 'startPods'; pool: PoolPlan }
  /** The warm pod that had the upload has ended. */
  | { type: 'loseClaim'; pool: string; attempt: number; pod: string }
  /** Take the upload out of its pool: it gets a Job of its own. `alsoClaimed`: and stop the pod that has it. */
  | { type: 'withdraw'; alsoClaimed: boolean }
  /** `recreated` is the number of earlier Jobs that the next one notes. */
  | { type: 'deleteJob'; job: JobRef; because: string; recreated: number }
  /** `completions` is null where the Job keeps its own. */
  | { type: 'setParallelism'; job: JobView; parallelism: number; completions: number | null }
  /** Start or stop counting the time for which pods work. */
  | { type: 'countTime'; isActive: boolean }
  /** Let Kubernetes delete the finished Job after a while: the ledger has its outcome. */
  | { type: 'expireJob'; job: JobView }
  | { type: 'complete' }
  /** Let a queued upload go on: the upload with the same content has ended. */
  | { type: 'dequeue' }
  /** Start another attempt of the failed upload, for this spec.retryGeneration. */
  | { type: 'retry'; generation: number }
  | { type: 'fail'; attempt: number; reason: string; message: string };

/** The state of the upload that the status shows. */
export type View =
  /** The upload is not accepted. */
  | { kind: 'waiting'; why: UploadExplanation }
  /** The upload is accepted, but the ledger cannot be read: the status stays as it was and is degraded. */
  | { kind: 'unobserved' }
  | { kind: 'planning'; row: UploadProgress }
  | { kind: 'queued'; row: UploadProgress }
  | { kind: 'processing'; row: UploadProgress }
  /** The upload waits until a limit has room for it. */
  | { kind: 'waitingForTurn'; row: UploadProgress; wait: Wait }
  /** The upload waits until Kueue admits its Job. */
  | { kind: 'waitingForAdmission'; row: UploadProgress; job: JobView }
  /** The spec has suspended the upload. Without a row, it is not accepted, or the ledger cannot be read. */
  | { kind: 'suspended'; row: UploadProgress | null; endingPods: number }
  /** The spec has cancelled the upload before it was accepted. */
  | { kind: 'cancelled' }
  /** The ledger has failed the upload, and its Jobs are ending. */
  | { kind: 'stopping'; row: UploadProgress }
  | { kind: 'complete'; row: UploadProgress }
  | { kind: 'failed'; row: UploadProgress; reason: string; message: string };

export interface Decision {
  actions: Action[];
  view: View;
  degraded: UploadExplanation | null;
  /** Delay of the next reconcile when no change comes earlier; null when only a change is waited for. */
  requeueAfterMs: number | null;
}

/** The outcome of an action. An obstacle that can be mended is a value; other faults are thrown. */
export type Outcome =
  | { type: 'done' }
  /** The action is done, and the observation from before the action is out of date. */
  | { type: 'again' }
  | { type: 'waiting'; why: UploadExplanation }
  | { type: 'degraded'; why: UploadExplanation };
