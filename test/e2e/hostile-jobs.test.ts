/** Something in the cluster changes the Jobs of an upload: the upload says so, and ends exact when nobody does any more. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { findCondition } from '#api/conditions.ts';
import { jobName } from '#api/names.ts';
import { BATCH_UPLOADS } from '#kube/custom-resources.ts';
import { JOBS } from '#kube/resource-types.ts';
import { createE2e, type E2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';
import {
  degradedBy,
  expectExact,
  isDegraded,
  LARGE,
  nothingHinders,
  runLineOf,
  runningPods,
  startUpload,
} from '#support/hostility/uploads.ts';

/** Deletes each Job of the upload as soon as it is there, until it is stopped. */
function startDeleting(e2e: E2e, uid: string): { seen: Set<string>; stop(): Promise<void> } {
  const end = new AbortController();
  const seen = new Set<string>();
  const running = (async () => {
    while (!end.signal.aborted) {
      for (const { metadata } of await e2e.jobsOf(uid)) {
        seen.add(metadata!.uid!);
        await e2e.cluster.kube.delete(
          JOBS,
          { namespace: NAMESPACE, name: metadata!.name! },
          { propagationPolicy: 'Background' },
        );
      }
      await sleep(100);
    }
  })();
  return {
    seen,
    async stop() {
      end.abort();
      await running;
    },
  };
}

it('spec.parallelism is changed while a Job of two pods runs: the operator counts in pods of as many sessions', async () => {
  await using e2e = await createE2e();
  await using upload = await startUpload(e2e, e2e.unique('sessions'), { held: true, records: LARGE });
  await runningPods(e2e, upload, 2);
  const job = { namespace: NAMESPACE, name: jobName(upload.uid, 'process', 1) };
  const change = async (parallelism: number, pods: number) => {
    await e2e.cluster.kube.patchMerge(BATCH_UPLOADS, { ...job, name: upload.name }, { spec: { parallelism } });
    await eventuallyTrue(
      async () => (await e2e.cluster.kube.get(JOBS, job)).spec?.parallelism === pods,
      `the Job does not run ${pods} pods at a time`,
    );
    await runningPods(e2e, upload, pods);
  };
  await change(7, 1);
  await change(128, 2);
  // The pods are held by a lock, which the status says after a while.
  const { status } = await e2e.cluster.getUpload(NAMESPACE, upload.name);
  const degraded = findCondition(status, 'Degraded');
  expect(['AsExpected', 'SessionsWaiting']).toContain(degraded?.reason);
  await upload.release();
  await expectExact(e2e, upload);
});

describe.concurrent('something in the cluster', () => {
  it('deletes each Job: at most 8 are made in 20 s, and the upload says it', async () => {
    await using e2e = await createE2e();
    await using upload = await startUpload(e2e, e2e.unique('hostile'), { held: true });
    const deleting = startDeleting(e2e, upload.uid);
    try {
      const message = await degradedBy(e2e, upload, { reason: 'JobDeleted', withinMs: 20_000 });
      expect(message).toMatch(
        /^Something other than the operator has deleted the Job of this upload or taken its labels away, \d times? so far; .* Find what changes Jobs in the namespace e2e /,
      );
      await sleep(20_000);
      expect(deleting.seen.size).toBeGreaterThanOrEqual(3);
      expect(deleting.seen.size).toBeLessThanOrEqual(8);
      expect(isDegraded(await e2e.cluster.getUpload(NAMESPACE, upload.name))).toBe(true);
    } finally {
      await deleting.stop();
    }
    await upload.release();
    await expectExact(e2e, upload);
  });

  it('sets the parallelism of the Job: said, left so, and set again by the line of the message', async () => {
    await using e2e = await createE2e();
    await using upload = await startUpload(e2e, e2e.unique('hostile'), { held: true, records: LARGE });
    await runningPods(e2e, upload, 2);
    const job = { namespace: NAMESPACE, name: jobName(upload.uid, 'process', 1) };
    const parallelism = async () => (await e2e.cluster.kube.get(JOBS, job)).spec?.parallelism;
    await e2e.cluster.kube.patchMerge(JOBS, job, { spec: { parallelism: 1 } });
    const message = await degradedBy(e2e, upload, { reason: 'ParallelismChanged', withinMs: 20_000 });
    expect(message).toContain(
      `has set the parallelism of the Job ${job.name} to 1 pod; this upload asks for 2 pods at a time, with 4 sessions of the database in each (spec.parallelism: 8).`,
    );
    await runningPods(e2e, upload, 1);
    await sleep(3_000);
    expect(await parallelism()).toBe(1);
    await runLineOf(e2e, message);
    expect(await parallelism()).toBe(2);
    await nothingHinders(e2e, upload, 10_000);
    await upload.release();
    await expectExact(e2e, upload);
  });

  it('suspends the Job: a condition says so, and the line of the message resumes it', async () => {
    await using e2e = await createE2e();
    await using upload = await startUpload(e2e, e2e.unique('hostile'), { held: true });
    await runningPods(e2e, upload);
    const job = { namespace: NAMESPACE, name: jobName(upload.uid, 'plan', 1) };
    await e2e.cluster.kube.patchMerge(JOBS, job, { spec: { suspend: true } });
    const suspended = (status: 'True' | 'False') =>
      e2e.cluster.waitForUpload(
        NAMESPACE,
        upload.name,
        (each) => findCondition(each.status, 'Suspended')?.status === status,
        30_000,
      );
    const { status } = await suspended('True');
    expect(findCondition(status, 'Degraded')).toMatchObject({ status: 'False', reason: 'AsExpected' });
    expect(findCondition(status, 'Suspended')).toMatchObject({ reason: 'JobSuspended', message: status?.message });
    expect(status?.message).toContain(`The Job ${job.name} is suspended, so that it has no pods`);
    await eventuallyTrue(async () => (await e2e.podsOf(upload.uid)).length === 0, 'a suspended Job has pods');
    await runLineOf(e2e, status!.message!);
    await suspended('False');
    await upload.release();
    await expectExact(e2e, upload);
  });
});
