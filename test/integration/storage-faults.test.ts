/** Injects faults between the job runner and S3. Counts and rows stay the same, and the audit shows the retries. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '#common/job-contract.ts';
import { type FaultyUpload, linesOf, openFaultyUpload, type Ports, STORAGE_FAULT } from '#support/kills/fault-tests.ts';
import { startToxiproxy, type ToxicProxy, type Toxiproxy } from '#support/network/toxiproxy.ts';
import { type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';
import { startFailingStorage } from '#support/storage/failing-storage.ts';

let bench: RunnerBench;
let toxiproxy: Toxiproxy;
let proxy: ToxicProxy;
let ports: Ports;
let upload: FaultyUpload;
beforeAll(async () => {
  bench = await startRunnerBench();
  toxiproxy = await startToxiproxy();
});
afterAll(async () => {
  await toxiproxy[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});
beforeEach(async () => {
  proxy = await toxiproxy.createProxy(bench.s3.port);
  ports = { s3: proxy.port };
  upload = await openFaultyUpload(bench);
});

it.each(['closed', 'reset'] as const)(
  'every connection is %s after 200 kB, while planning and processing',
  async (how) => {
    if (how === 'reset') await proxy.add('downstream', { type: 'reset_peer', attributes: { timeout: 0 }, toxicity: 0 });
    await proxy.add('downstream', { type: 'limit_data', attributes: { bytes: 200_000 } });
    const reads = Math.floor(upload.file.length / 200_000);
    for (const command of ['plan', 'process'] as const) {
      const result = await upload.start(command, ports, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '0' }).done;
      expect(result.code).toBe(0);
      expect(linesOf(result, STORAGE_FAULT).length).toBeGreaterThanOrEqual(reads);
    }
    await upload.expectExact();
    expect(await upload.mostInAudit('readRetries')).toBeGreaterThanOrEqual(reads);
  },
);

it('a small file, on every connection 200 kB of it, is read by its plan alone', async () => {
  await proxy.add('downstream', { type: 'limit_data', attributes: { bytes: 200_000 } });
  const result = await upload.start('plan', ports).done;
  expect(result.code).toBe(0);
  const faults = linesOf(result, STORAGE_FAULT).length;
  expect(faults).toBeGreaterThanOrEqual(Math.floor(upload.file.length / 200_000));
  await upload.expectExact();
  expect(await upload.mostInAudit('readRetries')).toBe(faults);
});

it('the network is slow: no fault at all', async () => {
  for (const direction of ['upstream', 'downstream'] as const) {
    await proxy.add(direction, { type: 'latency', attributes: { latency: 50, jitter: 20 } });
    await proxy.add(direction, { type: 'bandwidth', attributes: { rate: 500 } });
  }
  const result = await upload.start('plan', ports).done;
  expect(result.code).toBe(0);
  expect(linesOf(result, STORAGE_FAULT)).toEqual([]);
  await upload.expectExact();
  const { downstream } = await proxy.bytes();
  expect(downstream).toBeGreaterThan(upload.file.length);
  // The file is read once, although it is planned and processed.
  expect(downstream).toBeLessThan(1.5 * upload.file.length);
  expect(await upload.mostInAudit('readRetries')).toBe(0);
});

describe('silence: the connection stays open and nothing passes', () => {
  it('before the first answer', async () => {
    const speak = await proxy.add('downstream', { type: 'timeout', attributes: { timeout: 0 } });
    const pod = upload.start('plan', ports);
    expect(await pod.logged(STORAGE_FAULT)).toMatchObject({ code: 'S3_UNAVAILABLE' });
    await speak();
    expect((await pod.done).code).toBe(0);
    await upload.expectExact();
  });

  it('in the middle of a body', async () => {
    await upload.plan();
    // The rest of the file would take many seconds, so that the silence comes before its end.
    const hurry = await proxy.add('downstream', { type: 'bandwidth', attributes: { rate: 100 } });
    const pod = upload.start('process', ports);
    await pod.logged('chunk committed');
    const speak = await proxy.add('downstream', { type: 'timeout', attributes: { timeout: 0 } });
    expect(await pod.logged(STORAGE_FAULT)).toMatchObject({ code: 'S3_UNAVAILABLE' });
    await hurry();
    await speak();
    expect((await pod.done).code).toBe(0);
    await upload.expectExact();
    expect(await upload.mostInAudit('readRetries')).toBeGreaterThanOrEqual(1);
  });
});

describe('the storage answers', () => {
  const refusals = [
    { status: 500, code: 'InternalError' },
    { status: 503, code: 'SlowDown' },
    { status: 503 },
    { status: 500 },
  ];

  it('500 and 503, four times to each of its requests', async () => {
    await using storage = await startFailingStorage(bench.s3.port);
    storage.refuse('HEAD', refusals);
    storage.refuse('GET', refusals);
    expect((await upload.start('plan', { s3: storage.port }, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '0' }).done).code).toBe(
      0,
    );
    expect(storage.refused).toBe(8);
    storage.refuse('GET', refusals);
    const result = await upload.start('process', { s3: storage.port }).done;
    expect(result.code).toBe(0);
    expect(storage.refused).toBe(12);
    expect(linesOf(result, STORAGE_FAULT)).toHaveLength(4);
    await upload.expectExact();
    expect(await upload.mostInAudit('readRetries')).toBe(4);
  });

  it.each(['HEAD', 'GET'] as const)(
    'nothing else to %s: the pod gives up after five tries and the time that it has',
    async (method) => {
      await using storage = await startFailingStorage(bench.s3.port);
      storage.refuse(
        method,
        Array.from({ length: 6 }, () => ({ status: 503 })),
      );
      const result = await upload.start('plan', { s3: storage.port }, { BATCH_UPLOAD_RETRY_SECONDS: '0' }).done;
      expect(result.code).toBe(EXIT_CODES.retryable);
      expect(storage.refused).toBe(5);
      // The next pod completes the upload.
      expect((await upload.start('plan', { s3: storage.port }, { BATCH_UPLOAD_RETRY_SECONDS: '0' }).done).code).toBe(0);
      await upload.expectExact();
    },
  );
});
