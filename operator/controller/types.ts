/** What the controller sees of an upload, and what it decides. Values only: `decide` is pure. */
import type { UploadExplanation } from '#api/explanation.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { RunnerCommand } from '#common/job-contract.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { ErrorSummary, UploadProgress } from '#ledger/types.ts';

export interface JobView {
  name: string;
  uid: string;
  kind: RunnerCommand;
  /** Its controller is this upload. */
  owned: boolean;
  /** It was deleted and waits for its finalizers. */
  deleting: boolean;
  /** `failed` is known before the last pod has ended, `complete` only after. */
  verdict: 'none' | 'complete' | 'failed';
  /** No pod of it runs or will run. */
  finished: boolean;
  /** Of its failure. */
  reason: string;
  message: string;
  /** Wall clock, ms. */
  createdAt: number;
  finishedAt: number | null;
  active: number;
  succeeded: number;
  failed: number;
  parallelism: number;
  /** Jobs of this name before it that ended without the ledger's consent. */
  recreated: number;
}

export interface PodView {
  name: string;
  job: string;
  phase: string;
  /** Wall clock, ms. */
  createdAt: number;
  /** When its deletion should have been over. */
  deletionDue: number | null;
  /** Why the scheduler has no node for it. */
  unschedulable: string | null;
  /** Why its container does not start. */
  waiting: { reason: string; message: string } | null;
  terminated: { exitCode: number; reason: string; message: string; finishedAt: number } | null;
}

/** What is known of the upload's row. */
export type LedgerView =
  /** Something on the way to the ledger is missing. */
  | { state: 'unreachable'; why: UploadExplanation }
  /** An earlier version of the operator has made the ledger. */
  | { state: 'outdated'; why: UploadExplanation }
  | { state: 'absent' }
  | { state: 'row'; row: UploadProgress };

export interface Observed {
  /** Wall clock, ms. */
  now: number;
  /** With the newest status that is known. */
  upload: BatchUpload;
  ledger: LedgerView;
  /** Only looked up for an upload that has no row yet; null when it is not there. */
  schema: RecordSchemaSpec | null;
  jobs: { plan: JobView | null; process: JobView | null };
  pods: PodView[];
  /** What the Job controller says when it cannot make pods; null when it has not said anything. */
  creationRefused: string | null;
  /** How often the Job that is missing now was deleted for a new one. */
  recreated: number;
  /** Since when (wall clock, ms) the ledger is known to have failed this upload. */
  failedSince: number | null;
  /** Smoothed; null when not known. */
  recordsPerSecond: number | null;
  topErrors: ErrorSummary[];
  stuckPodGraceMs: number;
  waitingMs: number;
}

export type Action =
  /** Bring the ledger up to date. */
  | { type: 'migrate' }
  /** Verify the database, open the ledger's row. */
  | { type: 'accept'; schema: RecordSchemaSpec }
  | { type: 'createJob'; kind: RunnerCommand; recreated: number }
  | { type: 'deleteJob'; job: JobView; because: string }
  | { type: 'setParallelism'; job: JobView; parallelism: number }
  | { type: 'complete' }
  /** The upload that it waited for has ended. */
  | { type: 'dequeue' }
  /** Another attempt of the failed upload, for this spec.retryGeneration. */
  | { type: 'retry'; generation: number }
  | { type: 'fail'; attempt: number; reason: string; message: string };

/** What the status has to say. */
export type View =
  /** Not accepted. */
  | { kind: 'waiting'; why: UploadExplanation }
  /** Accepted, but the ledger can't be read: as before, and degraded. */
  | { kind: 'blind' }
  | { kind: 'planning'; row: UploadProgress }
  | { kind: 'queued'; row: UploadProgress }
  | { kind: 'processing'; row: UploadProgress }
  /** Failed in the ledger; Jobs are ending. */
  | { kind: 'stopping'; row: UploadProgress }
  | { kind: 'complete'; row: UploadProgress }
  | { kind: 'failed'; row: UploadProgress; reason: string; message: string };

export interface Decision {
  actions: Action[];
  view: View;
  degraded: UploadExplanation | null;
  /** Look again then, although nothing is heard. */
  requeueAfterMs: number | null;
}

/** What came of an action that cannot go on for now; other faults are thrown. */
export type Outcome =
  | { type: 'done' }
  /** Done, and what was observed before is no longer true. */
  | { type: 'again' }
  | { type: 'waiting'; why: UploadExplanation }
  | { type: 'degraded'; why: UploadExplanation };
