/**
 * Pods are killed at named points, and each pod is shown to stand at its point first. Afterwards the counts are the
 * generator's, each chunk has one audit row, and the whole table and all stored errors equal the oracle's.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SESSIONS_PER_POD } from '#common/job-contract.ts';
import {
  createE2e,
  type E2e,
  eventuallyTrue,
  holdFence,
  NAMESPACE,
  type Pod,
  waitForBlocked,
} from '#support/cluster/e2e.ts';
import type { Brakes } from '#support/kills/brakes.ts';
import {
  controlKubelet,
  expectComplete,
  expectOneAuditRowPerChunk,
  installKillBrakes,
  isAlive,
  killAt,
  killPod,
  letGo,
  type Point,
  podOf,
  type Started,
  signalPod,
  startCertifications,
} from '#support/kills/kill-tests.ts';

const CHUNK = 400;
const CHUNKS = 60;
const RECORDS = CHUNK * CHUNKS;

let e2e: E2e;
let brakes: Brakes;
beforeAll(async () => {
  e2e = await createE2e();
  brakes = await installKillBrakes(e2e);
});
afterAll(async () => {
  await brakes?.remove();
  await e2e?.close();
});

/** Five indexes own twelve chunks each. Every index gets two kills, so that the Job's backoff stays short. */
const INDEXES = 5;
const POINTS: Point[] = [
  ['in COPY', 2],
  ['before COMMIT', 12 + 5],
  ['in COPY', 24],
  ['before COMMIT', 36],
  ['in COPY', 48 + 3],
  // The pod has just committed the chunk before this one, and has just begun this one.
  ['in COPY', 3],
  ['before COMMIT', 12 + 6],
  ['in COPY', 24 + 1],
  ['in COPY', 36 + 11],
  ['before COMMIT', 48 + 11],
];

describe.each([0, 0.01])('a share of %d duplicates', (duplicates) => {
  it('ten pods killed in the middle of a chunk, just before its COMMIT and just after', async () => {
    const started = await startCertifications(e2e, {
      records: RECORDS,
      chunkRecords: CHUNK,
      parallelism: INDEXES * SESSIONS_PER_POD,
      duplicates,
      held: true,
    });
    await killAt(e2e, brakes, started, POINTS);
    await expectComplete(e2e, started);
  });
});

describe('the plan pod', () => {
  it('killed before its commit and after', async () => {
    const started = await startCertifications(e2e, { records: 2000, chunkRecords: CHUNK, held: true });
    const { uid } = started.upload.metadata;
    const fence = await holdFence(e2e.cluster, uid);
    const first = await brakes.inCopy(uid, started.goodRow(0));
    await letGo(e2e, started);
    await waitForBlocked(e2e.db, uid);
    expect(await e2e.progress(uid)).toMatchObject({ status: 'Planning', totalChunks: null });
    await killPod(e2e, await podOf(e2e, uid, 'plan'));
    await fence.release();
    // A small file is processed by the pod that planned the file; at its first chunk this pod has just committed the
    // plan.
    const { application } = await first.reached();
    expect(await e2e.progress(uid)).toMatchObject({ status: 'Processing', totalChunks: 5, chunksDone: 0 });
    await killPod(e2e, await podOf(e2e, uid, application));
    await first.release();
    await expectComplete(e2e, started);
  });
});

it('the pod that planned goes on, and is killed in COPY and before a COMMIT', async () => {
  const started = await startCertifications(e2e, { records: 2400, chunkRecords: 100, parallelism: 4, held: true });
  await killAt(e2e, brakes, started, [
    ['in COPY', 1],
    ['before COMMIT', 20],
  ]);
  await expectComplete(e2e, started);
  const { name } = started.upload.metadata;
  expect((await e2e.cluster.getUpload(NAMESPACE, name)).status?.plan).toMatchObject({
    execution: 'Inline',
    indexes: 1,
  });
});

