/**
 * Finds the priority of an upload among those that wait for their turn: the value of the PriorityClass that its pods have. Pure.
 *
 * | the upload's pods                                     | the priority                                  |
 * |-------------------------------------------------------|-----------------------------------------------|
 * | name a class, in spec.podTemplate or in the chart's   | the value of that class; 0 where it is unknown |
 * | name none                                             | the value of the cluster's global default     |
 * | name none, and the cluster has no global default      | 0                                             |
 *
 * The preemptionPolicy of a class plays no role, since an upload at work is never stopped for another one.
 */
import type { PriorityClass } from '#kube/resource-types.ts';

export function findPriority(name: string | undefined, classes: Iterable<PriorityClass>): number {
  // Kubernetes takes the smallest value where several classes are the global default.
  let globalDefault: number | null = null;
  for (const { metadata, value = 0, globalDefault: isDefault } of classes) {
    if (name && metadata?.name === name) return value;
    if (isDefault) globalDefault = Math.min(globalDefault ?? value, value);
  }
  return name ? 0 : (globalDefault ?? 0);
}
