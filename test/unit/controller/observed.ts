/**
 * Observations for tests of the policies, by default of an accepted upload of 10 chunks in 2 indexes without a problem.
 */
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { UploadProgress } from '#ledger/types.ts';
import type { JobView, Observed, PodView, Seen } from '#operator/controller/types.ts';
import { itemsSchema } from '#support/cluster/manifests.ts';

export const NOW = Date.parse('2026-01-01T12:00:00Z');
export const UID = '0b4ec2ff-6ad4-4f9a-a8f0-2ec2f3a3b1ce';

export function upload(conditions: { type: string; status: string }[] = []): BatchUpload {
  return {
    metadata: { name: 'u', namespace: 'n', uid: UID },
    spec: {
      source: { type: 'Manual', s3: { bucket: 'b', key: 'k.csv' } },
      schemaRef: { name: 's' },
      parallelism: 4,
    },
    status: { conditions },
  } as unknown as BatchUpload;
}

export const ACCEPTED = upload([{ type: 'Accepted', status: 'True' }]);

export function row(change: Partial<UploadProgress> = {}): UploadProgress {
  return {
    id: UID,
    status: 'Processing',
    attempt: 1,
    retryGeneration: 0,
    execution: 'Job',
    sizeBytes: 1000,
    digest: 'd',
    eTag: 'e',
    versionId: null,
    format: null,
    workBucket: null,
    pointsInto: 'Object',
    totalRecords: 100,
    totalChunks: 10,
    totalIndexes: 2,
    counts: { processed: 50, succeeded: 48, failed: 1, duplicate: 1, updated: 0 },
    validateOnly: false,
    appends: false,
    keepsKeys: false,
    sameAs: null,
    chunksDone: 5,
    startedAt: new Date(NOW - 10_000),
    plannedAt: new Date(NOW - 5000),
    completedAt: null,
    failureReason: null,
    failureMessage: null,
    assignment: null,
    activeForMs: null,
    activeMs: 0,
    pace: null,
    ...change,
  };
}

export function job(change: Partial<Seen<JobView>> = {}): Seen<JobView> {
  return {
    name: `${UID}-process-1`,
    uid: 'job',
    kind: 'process',
    owned: true,
    deleting: false,
    verdict: 'none',
    finished: false,
    reason: '',
    message: '',
    suspended: false,
    expires: false,
    stateMs: 4000,
    active: 2,
    succeeded: 0,
    failed: 0,
    completions: 2,
    parallelism: 2,
    appliedParallelism: 2,
    sessionsPerPod: 2,
    settings: 'now',
    protect: '{}',
    queue: null,
    appliedQueue: null,
    recreated: 0,
    ...change,
  };
}

export function pod(change: Partial<Seen<PodView>> = {}): Seen<PodView> {
  return {
    name: 'pod',
    job: job().name,
    phase: 'Running',
    index: '0',
    deleting: false,
    disrupted: null,
    outliving: [],
    stateMs: 4000,
    unschedulable: null,
    waiting: null,
    terminated: null,
    ...change,
  };
}

export function observed(change: Partial<Observed> = {}): Observed {
  return {
    now: NOW,
    upload: ACCEPTED,
    ledger: { state: 'row', row: row() },
    schema: itemsSchema('items') as Observed['schema'],
    jobs: { plan: null, process: job() },
    pool: null,
    warmPod: null,
    pods: [pod()],
    endingPods: 1,
    allJobs: Object.values(change.jobs ?? { process: job() }).filter((each) => each !== null),
    cleanupJobs: [],
    turn: { type: 'admitted', sessions: (change.upload ?? ACCEPTED).spec.parallelism },
    isTerminating: false,
    creationRefused: null,
    created: null,
    disruptions: null,
    databaseBusy: null,
    waits: [],
    jobRefused: null,
    recreated: 0,
    failedSince: null,
    recordsPerSecond: null,
    topErrors: [],
    columns: null,
    refusedAccount: null,
    settings: 'now',
    stuckPodGraceMs: 60_000,
    waitingMs: 30_000,
    ...change,
  };
}
