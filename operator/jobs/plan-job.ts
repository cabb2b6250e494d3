import type { Job } from '#kube/resource-types.ts';
import { commonJobSpec, type JobInput, jobMetadata, podTemplate } from './pod-template.ts';

/** Builds the Job that plans an upload; its one pod also processes a small file. Pure. */
export function buildPlanJob(input: JobInput): Job {
  return {
    metadata: jobMetadata(input, 'plan')!,
    spec: { ...commonJobSpec(input), completions: 1, parallelism: 1, template: podTemplate(input, 'plan') },
  };
}
