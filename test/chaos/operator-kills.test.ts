/**
 * The leading operator is killed between a step and the status that would report the step, and the other replica goes
 * on.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { FAULT_POINTS } from '#operator/controller/fault-point.ts';
import { createE2e, type E2e } from '#support/cluster/e2e.ts';
import { installBrakes } from '#support/kills/brakes.ts';
import { expectComplete, letGo, prepareKillTests, startCertifications } from '#support/kills/kill-tests.ts';
import { killOperatorAt, operatorPods, SYSTEM, setFaultPoint } from '#support/kills/operator-kills.ts';

let e2e: E2e;
beforeAll(async () => {
  e2e = await createE2e();
  await prepareKillTests(e2e);
});
afterAll(async () => {
  await setFaultPoint(e2e, null);
  await e2e.close();
});

describe.each(FAULT_POINTS.filter((point) => point !== 'after-fail' && point !== 'before-close-deleted'))(
  'killed %s',
  (point) => {
    it('the upload is complete, with every Job made once', () => killOperatorAt(e2e, point));
  },
);

it('both operators killed by force in the middle of an upload', async () => {
  await setFaultPoint(e2e, null);
  const brakes = await installBrakes(e2e.cluster, e2e.db, 'certifications');
  try {
    const started = await startCertifications(e2e, { records: 24_000, chunkRecords: 400, held: true });
    const brake = await brakes.inCopy(started.upload.metadata.uid, started.goodRow(20));
    await letGo(e2e, started);
    await brake.reached();
    for (const { metadata } of await operatorPods(e2e)) {
      await e2e.cluster.kubectl(...SYSTEM, 'delete', 'pod', metadata.name, '--force', '--grace-period=0');
    }
    await brake.release();
    await expectComplete(e2e, started);
  } finally {
    await brakes.remove();
  }
});
