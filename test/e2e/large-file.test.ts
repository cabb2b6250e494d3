/**
 * This is the short version of `make scale`: counts are exact, memory is bounded, and people and scripts can wait for
 * the status.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createE2e, type E2e, NAMESPACE } from '#support/cluster/e2e.ts';
import { expectComplete, prepareKillTests, startCertifications } from '#support/kills/kill-tests.ts';

let e2e: E2e;
beforeAll(async () => {
  e2e = await createE2e();
  await prepareKillTests(e2e);
});
afterAll(() => e2e?.close());

it('100,000 records by two pods at a time: every row as the oracle says, memory of the pods bounded', async () => {
  const started = await startCertifications(e2e, { records: 100_000, chunkRecords: 5000 });
  const { name, uid } = started.upload.metadata;
  await e2e.cluster.kubectl(
    '-n',
    NAMESPACE,
    'wait',
    '--for=condition=Complete',
    `batchupload/${name}`,
    '--timeout=120s',
  );
  await expectComplete(e2e, started);
  const { status } = await e2e.cluster.getUpload(NAMESPACE, name);
  expect(status).toMatchObject({ progress: '100%', plan: { execution: 'Job', indexes: 2, chunks: 20 } });
  expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThan(32 * 1024);

  const pods = await e2e.podsOf(uid);
  expect(pods.length).toBeGreaterThanOrEqual(3);
  for (const { metadata } of pods) {
    const log = await e2e.cluster.kubectl('-n', NAMESPACE, 'logs', metadata.name);
    const finished = log.split('\n').find((line) => line.includes('"finished"'));
    const { cgroupPeakBytes } = JSON.parse(finished!) as { cgroupPeakBytes: number };
    expect(cgroupPeakBytes).toBeGreaterThan(0);
    expect(cgroupPeakBytes, `${metadata.name} used ${cgroupPeakBytes} bytes`).toBeLessThan(200e6);
  }
  const line = await e2e.cluster.kubectl('-n', NAMESPACE, 'get', 'batchuploads', name, '--no-headers');
  expect(line).toMatch(new RegExp(`^${name} +Complete +100% +100000 +${started.counts.failed} `));
});
