/** Pods of an upload do not start, are killed or do not end: the upload says so, and ends exact when the cause is mended. */
import { describe, expect, it } from 'vitest';
import { PODS } from '#kube/resource-types.ts';
import { createE2e, type E2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';
import { impose, mutatePods } from '#support/hostility/rules.ts';
import { degradedBy, expectExact, hasPod, runLineOf, runningPods, startUpload } from '#support/hostility/uploads.ts';
import { podOf, signalPod } from '#support/kills/kill-tests.ts';

const CONTAINER = '/spec/containers/0';
const mutate = ({ cluster }: E2e, upload: string, expression: string, sign: RegExp) =>
  impose({ cluster }, mutatePods({ namespace: NAMESPACE, upload }, { expression, sign }));

/** Evicts the pod as a drain of its node does, and returns when the pod has vanished. */
async function evict({ cluster }: E2e, name: string): Promise<void> {
  const eviction = {
    deleteOptions: { gracePeriodSeconds: 1 },
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace: NAMESPACE },
  };
  const path = `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`;
  await cluster.pipeInto(JSON.stringify(eviction), 'create', '--raw', path, '-f', '-');
  await eventuallyTrue(
    async () => (await cluster.kube.find(PODS, { namespace: NAMESPACE, name })) === undefined,
    `the evicted pod ${name} is still there`,
    120_000,
  );
}

describe.concurrent('pods', () => {
  it('that need more memory than their limit: named within a minute, with how often and what to do', async () => {
    await using e2e = await createE2e();
    const name = e2e.unique('hostile');
    await using small = await mutate(
      e2e,
      name,
      `[JSONPatch{op: "add", path: "${CONTAINER}/resources", value: {"requests": {"memory": "32Mi"}, "limits": {"memory": "32Mi"}}}]`,
      /"memory": "32Mi"/,
    );
    await using upload = await startUpload(e2e, name);
    await hasPod(e2e, upload);
    const message = await degradedBy(e2e, upload, { reason: 'PodsFailing', withinMs: 60_000 });
    expect(message).toMatch(
      /^(A pod has failed once|Pods for the same part of the upload have failed \d times); Kubernetes tries 7 times, then the upload fails\. The pod \S+ (used more memory than its limit and was killed|was killed from outside \(exit code 137\), mostly because .* used up)\. Raise the memory limit of the pods \(spec\.podTemplate\.spec\.resources\.limits\.memory, or for all uploads the chart's runner\.resources\.limits\.memory\), or lower spec\.parallelism \(.*\), or spec\.chunkRecords of a new BatchUpload\./,
    );
    await small.lift();
    await expectExact(e2e, upload);
  });

  it('that are evicted again and again: named within a minute, with how often', async () => {
    await using e2e = await createE2e();
    await using upload = await startUpload(e2e, e2e.unique('hostile'), { held: true });
    const evicted: string[] = [];
    // Kubernetes waits for 10 s, then 20 s before it replaces an evicted pod.
    for (let times = 0; times < 2; times += 1) {
      const [pod] = await runningPods(e2e, upload);
      evicted.push(pod!);
      await evict(e2e, pod!);
    }
    await eventuallyTrue(
      async () => /^2 pods/.test(await degradedBy(e2e, upload, { reason: 'PodsDisrupted', withinMs: 10_000 })),
      'two evictions are not said',
    );
    expect(await degradedBy(e2e, upload, { reason: 'PodsDisrupted', withinMs: 0 })).toMatch(
      new RegExp(
        `^2 pods of the upload were ended from outside .* The last one is ${evicted[1]} \\(EvictionByEvictionAPI: .*find what evicts them`,
      ),
    );
    await upload.release();
    await expectExact(e2e, upload);
  });

  it('of an image that cannot be pulled: named within a minute', async () => {
    await using e2e = await createE2e();
    const name = e2e.unique('hostile');
    const image = 'registry.invalid/nothing:1';
    await using other = await mutate(
      e2e,
      name,
      `[JSONPatch{op: "replace", path: "${CONTAINER}/image", value: "${image}"}, JSONPatch{op: "add", path: "${CONTAINER}/imagePullPolicy", value: "Always"}]`,
      /registry\.invalid/,
    );
    await using upload = await startUpload(e2e, name);
    await hasPod(e2e, upload);
    const message = await degradedBy(e2e, upload, { reason: 'ImagePullFailed', withinMs: 60_000 });
    expect(message).toMatch(
      /^The image of the pod \S+ cannot be pulled \((ErrImagePull|ImagePullBackOff)\): .*registry\.invalid\/nothing:1/,
    );
    await other.lift();
    await runLineOf(e2e, message);
    await expectExact(e2e, upload);
  });

  it('for which no node is right: named after a minute, and started when a node is', async () => {
    await using e2e = await createE2e();
    const name = e2e.unique('hostile');
    const { cluster } = e2e;
    await using elsewhere = await mutate(
      e2e,
      name,
      `[JSONPatch{op: "add", path: "/spec/nodeSelector", value: {"hostile": "${name}"}}]`,
      new RegExp(`"hostile": "${name}"`),
    );
    await using upload = await startUpload(e2e, name);
    await hasPod(e2e, upload);
    const message = await degradedBy(e2e, upload, { reason: 'Unschedulable', withinMs: 75_000 });
    expect(message).toMatch(/^No node can run the pod \S+: 0\/\d nodes are available: .* Add room in the cluster/);
    await elsewhere.lift();
    const nodes = await cluster.kubectl('get', 'nodes', '-l', '!node-role.kubernetes.io/control-plane', '-o', 'name');
    const node = nodes.trim().split('\n')[0]!;
    await cluster.kubectl('label', node, `hostile=${name}`, '--overwrite');
    try {
      await expectExact(e2e, upload);
    } finally {
      await cluster.kubectl('label', node, 'hostile-');
    }
  });
});

describe.concurrent('a container that something adds to each pod, and that goes on when the runner has ended', () => {
  const addSidecar = (e2e: E2e, name: string) =>
    mutate(
      e2e,
      name,
      `[JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{name: "sidecar", image: "${e2e.cluster.env['IMAGE']}", command: ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"]}}]`,
      /"name": "sidecar"/,
    );

  it('after its work: the upload is complete, and its pods are gone within a minute', async () => {
    await using e2e = await createE2e();
    const name = e2e.unique('hostile');
    await using _sidecar = await addSidecar(e2e, name);
    await using upload = await startUpload(e2e, name);
    await expectExact(e2e, upload);
    await eventuallyTrue(
      async () => (await e2e.podsOf(upload.uid)).every(({ status }) => status.phase !== 'Running'),
      'a pod of a complete upload runs on',
      90_000,
    );
  });

  it('before its work was done: named within a minute, and the line of the message lets the upload go on', async () => {
    await using e2e = await createE2e();
    const name = e2e.unique('hostile');
    await using sidecar = await addSidecar(e2e, name);
    await using upload = await startUpload(e2e, name, { held: true });
    await runningPods(e2e, upload);
    await signalPod(e2e, await podOf(e2e, upload.uid, 'plan'), 'KILL');
    const message = await degradedBy(e2e, upload, { reason: 'PodNotEnding', withinMs: 60_000 });
    expect(message).toMatch(
      /^The work of the pod \S+ has ended, and its container sidecar goes on, .*exclude the pods with the label app\.kubernetes\.io\/managed-by=batch-upload from it/,
    );
    await sidecar.lift();
    await runLineOf(e2e, message);
    await upload.release();
    await expectExact(e2e, upload);
  });
});