describe('a pod frozen in the middle of COPY', () => {
  const options = { records: 3000, chunkRecords: 3000, duplicates: 0, held: true };

  it('and woken after its replacement has ended changes nothing', async () => {
    const started = await startCertifications(e2e, options);
    const { uid } = started.upload.metadata;
    const frozen = await freezeInCopy(started);
    const twin = await startTwin(frozen.metadata.name);
    const ended = '--for=jsonpath={.status.phase}=Succeeded';
    await e2e.cluster.kubectl('-n', NAMESPACE, 'wait', ended, `pod/${twin}`, '--timeout=120s');
    expect(await e2e.progress(uid)).toMatchObject({ chunksDone: 1 });
    await signalPod(e2e, frozen, 'CONT');
    await expectEnds(uid, frozen);
    await expectComplete(e2e, started);
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', twin);
  });

  it('on a node that was cut off, and woken after the upload was deleted changes nothing', async () => {
    const started = await startCertifications(e2e, options);
    const { uid, name } = started.upload.metadata;
    const frozen = await freezeInCopy(started);
    await controlKubelet(e2e, frozen.spec.nodeName!, 'stop');
    try {
      await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', name);
      await eventuallyTrue(async () => (await e2e.progress(uid))?.status === 'Deleted', 'the ledger row is not closed');
      await signalPod(e2e, frozen, 'CONT');
      await expectEnds(uid, frozen);
    } finally {
      await controlKubelet(e2e, frozen.spec.nodeName!, 'start');
    }
    const { rows } = await e2e.db.query('SELECT FROM certifications WHERE batch_upload_id = $1', [uid]);
    expect(rows).toHaveLength(0);
    await expectOneAuditRowPerChunk(e2e, uid, 0);
    await eventuallyTrue(async () => (await e2e.podsOf(uid)).length === 0, 'the pod is still there');
  });

  async function freezeInCopy(started: Started): Promise<Pod> {
    const { uid } = started.upload.metadata;
    const brake = await brakes.inCopy(uid, started.goodRow(0));
    await letGo(e2e, started);
    const { application, query } = await brake.reached();
    expect(query).toMatch(/^COPY (?:"public"\.)?"certifications"/);
    const pod = await podOf(e2e, uid, application);
    await signalPod(e2e, pod, 'STOP');
    await brake.release();
    return pod;
  }

  /** The woken pod finds that it has been replaced, ends by itself and leaves no session. */
  async function expectEnds(uid: string, pod: Pod): Promise<void> {
    await eventuallyTrue(async () => !(await isAlive(e2e, pod)), `${pod.metadata.name} lives on`);
    const { rows } = await e2e.db.query('SELECT FROM pg_stat_activity WHERE application_name LIKE $1', [`%${uid}%`]);
    expect(rows).toHaveLength(0);
  }
});

it('two pods of one index at once', async () => {
  const started = await startCertifications(e2e, { records: RECORDS, chunkRecords: 100, parallelism: 4, held: true });
  const { uid } = started.upload.metadata;
  const brake = await brakes.inCopy(uid, started.goodRow(3));
  await letGo(e2e, started);
  const { application } = await brake.reached();
  const twin = await startTwin((await podOf(e2e, uid, application)).metadata.name);
  // The twin waits for the chunk that the first pod is loading, and then both go on.
  await eventuallyTrue(async () => {
    const { rows } = await e2e.db.query<{ n: number }>(
      // The sessions of one pod have different chunks, so that only one of the twin's can wait here.
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE $1 AND wait_event_type = 'Lock'
       AND query LIKE '%FROM batch_upload.batch_upload_chunks%FOR UPDATE%'`,
      [`batch-upload/${uid}/%`],
    );
    return rows[0]!.n > 0;
  }, 'the twin does not wait for the chunk');
  await brake.release();
  await expectComplete(e2e, started);
  await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', twin, '--ignore-not-found');
});

/** Starts a second pod with the same environment, as a Job controller or a cut-off node may leave one. */
async function startTwin(pod: string): Promise<string> {
  const original = JSON.parse(await e2e.cluster.kubectl('-n', NAMESPACE, 'get', 'pod', pod, '-o', 'json'));
  const name = `twin-${pod.slice(-30)}`.replace(/^twin--+/, 'twin-');
  const { containers, volumes, securityContext, enableServiceLinks } = original.spec;
  const index = original.metadata.labels['batch.kubernetes.io/job-completion-index'] ?? '0';
  for (const container of containers) {
    container.env = container.env.map((each: { name: string }) =>
      each.name === 'JOB_COMPLETION_INDEX' ? { name: each.name, value: index } : each,
    );
  }
  await e2e.cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      containers,
      volumes,
      securityContext,
      enableServiceLinks,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
    },
  });
  return name;
}
