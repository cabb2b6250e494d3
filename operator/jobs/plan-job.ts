import { commonJobSpec, type JobInput, jobMetadata, type NewJob, podTemplate } from './pod-template.ts';

/** Builds the Job that plans an upload; its one pod also processes the file where one pod is enough. Pure. */
export function buildPlanJob(input: JobInput): NewJob {
  return {
    metadata: jobMetadata(input, 'plan'),
    spec: { ...commonJobSpec(), completions: 1, parallelism: 1, template: podTemplate(input, 'plan') },
  };
}
