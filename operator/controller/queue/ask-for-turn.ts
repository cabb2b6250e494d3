/** Asks for an upload's turn, from what is observed of the upload. */
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { Database } from '#ledger/client/database.ts';
import type { JobView, Observed } from '#operator/controller/types.ts';
import type { Turn, TurnRequest, UploadTurns } from './upload-turns.ts';

/** The answer for an upload that needs no turn. */
const FREE = { type: 'admitted', sessions: 1 } as const;

/** An upload whose ledger cannot be read keeps what it has. */
export function askForTurn(
  turns: Pick<UploadTurns, 'ask' | 'release'>,
  { key, seen, database }: { key: string; seen: Omit<Observed, 'turn'>; database: Database | null },
): Turn {
  const { upload, ledger, jobs } = seen;
  const { suspend, cancel, parallelism } = upload.spec;
  if (ledger.state !== 'row') return { type: 'admitted', sessions: parallelism };
  const needsPods = ledger.row.status === 'Planning' || ledger.row.status === 'Processing';
  if (!needsPods || suspend || cancel) {
    turns.release(key);
    return FREE;
  }
  const holds = sessionsHeld(upload, Object.values(jobs));
  return turns.ask({ ...describe(upload), database: database?.place ?? null, holds });
}

/** What a new leader knows of an upload before it has asked the ledger; null where the upload is not at work. */
export function recountRequest(upload: BatchUpload, jobs: readonly JobView[]): TurnRequest | null {
  const holds = sessionsHeld(upload, jobs);
  return holds === 0 ? null : { ...describe(upload), database: null, holds };
}

function describe({ metadata, spec }: BatchUpload): Omit<TurnRequest, 'database' | 'holds'> {
  const { namespace, name, uid, creationTimestamp } = metadata;
  const createdAt = Date.parse(creationTimestamp ?? '') || 0;
  return { key: `${namespace}/${name}`, uid, namespace, wanted: spec.parallelism, priority: 0, createdAt };
}

/** The sessions of an upload that works already: those of its Job, or those that a Job would get that is missing now. */
function sessionsHeld({ spec, status }: BatchUpload, jobs: readonly (JobView | null)[]): number {
  const job = jobs.findLast((each) => each?.owned && !each.finished);
  if (job) return Math.max(1, job.parallelism * job.sessionsPerPod);
  return status?.phase === 'Planning' || status?.phase === 'Processing' ? spec.parallelism : 0;
}
