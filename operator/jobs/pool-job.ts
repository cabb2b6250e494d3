import { ANNOTATIONS, LABELS, MANAGED_BY } from '#api/labels.ts';
import { isPoolId, poolId } from '#api/names.ts';
import { canonicalJson } from '#common/canonical-json.ts';
import { hashText } from '#common/hash-text.ts';
import { ENV } from '#common/job-contract.ts';
import { buildPodTemplate, type NewJob, type PodInput } from './pod-template.ts';
import { noteProtect } from './protect-limits.ts';

export interface PoolInput extends PodInput {
  /** What else two pods must have in common to serve the same uploads: the cluster, the content of their Secrets. */
  sameness: readonly string[];
}

/** A pool of warm pods, and the Job of each pod. */
export interface PoolPlan {
  id: string;
  namespace: string;
  /** @param suffix tells the Jobs of the pool apart. */
  buildJob(suffix: string): NewJob;
}

const PREFIX = 'batch-upload-';
const jobNameOf = (id: string, suffix: string) => `${PREFIX}${id}-${suffix}`;

/** Says by its name whether a Job is of any pool. */
export function isPoolJob(name: string): boolean {
  return name.startsWith(PREFIX) && isPoolId(name.slice(PREFIX.length));
}

/** Says by the name whether a Job, or a pod of a Job, is of the pool. */
export function isPoolJobOf(id: string, name: string): boolean {
  return name.startsWith(jobNameOf(id, ''));
}

/**
 * Plans the pool that can serve an upload. Uploads whose pods would be the same have the same pool. Each pod has a Job of its
 * own, which belongs to no upload: a pod that ends well ends its Job, and a pod that fails is replaced by the operator, which
 * knows what the pod was working on. Pure.
 */
export function planPool({ sameness, ...input }: PoolInput): PoolPlan {
  const { settings } = input;
  const { namespace } = input.upload.metadata;
  const labelsOf = (id: string) => ({ [LABELS.managedBy]: MANAGED_BY, [LABELS.uid]: id, [LABELS.kind]: 'pool' });
  const build = (id: string) =>
    buildPodTemplate(input, {
      kind: 'pool',
      labels: labelsOf(id),
      values: { [ENV.pool]: id, [ENV.poolIdleSeconds]: String(settings.warmPods.idleSeconds) },
    });
  const common = canonicalJson([namespace, build(''), sameness]);
  const id = poolId(hashText(common).slice(0, 20));
  return {
    id,
    namespace,
    buildJob: (suffix) => ({
      metadata: {
        name: jobNameOf(id, suffix),
        namespace,
        labels: labelsOf(id),
        annotations: { [ANNOTATIONS.protect]: noteProtect(input.upload) },
      },
      spec: {
        completions: 1,
        parallelism: 1,
        backoffLimit: 0,
        ttlSecondsAfterFinished: settings.jobTtlSeconds,
        template: build(id),
      },
    }),
  };
}
