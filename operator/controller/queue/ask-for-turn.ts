/** Asks for an upload's turn, from what is observed of the upload. */
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { Database } from '#ledger/client/database.ts';
import { isPooled } from '#operator/controller/pool/pool-policy.ts';
import type { JobView, Observed } from '#operator/controller/types.ts';
import type { Turn, TurnRequest, UploadTurns } from './upload-turns.ts';

/** The answer for an upload that needs no turn. */
const FREE = { type: 'admitted', sessions: 1 } as const;

/** An upload whose ledger cannot be read keeps what it has, unless it is suspended. */
export function askForTurn(
  turns: Pick<UploadTurns, 'ask' | 'release' | 'forgetOther'>,
  {
    key,
    seen,
    database,
    priority,
  }: { key: string; seen: Omit<Observed, 'turn'>; database: Database | null; priority: number },
): Turn {
  const { upload, ledger, jobs, isTerminating } = seen;
  const { suspend, cancel, parallelism } = upload.spec;
  turns.forgetOther(key, upload.metadata.uid);
  if (suspend || isTerminating || ledger.state === 'absent') {
    turns.release(key);
    return FREE;
  }
  if (ledger.state !== 'row') return { type: 'admitted', sessions: parallelism };
  const needsPods = ledger.row.status === 'Planning' || ledger.row.status === 'Processing';
  if (!needsPods || cancel) {
    turns.release(key);
    return FREE;
  }
  // A warm pod has one session. An upload that is assigned to a pool has had its turn.
  const pooled = isPooled(seen, ledger.row);
  const holds = sessionsOf(Object.values(jobs)) || (pooled && ledger.row.assignment !== null ? 1 : 0);
  const wanted = Object.values(jobs).some(keepsPods) ? Math.max(parallelism, holds) : parallelism;
  const request = {
    ...describe(upload),
    wanted,
    priority,
    database: database?.place ?? null,
    holds,
    lends: hasNoPod(seen),
  };
  const pool = ledger.row.assignment?.pool ?? seen.pool?.plan.id ?? null;
  return turns.ask(pooled ? { ...request, wanted: 1, pool } : request);
}

/** Something keeps the upload from having pods for longer than a start takes. */
function hasNoPod({ pods, jobs, stuckPodGraceMs }: Omit<Observed, 'turn'>): boolean {
  const job = jobs.process ?? jobs.plan;
  if (pods.some(({ phase }) => phase === 'Running')) return false;
  const pending = pods.filter(({ phase }) => phase === 'Pending').map(({ stateMs }) => stateMs);
  // An upload that waits in a pool has no Job.
  const waits = job === null ? pending : [...pending, job.stateMs];
  return waits.length > 0 && Math.min(...waits) > stuckPodGraceMs;
}

/** What a new leader knows of an upload before it has asked the ledger; null where the upload is not at work. */
export function recountRequest(upload: BatchUpload, jobs: readonly JobView[]): TurnRequest | null {
  const { status, spec } = upload;
  const isAtWork = status?.phase === 'Planning' || status?.phase === 'Processing';
  const isPooledAtWork = status?.pod !== undefined;
  const holds = sessionsOf(jobs) || (isAtWork ? (isPooledAtWork ? 1 : spec.parallelism) : 0);
  return holds === 0 ? null : { ...describe(upload), database: null, holds, lends: false };
}

/** What the pods may still have of an upload that is not at work any more. */
export function endingRequest(upload: BatchUpload): TurnRequest {
  return { ...describe(upload), database: null, holds: upload.spec.parallelism, lends: false };
}

/** The priority of an upload at work, which decides nothing: only uploads that wait are put in order. */
const AT_WORK = 0;

function describe({ metadata, spec }: BatchUpload): Omit<TurnRequest, 'database' | 'holds' | 'lends'> {
  const { namespace, name, uid, creationTimestamp } = metadata;
  const createdAt = Date.parse(creationTimestamp ?? '') || 0;
  return {
    key: `${namespace}/${name}`,
    uid,
    namespace,
    pool: null,
    wanted: spec.parallelism,
    priority: AT_WORK,
    createdAt,
  };
}

/** The sessions that the pods of an upload's Job have; 0 without a Job. */
function sessionsOf(jobs: readonly (JobView | null)[]): number {
  const job = jobs.findLast((each) => each?.owned && !each.finished && !each.deleting);
  return job ? Math.max(1, podsOf(job) * job.sessionsPerPod) : 0;
}

/** Kueue may have admitted fewer pods than the Job was made with, and admits all of them the next time. */
function podsOf({ queue, parallelism, appliedParallelism }: JobView): number {
  return queue === null ? parallelism : Math.max(parallelism, appliedParallelism ?? 0);
}

/** Kueue has admitted the Job, whose pods then stay as they are although spec.parallelism may be lower by now. */
function keepsPods(job: JobView | null): boolean {
  return job?.owned === true && !job.finished && !job.deleting && job.queue !== null && !job.suspended;
}
