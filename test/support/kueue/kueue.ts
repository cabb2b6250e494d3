/** A queue of Kueue on the cluster, whose quota is a number of pods, for tests that queue Jobs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { KUEUE } from '#api/labels.ts';
import { jobName } from '#api/names.ts';
import { JOBS, type Job } from '#kube/resource-types.ts';
import type { E2e } from '#support/cluster/e2e.ts';

/** The namespace that Kueue manages; see test/cluster/kueue/values.yaml. */
export const KUEUE_NAMESPACE = 'e2e-kueue';
export const QUEUE = 'loads';
/** The names of a WorkloadPriorityClass each. */
export const PRIORITIES = { low: 'e2e-low', high: 'e2e-high' } as const;

/** Each pod of the tests asks for so much, so that a quota of CPU is one of pods. */
const POD_CPU_M = 50;
export const POD_RESOURCES = {
  requests: { cpu: `${POD_CPU_M}m`, memory: '128Mi' },
  limits: { memory: '512Mi' },
} as const;

export interface Queue {
  /** Sets for how many pods there is quota. */
  setQuota(pods: number): Promise<void>;
  /** `HoldAndDrain` evicts what is admitted, `None` lets everything go on. */
  setStopPolicy(policy: 'None' | 'HoldAndDrain'): Promise<void>;
  /** Deactivates the Workload of a Job, which evicts the Job, or lets it be queued again. */
  setActive(job: Job, active: boolean): Promise<void>;
  /** The Job that plans or loads an upload; undefined while there is none. */
  findJob(uid: string, kind: 'plan' | 'process'): Promise<Job | undefined>;
}

/** Installs Kueue on the cluster. Where its program is not in the cache, this takes many minutes. */
export async function installKueue(): Promise<void> {
  const script = fileURLToPath(new URL('../../cluster/kueue.sh', import.meta.url));
  const [code] = await once(spawn(script, { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit');
  if (code !== 0) throw new Error('Kueue could not be installed');
}

/** Makes the queue of the tests' namespace, with no quota. */
export async function createQueue({ cluster, namespace }: E2e): Promise<Queue> {
  const api = (kind: string, name: string, rest: object) => ({
    apiVersion: 'kueue.x-k8s.io/v1beta2',
    kind,
    metadata: { name },
    ...rest,
  });
  const applyQuota = (pods: number) =>
    cluster.apply(
      api('ClusterQueue', QUEUE, {
        spec: {
          namespaceSelector: {},
          preemption: { withinClusterQueue: 'LowerPriority' },
          resourceGroups: [
            {
              coveredResources: ['cpu', 'memory'],
              flavors: [
                {
                  name: QUEUE,
                  resources: [
                    { name: 'cpu', nominalQuota: `${pods * POD_CPU_M}m` },
                    { name: 'memory', nominalQuota: '64Gi' },
                  ],
                },
              ],
            },
          ],
        },
      }),
    );
  await cluster.apply(
    api('ResourceFlavor', QUEUE, {}),
    api('WorkloadPriorityClass', PRIORITIES.low, { value: 1 }),
    api('WorkloadPriorityClass', PRIORITIES.high, { value: 1000 }),
    api('LocalQueue', QUEUE, {
      metadata: { name: QUEUE, namespace },
      spec: { clusterQueue: QUEUE, stopPolicy: 'None' },
    }),
  );
  await applyQuota(0);
  const patch = (...args: [...target: string[], spec: object]) => {
    const target = args.slice(0, -1) as string[];
    const body = JSON.stringify({ spec: args.at(-1) });
    return cluster.kubectl('-n', namespace, 'patch', ...target, '--type=merge', '-p', body);
  };
  return {
    setQuota: async (pods) => void (await applyQuota(pods)),
    setStopPolicy: async (stopPolicy) => void (await patch('localqueues.kueue.x-k8s.io', QUEUE, { stopPolicy })),
    async setActive({ metadata }, active) {
      const selector = `${KUEUE.jobUid}=${metadata!.uid}`;
      const workloads = 'workloads.kueue.x-k8s.io';
      const name = await cluster.kubectl('-n', namespace, 'get', workloads, '-l', selector, '-o', 'name');
      await patch(name.trim(), { active });
    },
    findJob: (uid, kind) => cluster.kube.find(JOBS, { namespace, name: jobName(uid, kind, 1) }),
  };
}
