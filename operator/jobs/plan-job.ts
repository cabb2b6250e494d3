import type { Job } from '#kube/resource-types.ts';
import { commonJobSpec, type JobInput, jobMetadata, podTemplate } from './pod-template.ts';

/** The Job that plans an upload: one pod, which also processes a small file. Pure. */
export function buildPlanJob(input: JobInput): Job {
  return {
    metadata: jobMetadata(input, 'plan')!,
    spec: { ...commonJobSpec(input), completions: 1, parallelism: 1, template: podTemplate(input, 'plan') },
  };
}
