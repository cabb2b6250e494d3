/**
 * Jobs in a queue of Kueue: admission, partial admission, eviction at half of the file and suspension by both sides. Each
 * upload ends with the counts of the generator, one audit row for each chunk, and the rows of the oracle.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findCondition } from '#api/conditions.ts';
import { KUEUE } from '#api/labels.ts';
import { SESSIONS_PER_POD } from '#common/job-contract.ts';
import type { Job } from '#kube/resource-types.ts';
import { type BatchUpload, hasCondition } from '#support/cluster/cluster.ts';
import { createE2e, type E2e, eventuallyTrue } from '#support/cluster/e2e.ts';
import type { Brake, Brakes } from '#support/kills/brakes.ts';
import {
  expectComplete,
  installKillBrakes,
  letGo,
  type Started,
  type StartOptions,
  startCertifications,
} from '#support/kills/kill-tests.ts';
import {
  createQueue,
  installKueue,
  KUEUE_NAMESPACE,
  POD_RESOURCES,
  PRIORITIES,
  QUEUE,
  type Queue,
} from '#support/kueue/kueue.ts';

const CHUNK = 400;
/** Four indexes own twelve chunks each. */
const INDEXES = 4;
const CHUNKS_OF_INDEX = 12;
const RECORDS = CHUNK * CHUNKS_OF_INDEX * INDEXES;
/** The chunks of an index before whose commit a session stops. A pod has four sessions. */
const BRAKED = [6, 8, 10, 11];
/** Retries that an index has, and one more. */
const EVICTIONS = 8;
/** A build of Kueue on a machine that has nothing of it. */
const INSTALL_MS = 3_600_000;

let e2e: E2e;
let brakes: Brakes;
let queue: Queue;
beforeAll(async () => {
  await installKueue();
  e2e = await createE2e({ namespace: KUEUE_NAMESPACE });
  brakes = await installKillBrakes(e2e);
  queue = await createQueue(e2e);
}, INSTALL_MS);
afterAll(async () => {
  await brakes?.remove();
  await e2e?.close();
});
beforeEach(async () => {
  // Kueue may still count the pod that has planned.
  await queue.setQuota(INDEXES + 1);
  await queue.setStopPolicy('None');
});

/** An upload in the queue that is worth four pods, and waits for {@link letGo}. */
function startQueued({ spec, ...options }: Partial<StartOptions> = {}): Promise<Started> {
  return startCertifications(e2e, {
    records: RECORDS,
    chunkRecords: CHUNK,
    parallelism: INDEXES * SESSIONS_PER_POD,
    // A record whose key another pod is writing would wait for that pod, and not come to its brake.
    duplicates: 0,
    held: true,
    ...options,
    spec: { queueName: QUEUE, podTemplate: { spec: { resources: POD_RESOURCES } }, ...spec },
  });
}

const withPriority = (name: string) => ({
  podTemplate: { metadata: { labels: { [KUEUE.priorityClass]: name } }, spec: { resources: POD_RESOURCES } },
});

const waitFor = ({ upload }: Started, until: (upload: BatchUpload) => boolean) =>
  e2e.cluster.waitForUpload(KUEUE_NAMESPACE, upload.metadata.name, until, 120_000);
const isQueued = (upload: BatchUpload) =>
  upload.status?.phase === 'Queued' && findCondition(upload.status, 'Progressing')?.reason === 'AdmissionPending';
const patch = ({ upload }: Started, spec: object) =>
  e2e.cluster.kubectl(
    ...['-n', KUEUE_NAMESPACE, 'patch', 'batchupload', upload.metadata.name, '--type=merge'],
    ...['-p', JSON.stringify({ spec })],
  );
const livePods = async ({ upload }: Started) =>
  (await e2e.podsOf(upload.metadata.uid)).filter(
    ({ status }) => status.phase === 'Running' || status.phase === 'Pending',
  );
const noPods = (started: Started) =>
  eventuallyTrue(async () => (await livePods(started)).length === 0, 'an evicted Job has pods');

const runningPods = ({ upload }: Started, pods: number) =>
  eventuallyTrue(
    async () =>
      (await e2e.podsOf(upload.metadata.uid)).filter(({ status }) => status.phase === 'Running').length === pods,
    `not ${pods} pods run`,
  );

