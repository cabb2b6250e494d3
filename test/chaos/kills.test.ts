/**
 * Pods and operators killed at named points, each shown to stand there. Afterwards: the generator's counts, one audit
 * row a chunk, and the whole table and all stored errors equal to the oracle's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDeletedUpload } from '#runner/ledger/finish-upload.ts';
import { type Brake, type Brakes, installBrakes } from '#support/brakes.ts';
import { createE2e, type E2e, eventuallyTrue, holdFence, NAMESPACE, waitForBlocked } from '#support/e2e.ts';
import {
  expectComplete,
  expectExactRows,
  killPod,
  letGo,
  podOf,
  prepareKillTests,
  signalPod,
  startCertifications,
} from '#support/kill-tests.ts';

const CHUNK = 400;
const CHUNKS = 60;
const RECORDS = CHUNK * CHUNKS;

let e2e: E2e;
let brakes: Brakes;
beforeAll(async () => {
  e2e = await createE2e();
  await prepareKillTests(e2e);
  // The first use of the database makes the ledger, which the brakes need.
  await expectComplete(e2e, await startCertifications(e2e, { records: 500, chunkRecords: 100 }));
  brakes = await installBrakes(e2e.cluster, e2e.db, 'certifications');
});
afterAll(async () => {
  await brakes?.remove();
  await e2e?.close();
});

type Point = [kind: 'in COPY' | 'before COMMIT', chunk: number];

/** Two indexes own half of the chunks each; an index bears six failures. */
const POINTS: Point[] = [
  ['in COPY', 2],
  ['before COMMIT', 5],
  // The chunk before it has just been committed, this one has just begun.
  ['in COPY', 6],
  ['before COMMIT', 13],
  ['in COPY', 21],
  ['in COPY', CHUNKS / 2],
  ['before COMMIT', CHUNKS / 2 + 4],
  ['in COPY', CHUNKS / 2 + 5],
  ['before COMMIT', CHUNKS / 2 + 17],
  ['in COPY', CHUNKS - 1],
];

describe.each([0, 0.01])('a share of %d duplicates', (duplicates) => {
  it('ten pods killed in the middle of a chunk, just before its COMMIT and just after', async () => {
    const started = await startCertifications(e2e, { records: RECORDS, chunkRecords: CHUNK, duplicates, held: true });
    const { uid } = started.upload.metadata;
    const set: { point: Point; brake: Brake }[] = [];
    for (const point of POINTS) {
      const [kind, chunk] = point;
      const brake =
        kind === 'in COPY' ? await brakes.inCopy(uid, started.goodRow(chunk)) : await brakes.beforeCommit(uid, chunk);
      set.push({ point, brake });
    }
    await letGo(e2e, started);
    for (const { point, brake } of set) {
      const [kind, chunk] = point;
      const { application, query } = await brake.reached();
      if (kind === 'before COMMIT') expect(query).toContain('batch_upload_audit_logs');
      else
        expect(query).toMatch(
          duplicates === 0 ? /^COPY "certifications"/ : /^COPY "certifications"|INSERT INTO "certifications"/,
        );
      await killPod(e2e, await podOf(e2e, uid, application));
      await brake.release();
      console.log(`killed ${kind} of chunk ${chunk}: ${application}`);
    }
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
    // Small files are processed by the pod that planned them: at its first chunk it has just committed the plan.
    const { application } = await first.reached();
    expect(await e2e.progress(uid)).toMatchObject({ status: 'Processing', totalChunks: 5, chunksDone: 0 });
    await killPod(e2e, await podOf(e2e, uid, application));
    await first.release();
    await expectComplete(e2e, started);
  });
});

describe('a pod frozen in the middle of a chunk', () => {
  it.each(['its replacement has ended', 'the upload was deleted'])(
    'and woken after %s changes nothing',
    async (fate) => {
      const started = await startCertifications(e2e, { records: 3000, chunkRecords: 3000, duplicates: 0, held: true });
      const { uid, name } = started.upload.metadata;
      const brake = await brakes.inCopy(uid, started.goodRow(0));
      await letGo(e2e, started);
      const { application } = await brake.reached();
      const frozen = await podOf(e2e, uid, application);
      await signalPod(e2e, frozen, 'STOP');
      await brake.release();
      // Kubernetes is told that the pod is gone while its process is not: a node that was cut off looks like this.
      const twin = await startTwin(frozen.metadata.name);
      await e2e.cluster.kubectl(
        '-n',
        NAMESPACE,
        'wait',
        '--for=jsonpath={.status.phase}=Succeeded',
        `pod/${twin}`,
        '--timeout=120s',
      );
      expect(await e2e.progress(uid)).toMatchObject({ chunksDone: 1 });
      if (fate === 'the upload was deleted') {
        const client = await e2e.cluster.connectDatabase();
        await closeDeletedUpload(client, uid);
        await client.end();
      }
      await signalPod(e2e, frozen, 'CONT');
      await sleep(3000);
      await expectExactRows(e2e, uid, started);
      if (fate !== 'the upload was deleted') await expectComplete(e2e, started);
      await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', twin);
      await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', name);
    },
  );
});

it('two pods of one index at once', async () => {
  const started = await startCertifications(e2e, { records: RECORDS, chunkRecords: 100, held: true });
  const { uid } = started.upload.metadata;
  const brake = await brakes.inCopy(uid, started.goodRow(3));
  await letGo(e2e, started);
  const { application } = await brake.reached();
  const twin = await startTwin((await podOf(e2e, uid, application)).metadata.name);
  // The twin waits for the chunk that the first pod stands in; then both go on.
  await eventuallyTrue(async () => {
    const { rows } = await e2e.db.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`,
      [application],
    );
    return rows[0]!.n === 2;
  }, 'the twin does not wait for the chunk');
  await brake.release();
  await expectComplete(e2e, started);
  await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', twin, '--ignore-not-found');
});

/** A second pod with the same environment, as a Job controller or a cut-off node may leave one. */
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
