/** The built-in kinds that the operator uses. The operator's own kinds are in `custom-resources.ts`. */
import type {
  CoreV1Event,
  V1ConfigMap,
  V1Job,
  V1Lease,
  V1Namespace,
  V1Pod,
  V1PriorityClass,
  V1Secret,
} from '@kubernetes/client-node';
import type { Raw, ResourceType } from './types.ts';

export type Job = Raw<V1Job>;
export type Pod = Raw<V1Pod>;
export type Secret = Raw<V1Secret>;
export type ConfigMap = Raw<V1ConfigMap>;
export type Namespace = Raw<V1Namespace>;
export type Lease = Raw<V1Lease>;
export type PriorityClass = Raw<V1PriorityClass>;
export type CoreEvent = Raw<CoreV1Event>;

const core = { group: '', version: 'v1', namespaced: true } as const;

export const JOBS: ResourceType<Job> = {
  group: 'batch',
  version: 'v1',
  plural: 'jobs',
  kind: 'Job',
  namespaced: true,
};
export const PODS: ResourceType<Pod> = { ...core, plural: 'pods', kind: 'Pod' };
export const SECRETS: ResourceType<Secret> = { ...core, plural: 'secrets', kind: 'Secret' };
export const CONFIG_MAPS: ResourceType<ConfigMap> = { ...core, plural: 'configmaps', kind: 'ConfigMap' };
export const NAMESPACES: ResourceType<Namespace> = {
  ...core,
  namespaced: false,
  plural: 'namespaces',
  kind: 'Namespace',
};
export const PRIORITY_CLASSES: ResourceType<PriorityClass> = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  plural: 'priorityclasses',
  kind: 'PriorityClass',
  namespaced: false,
};
export const EVENTS: ResourceType<CoreEvent> = { ...core, plural: 'events', kind: 'Event' };
export const LEASES: ResourceType<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};
