/** Tests the requests of the cleanup; what an API server does with them is tested in e2e/faults/deletion.test.ts. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createKubeClient } from '#kube/client.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { Job, Pod } from '#kube/resource-types.ts';
import type { KubeClient } from '#kube/types.ts';
import type { Caches } from '#operator/controller/caches.ts';
import { type CleanupDeps, cleanUpUpload, holdForCleanup } from '#operator/controller/cleanup.ts';
import { type ReconcileDeps, tidyUp } from '#operator/controller/reconcile.ts';
import { UploadMemories } from '#operator/controller/upload-memory.ts';
import { noteSettings } from '#operator/jobs/pod-template.ts';
import { type FakeKubeServer, refuse, startFakeKubeServer } from '#support/cluster/fake-kube-server.ts';
import { FakeClock } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { UID, upload } from './observed.ts';

let server: FakeKubeServer;
let client: KubeClient;
let events: string[];
const { signal } = new AbortController();

beforeEach(async () => {
  server = await startFakeKubeServer();
  client = createKubeClient({ access: server.access });
  events = [];
});
afterEach(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

const clock = new FakeClock();
const JOB_PATH = `/apis/batch/v1/namespaces/n/jobs/${UID}-cleanup-1`;
const UPLOAD_PATH = '/apis/batchupload.dev/v1alpha1/namespaces/n/batchuploads/u';
const asked = () => server.requests.map(({ method, path }) => `${method} ${path}`);

function held({ deleted = false } = {}): BatchUpload {
  const { metadata, ...rest } = upload();
  const now = new Date(clock.now()).toISOString();
  return {
    ...rest,
    metadata: {
      ...metadata,
      resourceVersion: '7',
      finalizers: ['batchupload.dev/work-copy'],
      ...(deleted ? { deletionTimestamp: now } : {}),
    },
    status: { completionTime: now },
  };
}

function deps({ job, pods = [], isTerminating = false }: DepsOptions = {}): CleanupDeps {
  const jobs = { get: (key: string) => (key === `n/${UID}-cleanup-1` ? job : undefined) };
  return {
    client,
    caches: {
      namespaces: new Map([['n', { jobs }]]),
      podsOf: () => pods,
      isTerminating: () => isTerminating,
    } as unknown as Caches,
    clock,
    log: createRecordingLog(),
    events: { record: (_target, { reason }) => events.push(reason), flush: async () => undefined, dropped: 0 },
    settings: {
      image: 'i',
      imagePullPolicy: 'Always',
      imagePullSecrets: [],
      resources: { requests: {}, limits: {} },
      warmPods: { max: 0, idleSeconds: 10 },
      jobTtlSeconds: 60,
      inlineLimitBytes: 1,
      podTemplate: {},
      serviceAccountNames: [],
      allowedEndpoints: [],
      retrySeconds: 1,
      maxRecordBytes: 1 << 24,
      stallSeconds: 30,
      logLevel: 'info',
      datadog: false,
      datadogEnv: {},
    },
    findServiceAccount: async () => null,
  };
}

interface DepsOptions {
  job?: Job;
  pods?: Pod[];
  isTerminating?: boolean;
}

const ended = (type: string): Job => ({
  metadata: { name: `${UID}-cleanup-1`, namespace: 'n', uid: 'job', creationTimestamp: new Date(clock.now()) as never },
  status: { conditions: [{ type, status: 'True' }] },
});
const pod = (kind: string, phase = 'Running'): Pod => ({
  metadata: { labels: { 'batchupload.dev/kind': kind } },
  status: { phase },
});

it('an upload is held once, and not when it has changed meanwhile', async () => {
  expect(await holdForCleanup({ client }, held(), signal)).toBe(true);
  expect(asked()).toEqual([]);
  expect(await holdForCleanup({ client }, upload(), signal)).toBe(true);
  expect(asked()).toEqual([`PATCH ${UPLOAD_PATH}`]);
  server.once(({ method }) => method === 'PATCH', refuse(409, 'Conflict'));
  expect(await holdForCleanup({ client }, upload(), signal)).toBe(false);
});

it('the Job is made when no pod of the upload runs any more', async () => {
  expect(
    await cleanUpUpload(deps({ pods: [pod('plan')] }), { upload: held(), memory: { cleanup: null }, signal }),
  ).toEqual({
    requeueAfterMs: 600_000,
  });
  expect(asked()).toEqual([]);
  await cleanUpUpload(deps({ pods: [pod('cleanup')] }), { upload: held(), memory: { cleanup: null }, signal });
  expect(asked()).toEqual(['POST /apis/batch/v1/namespaces/n/jobs']);
});

it('an upload that was tried again gets another Job than the one of the attempt before', async () => {
  const first = held();
  const again: BatchUpload = { ...first, spec: { ...first.spec, retryGeneration: 3 } };
  const result = await cleanUpUpload(deps({ job: ended('Complete') }), {
    upload: again,
    memory: { cleanup: null },
    signal,
  });
  expect(result).toEqual({ requeueAfterMs: 600_000 });
  expect(asked()).toEqual(['POST /apis/batch/v1/namespaces/n/jobs']);
  expect(JSON.parse(server.requests[0]!.body).metadata.name).toBe(`${UID}-cleanup-4`);
});

it.each([
  ['Complete', false, 'WorkCopyRemoved', [`PATCH ${UPLOAD_PATH}`]],
  ['Complete', true, 'WorkCopyRemoved', [`PATCH ${UPLOAD_PATH}`, `DELETE ${JOB_PATH}`]],
  ['Failed', true, 'WorkCopyNotRemoved', [`PATCH ${UPLOAD_PATH}`]],
] as const)('the Job is %s, the upload deleted: %s: %s', async (condition, deleted, event, requests) => {
  await cleanUpUpload(deps({ job: ended(condition) }), {
    upload: held({ deleted }),
    memory: { cleanup: null },
    signal,
  });
  expect(asked()).toEqual(requests);
  expect(JSON.parse(server.requests[0]!.body)).toEqual({ metadata: { resourceVersion: '7', finalizers: [] } });
  expect(events).toEqual([event]);
});

it.each<[string, string | null, Pod[], string[]]>([
  ['its pod cannot start, and the settings are others', 'others', [pod('cleanup', 'Pending')], [`DELETE ${JOB_PATH}`]],
  ['no pod could be made, and the settings are others', 'others', [], [`DELETE ${JOB_PATH}`]],
  ['its pod runs, and the settings are others', 'others', [pod('cleanup', 'Running')], []],
  ['its pod cannot start, and the settings are the same', 'same', [pod('cleanup', 'Pending')], []],
  ['its pod cannot start, and nothing says by which settings it was made', null, [pod('cleanup', 'Pending')], []],
])('a Job at work, and %s', async (_what, made, pods, requests) => {
  const { settings } = deps();
  const note = made === 'same' ? noteSettings({ upload: held(), settings }) : made;
  const annotations = note === null ? {} : { 'batchupload.dev/settings': note };
  const job: Job = { metadata: { name: `${UID}-cleanup-1`, namespace: 'n', uid: 'job', annotations } };
  const result = await cleanUpUpload(deps({ job, pods }), { upload: held(), memory: { cleanup: null }, signal });
  expect(asked()).toEqual(requests);
  expect(result).toEqual({ requeueAfterMs: requests.length > 0 ? 500 : 600_000 });
});

it.each([
  [400, 'BadRequest'],
  [422, 'Invalid'],
  [403, 'Forbidden'],
])(
  'a Job whose time to live the API server refuses with %d holds no upload, and that is said once',
  async (code, reason) => {
    const finished: Job = {
      metadata: {
        ...{ name: `${UID}-plan-1`, namespace: 'n', uid: 'plan', labels: { 'batchupload.dev/kind': 'plan' } },
        ownerReferences: [{ apiVersion: 'v', kind: 'BatchUpload', name: 'u', uid: UID }],
      },
      status: { conditions: [{ type: 'Complete', status: 'True' }] },
    };
    const memories = new UploadMemories();
    const log = createRecordingLog();
    const tidy = (job?: Job) => {
      const given = deps(job ? { job } : {});
      const caches = { ...given.caches, jobsOf: () => [finished] };
      const rest = { turns: { release() {} }, warmPods: { release() {} }, memories, log, caches };
      const tidying = { ...given, ...rest } as unknown as ReconcileDeps;
      return tidyUp(tidying, { key: 'n/u', upload: held({ deleted: true }), signal });
    };
    const PLAN_PATH = `/apis/batch/v1/namespaces/n/jobs/${UID}-plan-1`;
    server.once(({ path }) => path === PLAN_PATH, refuse(code, reason));
    await tidy();
    await tidy(ended('Complete'));
    expect(asked()).toEqual([
      `PATCH ${PLAN_PATH}`,
      'POST /apis/batch/v1/namespaces/n/jobs',
      `PATCH ${UPLOAD_PATH}`,
      `DELETE ${JOB_PATH}`,
    ]);
    expect(events).toEqual(['WorkCopyRemoved']);
    expect(log.entries.filter((entry) => JSON.stringify(entry).includes('time to live'))).toHaveLength(1);
  },
);

it('a Job that Kueue has put into a queue is waited for, and an event says so once', async () => {
  const memory = { cleanup: null };
  const suspend = { metadata: ended('').metadata!, spec: { suspend: true, template: {} } };
  const look = (job: Job) => cleanUpUpload(deps({ job }), { upload: held({ deleted: true }), memory, signal });
  expect(await look(suspend)).toEqual({ requeueAfterMs: 60_000 });
  expect(events).toEqual([]);
  await clock.advance(60_000);
  expect(await look(suspend)).toEqual({ requeueAfterMs: 59 * 60_000 });
  await clock.advance(10 * 60_000);
  expect(await look(suspend)).toEqual({ requeueAfterMs: 49 * 60_000 });
  expect(events).toEqual(['WorkCopyWaits']);
  // The time of the Job itself begins when it is admitted, and begins anew after an eviction.
  const admitted: Job = { ...suspend, spec: { ...suspend.spec, suspend: false } };
  expect(await look(admitted)).toEqual({ requeueAfterMs: 600_000 });
  await clock.advance(9 * 60_000);
  expect(await look(suspend)).toEqual({ requeueAfterMs: 40 * 60_000 });
  expect(await look(admitted)).toEqual({ requeueAfterMs: 600_000 });
  await clock.advance(40 * 60_000);
  expect(asked()).toEqual([]);
  await look(suspend);
  expect(asked()).toEqual([`PATCH ${UPLOAD_PATH}`]);
  expect(events).toEqual(['WorkCopyWaits', 'WorkCopyNotRemoved']);
});

it('an upload that has changed meanwhile is looked at again, and nothing is said', async () => {
  server.once(({ method }) => method === 'PATCH', refuse(409, 'Conflict'));
  expect(
    await cleanUpUpload(deps({ job: ended('Complete') }), { upload: held(), memory: { cleanup: null }, signal }),
  ).toEqual({
    requeueAfterMs: 500,
  });
  expect(events).toEqual([]);
});

it('in a namespace that is going away nothing is waited for', async () => {
  const message = 'forbidden: unable to create new content in namespace n because it is being terminated';
  server.once(({ method }) => method === 'POST', refuse(403, 'Forbidden', message));
  await cleanUpUpload(deps(), { upload: held({ deleted: true }), memory: { cleanup: null }, signal });
  expect(asked()).toEqual(['POST /apis/batch/v1/namespaces/n/jobs', `PATCH ${UPLOAD_PATH}`]);
  expect(events).toEqual(['WorkCopyNotRemoved']);
});

it('in a namespace that is going away the pods of a cache that gets no news are not waited for', async () => {
  const gone = deps({ pods: [pod('plan')], isTerminating: true });
  const memory = { cleanup: null };
  await cleanUpUpload(gone, { upload: held({ deleted: true }), memory, signal });
  expect(asked()).toEqual([`PATCH ${UPLOAD_PATH}`]);
  // An upload that is not deleted yet is released, too: the operator's Role may be deleted before the upload.
  expect(await cleanUpUpload(gone, { upload: held(), memory, signal })).toBeUndefined();
  expect(asked()).toEqual([`PATCH ${UPLOAD_PATH}`, `PATCH ${UPLOAD_PATH}`]);
});

it('a Job that is refused for now is tried again', async () => {
  server.once(({ method }) => method === 'POST', refuse(403, 'Forbidden', 'exceeded quota: pods'));
  expect(await cleanUpUpload(deps(), { upload: held(), memory: { cleanup: null }, signal })).toEqual({
    requeueAfterMs: 30_000,
  });
  server.once(({ method }) => method === 'POST', refuse(409, 'AlreadyExists'));
  expect(await cleanUpUpload(deps(), { upload: held(), memory: { cleanup: null }, signal })).toEqual({
    requeueAfterMs: 600_000,
  });
  expect(events).toEqual([]);
});

it('times of other clocks do not count: what was seen first does', async () => {
  const memory = { cleanup: null };
  const hourAhead = held({ deleted: true });
  hourAhead.metadata.deletionTimestamp = new Date(clock.now() + 3_600_000).toISOString();
  const look = () => cleanUpUpload(deps({ pods: [pod('plan')] }), { upload: hourAhead, memory, signal });
  expect(await look()).toEqual({ requeueAfterMs: 600_000 });
  await clock.advance(599_000);
  expect(await look()).toEqual({ requeueAfterMs: 1_000 });
  await clock.advance(1_000);
  await look();
  expect(asked()).toEqual(['POST /apis/batch/v1/namespaces/n/jobs']);
});

it('an upload that the operator may not release says what to do, and is tried again', async () => {
  server.once(({ method }) => method === 'PATCH', refuse(403, 'Forbidden', 'cannot patch'));
  const messages: string[] = [];
  const given = deps({ job: ended('Complete') });
  const record = (_target: unknown, { message }: { message: string }) => void messages.push(message);
  const told = { ...given, events: { ...given.events, record } };
  expect(await cleanUpUpload(told, { upload: held(), memory: { cleanup: null }, signal })).toEqual({
    requeueAfterMs: 60_000,
  });
  expect(messages).toEqual([
    expect.stringMatching(
      /may not remove the finalizer.*uploads\.formerNamespaces.*kubectl -n n patch batchupload u --type merge -p '\{"metadata":\{"finalizers":\[\]\}\}'/,
    ),
  ]);
});

it('in a namespace that is not enabled any more the upload is released at once, and no Job is tried', async () => {
  const left = deps();
  const caches = { ...left.caches, namespaces: new Map() };
  await cleanUpUpload({ ...left, caches }, { upload: held({ deleted: true }), memory: { cleanup: null }, signal });
  expect(asked()).toEqual([`PATCH ${UPLOAD_PATH}`]);
  expect(events).toEqual(['WorkCopyNotRemoved']);
});

it('a Job that exists and lacks the labels by which it is seen gets them back; an upload is not held for it for ever', async () => {
  const memory = { cleanup: null };
  const look = () => {
    server.once(({ method }) => method === 'POST', refuse(409, 'AlreadyExists'));
    return cleanUpUpload(deps(), { upload: held(), memory, signal });
  };
  expect(await look()).toEqual({ requeueAfterMs: 600_000 });
  expect(asked()).toEqual(['POST /apis/batch/v1/namespaces/n/jobs', `PATCH ${JOB_PATH}`]);
  expect(JSON.parse(server.requests[1]!.body).metadata.labels).toMatchObject({ 'batchupload.dev/kind': 'cleanup' });
  await clock.advance(1_200_000);
  await look();
  expect(asked().at(-1)).toBe(`PATCH ${UPLOAD_PATH}`);
  expect(events).toEqual(['WorkCopyNotRemoved']);
});