async function admittedJob({ upload }: Started, pods: number): Promise<Job> {
  let job: Job | undefined;
  await eventuallyTrue(
    async () => {
      job = await queue.findJob(upload.metadata.uid, 'process');
      return job?.spec?.suspend === false && job.spec.parallelism === pods && job.status?.active === pods;
    },
    `the Job does not have ${pods} pods`,
    120_000,
  );
  return job!;
}

/** Lets an upload begin, and stops so many of its pods at chunks in the middle, which are written and cannot be committed. */
async function stopAtHalf(started: Started, pods = INDEXES): Promise<{ release(): Promise<void> }> {
  const ofIndexes: Brake[][] = [];
  for (let index = 0; index < INDEXES; index += 1) {
    const brakesOfIndex: Brake[] = [];
    for (const chunk of BRAKED) {
      brakesOfIndex.push(await brakes.beforeCommit(started.upload.metadata.uid, index * CHUNKS_OF_INDEX + chunk));
    }
    ofIndexes.push(brakesOfIndex);
  }
  await letGo(e2e, started);
  await eventuallyTrue(
    async () => {
      let standing = 0;
      for (const each of ofIndexes) if (await stands(each)) standing += 1;
      return standing === pods;
    },
    `${pods} pods do not stand in the middle of their chunks`,
    120_000,
  );
  return {
    async release() {
      for (const brake of ofIndexes.flat()) await brake.release();
    },
  };
}

/** Does a session of the pod stand at one of the brakes of its index? */
async function stands(ofIndex: readonly Brake[]): Promise<boolean> {
  for (const brake of ofIndex) if (await brake.standing()) return true;
  return false;
}

/** Nothing that Kueue does is a fault of the upload. */
async function expectInOrder({ upload }: Started): Promise<void> {
  const { status } = await e2e.cluster.getUpload(KUEUE_NAMESPACE, upload.metadata.name);
  expect(findCondition(status, 'Degraded')).toMatchObject({ status: 'False' });
  expect(findCondition(status, 'Suspended')?.status ?? 'False').toBe('False');
}

describe('admission', () => {
  it('an upload waits for quota, says so, and is loaded when there is some', async () => {
    await queue.setQuota(0);
    const started = await startQueued({ spec: withPriority(PRIORITIES.low) });
    await letGo(e2e, started);
    const { status } = await waitFor(started, isQueued);
    await expectInOrder(started);
    const line = /kubectl describe .*$/.exec(status!.message!)![0].replace(/\.$/, '').split(' ').slice(1);
    expect(await e2e.cluster.kubectl('-n', KUEUE_NAMESPACE, ...line)).toMatch(/insufficient quota/);
    const plan = await queue.findJob(started.upload.metadata.uid, 'plan');
    expect(plan!.metadata!.labels).toMatchObject({
      [KUEUE.queueName]: QUEUE,
      [KUEUE.priorityClass]: PRIORITIES.low,
    });
    await queue.setQuota(INDEXES);
    await expectComplete(e2e, started);
  });

  it('a queue without room for all pods admits some, and these do all of the work', async () => {
    await queue.setQuota(INDEXES - 1);
    const started = await startQueued();
    const brake = await stopAtHalf(started, INDEXES - 1);
    const job = await admittedJob(started, INDEXES - 1);
    expect(job.spec).toMatchObject({ completions: INDEXES });
    await expectInOrder(started);
    await brake.release();
    await expectComplete(e2e, started);
    expect(await queue.findJob(started.upload.metadata.uid, 'process')).toMatchObject({
      metadata: { uid: job.metadata!.uid },
    });
  });
});

