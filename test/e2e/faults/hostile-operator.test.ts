/**
 * An operator of its own, whose requests go through a proxy that answers 429 and 500, and whose settings are wrong: the upload says so,
 * and ends exact when the API server works again or the settings are corrected.
 */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createE2e, type E2e, eventuallyTrue } from '#support/cluster/e2e.ts';
import { nothing, type OperatorBehindProxy, startOperatorBehindProxy } from '#support/hostility/operator-process.ts';
import { degradedBy, expectExact, hasPod, LARGE, runningPods, startUpload } from '#support/hostility/uploads.ts';
import { scaleOperator } from '#support/kills/operator-kills.ts';
import type { HttpFault } from '#support/network/faulty-proxy.ts';

let e2e: E2e;
let operator: OperatorBehindProxy;
beforeAll(async () => {
  e2e = await createE2e();
  await scaleOperator(e2e, 0);
  operator = await startOperatorBehindProxy(e2e.cluster);
});
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]();
  await scaleOperator(e2e, 2);
  await e2e.close();
});
afterEach(() => operator.answer(nothing));

/** An answer in the API server's own form. */
function refusal(code: number, reason: string, message: string): HttpFault {
  const body = JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message });
  const headers = { 'content-type': 'application/json', ...(code === 429 ? { 'retry-after': '1' } : {}) };
  return { status: code, body, headers };
}
const TOO_MANY = refusal(429, 'TooManyRequests', 'Too many requests, please try again later.');
const BROKEN = refusal(500, 'InternalError', 'etcdserver: request timed out');
const createsJob = ({ method, url }: IncomingMessage) => method === 'POST' && /\/jobs(\?|$)/.test(url!);

describe('the API server', () => {
  it('refuses the first requests of an operator: the operator tries again, and works', async () => {
    const refused = new Set<string>();
    operator.answer(({ url }) => {
      const path = url!.split('?')[0]!;
      if (refused.has(path)) return null;
      refused.add(path);
      return refused.size % 2 === 0 ? TOO_MANY : BROKEN;
    });
    await operator.start();
    await using upload = await startUpload(e2e, e2e.unique('hostile'));
    await expectExact(e2e, upload);
    expect([...refused]).toContain('/api/v1/namespaces/kube-system');
  });

  it.each([
    [TOO_MANY, 'HTTP 429', 'Too many requests, please try again later.'],
    [BROKEN, 'HTTP 500', 'etcdserver: request timed out'],
  ])('refuses each Job: its own words are in the condition (%#)', async (fault, code, words) => {
    operator.answer((request) => (createsJob(request) ? fault : null));
    await using upload = await startUpload(e2e, e2e.unique('hostile'));
    const message = await degradedBy(e2e, upload, { reason: 'ApiServerError', withinMs: 30_000 });
    expect(message).toBe(
      `The API server answered a request of the operator with ${code}, and the operator tries again after growing waits: create jobs: ${words}`,
    );
    operator.answer(nothing);
    await expectExact(e2e, upload);
  });

  it('refuses everything for a short time in the middle of an upload: the operator goes on', async () => {
    await using upload = await startUpload(e2e, e2e.unique('hostile'), { records: LARGE, held: true });
    await runningPods(e2e, upload, 2);
    operator.answer(() => TOO_MANY);
    await sleep(4_000);
    operator.answer(nothing);
    await upload.release();
    await expectExact(e2e, upload);
    expect(operator.isRunning).toBe(true);
  });

  it('refuses everything for longer than the lease: the operator ends and its successor goes on', async () => {
    await using upload = await startUpload(e2e, e2e.unique('hostile'), { records: LARGE, held: true });
    await runningPods(e2e, upload, 2);
    operator.answer(() => BROKEN);
    expect(await operator.ended()).toBe(1);
    expect(await operator.log()).toContain('the lease is lost, ending');
    await operator.start();
    await upload.release();
    await eventuallyTrue(
      async () => (await e2e.podsOf(upload.uid)).every(({ status }) => status.phase === 'Succeeded'),
      'the pods need an operator to end their work',
    );
    expect(operator.isRunning).toBe(true);
    operator.answer(nothing);
    await expectExact(e2e, upload);
  });
});

// The grace of the chart is tested with the cluster's own operator, in hostile-pods.test.ts.
const PATIENCE = { BATCH_UPLOAD_STUCK_POD_GRACE_SECONDS: '4' };

describe('a chart with', () => {
  afterEach(() => operator.stop());

  it('an image that cannot be pulled: named, and the Job is made again when the image is corrected', async () => {
    await operator.stop();
    await operator.start({
      ...PATIENCE,
      BATCH_UPLOAD_IMAGE: 'registry.invalid/nothing:1',
      BATCH_UPLOAD_IMAGE_PULL_POLICY: 'Always',
    });
    await using upload = await startUpload(e2e, e2e.unique('hostile'));
    await hasPod(e2e, upload);
    const message = await degradedBy(e2e, upload, { reason: 'ImagePullFailed', withinMs: 60_000 });
    expect(message).toContain("Correct the chart's image or imagePullSecrets, and the operator makes the Job again.");
    await operator.stop();
    await operator.start(PATIENCE);
    await expectExact(e2e, upload);
  });

  it('too little memory: named, and the Job is made again when the limit is raised', async () => {
    const resources = { requests: { memory: '32Mi' }, limits: { memory: '32Mi' } };
    await operator.start({
      ...PATIENCE,
      BATCH_UPLOAD_RUNNER_RESOURCES: JSON.stringify(resources),
    });
    await using upload = await startUpload(e2e, e2e.unique('hostile'));
    await hasPod(e2e, upload);
    const message = await degradedBy(e2e, upload, { reason: 'PodsFailing', withinMs: 60_000 });
    expect(message).toMatch(
      /^A pod has failed once; Kubernetes tries 7 times, .* (used more memory than its limit and was killed|was killed from outside).* Raise the memory limit/,
    );
    await operator.stop();
    await operator.start(PATIENCE);
    await expectExact(e2e, upload);
  });
});
