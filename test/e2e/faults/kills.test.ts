/** This is the short version of `make chaos`, with a kill of every kind. */
import { afterAll, beforeAll, it } from 'vitest';
import { createE2e, type E2e } from '#support/cluster/e2e.ts';
import type { Brakes } from '#support/kills/brakes.ts';
import { expectComplete, installKillBrakes, killAt, startCertifications } from '#support/kills/kill-tests.ts';
import { killOperatorAt, setFaultPoint } from '#support/kills/operator-kills.ts';

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

it('pods killed in the middle of a chunk, just before its COMMIT and just after', async () => {
  // Three pods have four sessions each, so that every index is killed once.
  const started = await startCertifications(e2e, { records: 16_000, chunkRecords: 1000, parallelism: 12, held: true });
  await killAt(e2e, brakes, started, [
    ['in COPY', 1],
    ['before COMMIT', 8],
    ['in COPY', 13],
  ]);
  await expectComplete(e2e, started);
});

it('the leading operator killed between creating a Job and writing the status', async () => {
  try {
    await killOperatorAt(e2e, 'after-create-process-job');
  } finally {
    await setFaultPoint(e2e, null);
  }
});
