/** Rules of the cluster forbid the pods or the Jobs of an upload: the upload says so, and ends exact when they are gone. */
import { describe, expect, it } from 'vitest';
import { createE2e, NAMESPACE } from '#support/cluster/e2e.ts';
import { askWebhook, impose, memoryAtMost, noPods, refuseJobs, startBrokenWebhook } from '#support/hostility/rules.ts';
import { degradedBy, expectExact, startUpload } from '#support/hostility/uploads.ts';

describe.concurrent('no pod can be made:', () => {
  it.each([
    [
      'a ResourceQuota',
      'e2e-quota',
      noPods,
      /is forbidden: exceeded quota: no-pods, requested: pods=1, used: pods=0, limited: pods=0\./,
    ],
    [
      'a LimitRange',
      'e2e-limits',
      (place) => memoryAtMost(place, '64Mi'),
      /is forbidden: maximum memory usage per Container is 64Mi, but limit is 512Mi\./,
    ],
  ] satisfies [string, string, (place: { namespace: string; upload: string }) => ReturnType<typeof noPods>, RegExp][])(
    '%s: its own words are in the condition within 20 s',
    async (_what, namespace, rule, words) => {
      await using e2e = await createE2e({ namespace });
      const name = e2e.unique('hostile');
      await using forbidding = await impose(e2e, rule({ namespace, upload: name }));
      await using upload = await startUpload(e2e, name);
      const message = await degradedBy(e2e, upload, { reason: 'PodsNotCreated', withinMs: 20_000 });
      expect(message).toMatch(words);
      expect(message).toMatch(/^The Job \S+-plan-1 gets no pods: .* See kubectl describe job \S+-plan-1\.$/);
      await forbidding.lift();
      await expectExact(e2e, upload);
    },
  );

  it('a webhook for pods that is away: named within 20 s', async () => {
    await using e2e = await createE2e();
    const name = e2e.unique('hostile');
    await using webhook = await startBrokenWebhook(e2e);
    await using asking = await impose(
      e2e,
      askWebhook({ namespace: NAMESPACE, upload: name }, { resource: 'pods', url: webhook.url }),
    );
    await using upload = await startUpload(e2e, name);
    const message = await degradedBy(e2e, upload, { reason: 'PodsNotCreated', withinMs: 20_000 });
    expect(message).toContain('failed calling webhook "policy.hostile.example.com"');
    await asking.lift();
    await expectExact(e2e, upload);
  });
});

describe.concurrent('no Job can be made:', () => {
  it('a webhook for Jobs that is away: named within 10 s', async () => {
    await using e2e = await createE2e();
    const name = e2e.unique('hostile');
    await using webhook = await startBrokenWebhook(e2e);
    await using asking = await impose(
      e2e,
      askWebhook({ namespace: NAMESPACE, upload: name }, { resource: 'jobs', url: webhook.url }),
    );
    await using upload = await startUpload(e2e, name);
    const message = await degradedBy(e2e, upload, { reason: 'ApiServerError', withinMs: 10_000 });
    expect(message).toMatch(
      /^The API server answered a request of the operator with HTTP 500, and the operator tries again after growing waits: create jobs: Internal error occurred: failed calling webhook "policy\.hostile\.example\.com"/,
    );
    await asking.lift();
    await expectExact(e2e, upload);
  });

  it('a policy that refuses them: its own words are in the condition within 10 s', async () => {
    await using e2e = await createE2e();
    const name = e2e.unique('hostile');
    const words = 'Jobs need a cost centre';
    await using refusing = await impose(e2e, refuseJobs({ namespace: NAMESPACE, upload: name }, words));
    await using upload = await startUpload(e2e, name);
    const message = await degradedBy(e2e, upload, { reason: 'JobRefused', withinMs: 10_000 });
    expect(message).toMatch(
      /^The API server refused the plan Job, and the operator tries again until the cause .* is mended: /,
    );
    expect(message).toContain(words);
    await refusing.lift();
    await expectExact(e2e, upload);
  });

  it('a webhook for Jobs that hangs: said while it hangs, and other uploads go on', async () => {
    await using e2e = await createE2e();
    const name = e2e.unique('hostile');
    await using webhook = await startBrokenWebhook(e2e);
    await using asking = await impose(
      e2e,
      askWebhook({ namespace: NAMESPACE, upload: name }, { resource: 'jobs', url: webhook.url }),
    );
    webhook.hang();
    await using upload = await startUpload(e2e, name);
    await using other = await startUpload(e2e, e2e.unique('hostile'));
    const message = await degradedBy(e2e, upload, { reason: 'SlowAnswer', withinMs: 12_000 });
    expect(message).toMatch(/has waited for more than 7 s .*an admission webhook that does not answer\.$/);
    await expectExact(e2e, other);
    await asking.lift();
    await webhook[Symbol.asyncDispose]();
    await expectExact(e2e, upload);
  });
});