describe('eviction', () => {
  it('at half, and admitted again with one pod', async () => {
    const started = await startQueued();
    const brake = await stopAtHalf(started);
    const job = await admittedJob(started, INDEXES);
    const { chunksDone } = (await e2e.progress(started.upload.metadata.uid))!;
    expect(chunksDone).toBeGreaterThan(0);
    expect(chunksDone).toBeLessThan(CHUNKS_OF_INDEX * INDEXES);
    await queue.setActive(job, false);
    await waitFor(started, isQueued);
    await noPods(started);
    await expectInOrder(started);
    await queue.setQuota(1);
    await queue.setActive(job, true);
    expect(await admittedJob(started, 1)).toMatchObject({ metadata: { uid: job.metadata!.uid } });
    await waitFor(started, ({ status }) => status?.phase === 'Processing');
    await expectInOrder(started);
    await brake.release();
    await expectComplete(e2e, started);
  });

  it('by an upload of a higher priority, which is loaded first', async () => {
    const low = await startQueued({ spec: withPriority(PRIORITIES.low) });
    const brake = await stopAtHalf(low);
    await admittedJob(low, INDEXES);
    const high = await startQueued({ spec: withPriority(PRIORITIES.high) });
    await queue.setQuota(1);
    await letGo(e2e, high);
    await waitFor(low, isQueued);
    await brake.release();
    await expectComplete(e2e, high);
    await expectComplete(e2e, low);
  });

  it('more often than an index may fail', async () => {
    const started = await startQueued();
    const brake = await stopAtHalf(started);
    for (let round = 0; round < EVICTIONS; round += 1) {
      await queue.setStopPolicy('HoldAndDrain');
      await waitFor(started, isQueued);
      await noPods(started);
      await queue.setStopPolicy('None');
      await admittedJob(started, INDEXES);
      await runningPods(started, INDEXES);
    }
    await expectInOrder(started);
    await brake.release();
    await expectComplete(e2e, started);
  });
});

describe('suspension by both', () => {
  it('first by Kueue: the upload goes on when neither holds it', async () => {
    const started = await startQueued();
    const brake = await stopAtHalf(started);
    await queue.setStopPolicy('HoldAndDrain');
    await waitFor(started, isQueued);
    await patch(started, { suspend: true });
    await waitFor(started, ({ status }) => status?.phase === 'Suspended');
    await noPods(started);
    await queue.setStopPolicy('None');
    await brake.release();
    expect(await e2e.jobsOf(started.upload.metadata.uid)).toHaveLength(1);
    await patch(started, { suspend: false });
    await expectComplete(e2e, started);
  });

  it('first by its spec: a resumed upload waits in the held queue', async () => {
    const started = await startQueued();
    const brake = await stopAtHalf(started);
    await patch(started, { suspend: true });
    await waitFor(started, ({ status }) => status?.phase === 'Suspended');
    await queue.setStopPolicy('HoldAndDrain');
    await patch(started, { suspend: false });
    await waitFor(started, isQueued);
    await brake.release();
    await noPods(started);
    await queue.setStopPolicy('None');
    await expectComplete(e2e, started);
  });

  it('a cancelled upload leaves the queue with the counts so far', async () => {
    // Two indexes never get a pod. What the server was asked to commit before an eviction may be committed after it.
    await queue.setQuota(2);
    const started = await startQueued();
    const brake = await stopAtHalf(started, 2);
    await queue.setStopPolicy('HoldAndDrain');
    await waitFor(started, isQueued);
    await noPods(started);
    await brake.release();
    await patch(started, { cancel: true });
    const { status } = await waitFor(started, (upload) => hasCondition(upload, 'Failed', 'Cancelled'));
    expect(status!.records!.processed).toBeLessThan(RECORDS);
    const { rows } = await e2e.db.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM certifications WHERE batch_upload_id = $1',
      [started.upload.metadata.uid],
    );
    expect(rows[0]!.n).toBe(status!.records!.succeeded);
  });
});

it('another parallelism leaves an admitted Job alone, and counts after an eviction', async () => {
  const started = await startQueued();
  const brake = await stopAtHalf(started);
  const job = await admittedJob(started, INDEXES);
  await patch(started, { parallelism: 2 });
  await waitFor(started, ({ metadata, status }) => status?.observedGeneration === metadata.generation);
  expect(await admittedJob(started, INDEXES)).toMatchObject({ metadata: { uid: job.metadata!.uid } });
  await expectInOrder(started);
  await queue.setStopPolicy('HoldAndDrain');
  await eventuallyTrue(async () => {
    const next = await queue.findJob(started.upload.metadata.uid, 'process');
    return next !== undefined && next.metadata!.uid !== job.metadata!.uid && next.spec!.parallelism === 1;
  }, 'the Job was not made again with one pod');
  await queue.setStopPolicy('None');
  await brake.release();
  await expectComplete(e2e, started);
});
