import { ANNOTATIONS } from '#api/labels.ts';
import { sessionsOfPod } from '#common/job-contract.ts';
import { commonJobSpec, type JobInput, jobMetadata, type NewJob, podTemplate } from './pod-template.ts';
import { noteProtect } from './protect-limits.ts';

/** Builds the Job that plans an upload; its pod also loads the file where one pod is enough. Pure. */
export function buildPlanJob(input: JobInput): NewJob {
  const metadata = jobMetadata(input, 'plan');
  const notes = {
    [ANNOTATIONS.protect]: noteProtect(input.upload),
    [ANNOTATIONS.parallelism]: '1',
    [ANNOTATIONS.sessionsPerPod]: String(sessionsOfPod(input.parallelism)),
  };
  return {
    metadata: { ...metadata, annotations: { ...metadata.annotations, ...notes } },
    spec: { ...commonJobSpec(), completions: 1, parallelism: 1, template: podTemplate(input, 'plan') },
  };
}
