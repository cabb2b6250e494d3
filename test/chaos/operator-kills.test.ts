/** The leading operator killed between a step and the status that would tell of it; the other replica goes on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAULT_POINTS } from '#operator/controller/fault-point.ts';
import { createE2e, type E2e, eventuallyTrue, NAMESPACE } from '#support/e2e.ts';
import { expectComplete, prepareKillTests, startCertifications } from '#support/kill-tests.ts';

const SYSTEM = ['-n', 'batch-upload-system'];
const DEPLOYMENT = 'deployment/batch-upload-operator';

let e2e: E2e;
beforeAll(async () => {
  e2e = await createE2e();
  await prepareKillTests(e2e);
});
afterAll(async () => {
  await setFaultPoint('');
  await e2e.close();
});

async function setFaultPoint(point: string): Promise<void> {
  const change = point === '' ? 'BATCH_UPLOAD_FAULT_POINT-' : `BATCH_UPLOAD_FAULT_POINT=${point}`;
  await e2e.cluster.kubectl(...SYSTEM, 'set', 'env', DEPLOYMENT, change);
  await e2e.cluster.kubectl(...SYSTEM, 'rollout', 'status', DEPLOYMENT, '--timeout=120s');
}

interface OperatorPod {
  metadata: { name: string };
  status: { containerStatuses?: { restartCount: number; lastState?: { terminated?: { exitCode: number } } }[] };
}

async function operatorPods(): Promise<OperatorPod[]> {
  const text = await e2e.cluster.kubectl(
    ...SYSTEM,
    'get',
    'pods',
    '-l',
    'app.kubernetes.io/name=batch-upload',
    '-o',
    'json',
  );
  return (JSON.parse(text) as { items: OperatorPod[] }).items;
}

const killed = (pods: OperatorPod[]) =>
  pods.filter(({ status }) => status.containerStatuses?.[0]?.lastState?.terminated?.exitCode === 137).length;

describe.each(FAULT_POINTS.filter((point) => point !== 'after-fail' && point !== 'before-close-deleted'))(
  'killed %s',
  (point) => {
    it('the upload is complete, with every Job made once', async () => {
      await setFaultPoint(point);
      const started = await startCertifications(e2e, { records: 12_000, chunkRecords: 500 });
      await eventuallyTrue(async () => killed(await operatorPods()) > 0, `no operator was killed ${point}`, 120_000);
      await expectComplete(e2e, started);
      const { uid } = started.upload.metadata;
      const jobs = await e2e.cluster.kubectl(
        '-n',
        NAMESPACE,
        'get',
        'jobs',
        '-l',
        `batchupload.dev/uid=${uid}`,
        '-o',
        'name',
      );
      const names = jobs.trim().split('\n').toSorted();
      expect(names).toEqual([`job.batch/${uid}-plan-1`, `job.batch/${uid}-process-1`]);
    });
  },
);

it('both operators killed by force in the middle of an upload', async () => {
  await setFaultPoint('');
  const started = await startCertifications(e2e, { records: 24_000, chunkRecords: 200 });
  const { uid } = started.upload.metadata;
  await eventuallyTrue(async () => ((await e2e.progress(uid))?.chunksDone ?? 0) > 3, 'nothing was processed');
  for (const { metadata } of await operatorPods()) {
    await e2e.cluster.kubectl(...SYSTEM, 'delete', 'pod', metadata.name, '--force', '--grace-period=0');
  }
  await expectComplete(e2e, started);
});
