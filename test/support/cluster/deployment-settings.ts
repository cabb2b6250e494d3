/** The settings of a program of the running cluster, for a process of a test that works like one of its pods. */
import { SYSTEM } from '#support/kills/operator-kills.ts';
import type { Cluster } from './cluster.ts';

/** The variables of a Deployment of the release, without those that each pod gets of its own. */
export async function settingsOf({ kubectl }: Cluster, deployment: string): Promise<Record<string, string>> {
  const { spec } = JSON.parse(await kubectl(...SYSTEM, 'get', 'deployment', deployment, '-o', 'json')) as {
    spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } };
  };
  const { env } = spec.template.spec.containers[0]!;
  return Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}
