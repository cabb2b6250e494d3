/** Asks for an upload's turn, from what is observed of the upload. */
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { neededKind, unfinishedJobs } from '#operator/controller/job-policy.ts';
import { isOpen, isPooled } from '#operator/controller/pool/pool-policy.ts';
import type { JobView, Observed } from '#operator/controller/types.ts';
import type { Turn, TurnRequest, UploadTurns } from './upload-turns.ts';

/** The CRD allows no greater spec.parallelism. Whoever may alter a Job must not take all sessions of the cluster by it. */
const MAX_SESSIONS = 128;

/** The answer for an upload that needs no turn. */
const FREE = { type: 'admitted', sessions: 1 } as const;

/** The facts about an upload by which its turn is asked for. */
interface Asking {
  key: string;
  seen: Omit<Observed, 'turn'>;
  /** Identifies the database whose ledger was read; null where none could be. */
  database: string | null;
  /** Identifies the database that the upload's Secret names; null where nobody knows it. */
  likelyDatabase: string | null;
  /** The pool that has the upload and a pod for it, as far as the account of warm pods knows; null: none has. */
  keptBy: string | null;
  priority: number;
}

/**
 * A place is kept by what has pods or may get some. An upload whose ledger cannot be read gets no place, and keeps its place only while
 * a Job or a warm pod is left.
 */
export function askForTurn(
  turns: Pick<UploadTurns, 'ask' | 'release' | 'forgetOther'>,
  { key, seen, database, likelyDatabase, keptBy, priority }: Asking,
): Turn {
  const { upload, ledger, jobs, isTerminating } = seen;
  const { suspend, parallelism } = upload.spec;
  turns.forgetOther(key, upload.metadata.uid);
  const row = ledger.state === 'row' ? ledger.row : null;
  // A warm pod has one session, and takes an upload of its pool without the operator.
  const hasWarmPod = seen.warmPod !== null || keptBy !== null;
  const pooled = row ? isPooled(seen, row) : hasWarmPod;
  const jobSessions = sessionsOf(Object.values(jobs));
  const holds = jobSessions || (pooled && hasWarmPod ? 1 : 0);
  const needsTurn = row ? needsPods(seen, row) : ledger.state !== 'absent' && holds > 0;
  // A new leader may not have the Jobs and pods of the namespace yet.
  const isUnknown = ledger.state === 'unreachable' && ledger.why.reason === 'NamespaceNotReady';
  if (suspend || isTerminating || !(needsTurn || isUnknown)) turns.release(key);
  if (suspend || isTerminating || !needsTurn) return FREE;
  const request = {
    ...describe(upload, Object.values(jobs)),
    wanted: Object.values(jobs).some(keepsPods) ? Math.max(parallelism, holds) : parallelism,
    priority,
    database,
    likelyDatabase: database === null ? likelyDatabase : null,
    holds,
    isUnclaimed: jobSessions === 0 && seen.warmPod === null,
    lends: hasNoPod(seen),
  };
  const pool = row?.assignment?.pool ?? keptBy ?? seen.pool?.plan.id ?? null;
  return turns.ask(pooled ? { ...request, wanted: 1, pool } : request);
}

/**
 * Says that pods have something to do, and may come to be. What is left to do for a Job that has failed is to say so, and so it is
 * for a Job that cannot be made, as far as that is known without asking the API server.
 */
function needsPods({ upload, jobs, refusedAccount }: Omit<Observed, 'turn'>, row: UploadProgress): boolean {
  if (upload.spec.cancel || (row.status !== 'Planning' && row.status !== 'Processing')) return false;
  const job = jobs[neededKind(row)];
  if (job === null) return refusedAccount === null || isOpen(row.assignment);
  return job.owned && (job.deleting || job.verdict !== 'failed');
}

/** Something keeps the upload from having pods for longer than a start takes. */
function hasNoPod({ pods, jobs, stuckPodGraceMs }: Omit<Observed, 'turn'>): boolean {
  if (pods.some(({ phase }) => phase === 'Running')) return false;
  const pending = pods.filter(({ phase }) => phase === 'Pending').map(({ stateMs }) => stateMs);
  // An upload that waits in a pool has no Job.
  const waits = [...pending, ...unfinishedJobs(Object.values(jobs)).map(({ stateMs }) => stateMs)];
  return waits.length > 0 && Math.min(...waits) > stuckPodGraceMs;
}

/** What a new leader knows of an upload before it has asked the ledger; null where the upload is not at work. */
export function recountRequest(upload: BatchUpload, jobs: readonly JobView[]): TurnRequest | null {
  const { status, spec } = upload;
  const isAtWork = status?.phase === 'Planning' || status?.phase === 'Processing';
  const isPooledAtWork = status?.pod !== undefined;
  const holds = sessionsOf(jobs) || (isAtWork ? (isPooledAtWork ? 1 : spec.parallelism) : 0);
  return holds === 0 ? null : { ...describe(upload, jobs), holds };
}

/** What the pods may still have of an upload that is not at work any more. */
export function endingRequest(upload: BatchUpload, jobs: readonly JobView[]): TurnRequest {
  return { ...describe(upload, jobs), holds: sessionsOf(jobs) || upload.spec.parallelism };
}

/** The priority of an upload at work, which decides nothing: only uploads that wait are put in order. */
const AT_WORK = 0;

function describe({ metadata, spec }: BatchUpload, jobs: readonly (JobView | null)[]): Omit<TurnRequest, 'holds'> {
  const { namespace, name, uid, generation = 0, creationTimestamp } = metadata;
  const createdAt = Date.parse(creationTimestamp ?? '') || 0;
  return {
    key: `${namespace}/${name}`,
    uid,
    generation,
    namespace,
    database: null,
    likelyDatabase: null,
    pool: null,
    wanted: spec.parallelism,
    sessionsPerPod: findWorking(jobs)?.sessionsPerPod ?? null,
    isUnclaimed: false,
    lends: false,
    priority: AT_WORK,
    createdAt,
  };
}

/** The sessions that the pods of an upload's Job have; 0 without a Job. */
function sessionsOf(jobs: readonly (JobView | null)[]): number {
  const job = findWorking(jobs);
  return job ? Math.min(MAX_SESSIONS, Math.max(1, podsOf(job) * job.sessionsPerPod)) : 0;
}

/** The Job that has pods or makes some: the one that loads goes before the one that has planned. */
const findWorking = (jobs: readonly (JobView | null)[]) => unfinishedJobs(jobs).at(-1);

/** Kueue may have admitted fewer pods than the Job was made with, and admits all of them the next time. */
function podsOf({ queue, parallelism, appliedParallelism }: JobView): number {
  return queue === null ? parallelism : Math.max(parallelism, appliedParallelism ?? 0);
}

/** Kueue has admitted the Job, whose pods then stay as they are although spec.parallelism may be lower by now. */
function keepsPods(job: JobView | null): boolean {
  return job?.owned === true && !job.finished && !job.deleting && job.queue !== null && !job.suspended;
}
