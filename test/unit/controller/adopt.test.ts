import { expect, it } from 'vitest';
import { KubeError } from '#kube/errors.ts';
import type { Job } from '#kube/resource-types.ts';
import { type ApplyDeps, type ApplyInput, applyActions } from '#operator/controller/apply.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { ACCEPTED, row, UID } from './observed.ts';

const settings = {
  image: 'i',
  imagePullPolicy: 'Always',
  imagePullSecrets: [],
  resources: { requests: {}, limits: {} },
  podTemplate: {},
  serviceAccountNames: [],
  allowedEndpoints: [],
  datadogEnv: {},
} as unknown as ApplyDeps['settings'];

const depsWith = (client: ApplyDeps['client']) =>
  ({
    client,
    settings,
    log: createRecordingLog(),
    clusterId: 'c',
    reachPoint: () => undefined,
    findMigrator: () => async () => null,
    findServiceAccount: async () => null,
  }) as unknown as ApplyDeps;

const input: ApplyInput = {
  upload: ACCEPTED,
  database: null,
  row: row({ status: 'Planning', execution: null }),
  parallelism: 4,
  onCreate: () => undefined,
  onRecreate: () => undefined,
  signal: new AbortController().signal,
};

/** Creates the plan Job where a Job of its name exists already. */
async function create(existing: Job | undefined, upload = ACCEPTED) {
  const patches: object[] = [];
  const created: string[] = [];
  const client = {
    create: async () => {
      throw new KubeError({ status: 409, reason: 'AlreadyExists', message: 'exists' });
    },
    find: async () => existing,
    patchMerge: async (_type: unknown, _ref: unknown, patch: object) => void patches.push(patch),
  } as unknown as ApplyDeps['client'];
  const noting = { ...input, upload, onCreate: (name: string) => void created.push(name) };
  const outcomes = await applyActions(depsWith(client), noting, [{ type: 'createJob', kind: 'plan', recreated: 0 }]);
  return { outcomes, patches, created };
}

const ours = [{ apiVersion: 'v', kind: 'BatchUpload', name: 'u', uid: UID }];
const LABELS = {
  'app.kubernetes.io/managed-by': 'batch-upload',
  'batchupload.dev/uid': UID,
  'batchupload.dev/kind': 'plan',
  'batchupload.dev/attempt': '1',
  'batchupload.dev/name': 'u',
};

it('a Job of ours that the cache does not have yet is left as it is', async () => {
  const { outcomes, patches } = await create({ metadata: { ownerReferences: ours, labels: { ...LABELS, more: 'x' } } });
  expect(outcomes).toEqual([{ type: 'done' }]);
  expect(patches).toEqual([]);
  expect((await create(undefined)).outcomes).toEqual([{ type: 'done' }]);
});

it.each([
  ['no labels', undefined],
  ['another label', { ...LABELS, 'batchupload.dev/uid': 'other' }],
])('a Job of ours with %s gets its labels back: without them no cache would ever show it', async (_what, labels) => {
  const { outcomes, patches, created } = await create({
    metadata: { ownerReferences: ours, ...(labels ? { labels } : {}) },
  });
  expect(outcomes).toEqual([{ type: 'done' }]);
  expect(patches).toEqual([{ metadata: { labels: LABELS } }]);
  // It counts like a Job that was made again, so that labels which vanish each time are put back after growing waits.
  expect(created).toEqual([`${UID}-plan-1`]);
});

it('a Job of ours in another queue of Kueue is left as it is: Kueue takes no other queue for a Job that has pods', async () => {
  const upload = { ...ACCEPTED, spec: { ...ACCEPTED.spec, queueName: 'loads' } };
  const found = { metadata: { ownerReferences: ours, labels: { ...LABELS, 'kueue.x-k8s.io/queue-name': 'other' } } };
  expect((await create(found, upload)).patches).toEqual([]);
  const stripped = { metadata: { ownerReferences: ours, labels: { 'kueue.x-k8s.io/queue-name': 'other' } } };
  expect((await create(stripped, upload)).patches).toEqual([{ metadata: { labels: LABELS } }]);
});

it('a Job of somebody else is in the way', async () => {
  const { outcomes, patches } = await create({ metadata: { ownerReferences: [{ ...ours[0]!, uid: 'other' }] } });
  expect(outcomes).toMatchObject([{ type: 'degraded', why: { reason: 'JobNameTaken' } }]);
  expect(patches).toEqual([]);
});

it('the plan Job of an upload whose copy is made anew has one pod, whatever the load is worth', async () => {
  const made: Job[] = [];
  const client = { create: async (_type: unknown, job: Job) => void made.push(job) } as unknown as ApplyDeps['client'];
  const big = { execution: 'Inline', totalIndexes: 128, totalChunks: 5000, sizeBytes: 1e12 } as const;
  for (const status of ['Planning', 'Processing'] as const) {
    await applyActions(depsWith(client), { ...input, parallelism: 64, row: row({ status, ...big }) }, [
      { type: 'createJob', kind: 'plan', recreated: 0 },
    ]);
  }
  const [renewing, loading] = made.map(({ spec }) => spec!);
  expect(renewing).toMatchObject({ completions: 1, parallelism: 1 });
  expect(loading!.completions).toBeGreaterThan(1);
});

it('a Job that another one has replaced meanwhile is deleted already', async () => {
  let status = 409;
  const client = {
    delete: async () => {
      throw new KubeError({ status, reason: 'Conflict', message: 'the UID in the precondition is another one' });
    },
  } as unknown as ApplyDeps['client'];
  const gone = { name: `${UID}-cleanup-1`, uid: 'j', kind: 'cleanup' } as const;
  const remove = () =>
    applyActions(depsWith(client), input, [{ type: 'deleteJob', job: gone, because: 'test', recreated: 0 }]);
  expect(await remove()).toEqual([{ type: 'done' }]);
  status = 500;
  await expect(remove()).rejects.toThrow('precondition');
});
