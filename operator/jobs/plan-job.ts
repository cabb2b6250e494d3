import { ANNOTATIONS } from '#api/labels.ts';
import { sessionsOfPod } from '#common/job-contract.ts';
import { admitPartly } from './kueue.ts';
import { commonJobSpec, type JobInput, jobMetadata, type NewJob, podTemplate } from './pod-template.ts';
import { type LoadSize, podsOfLoad } from './pods-of-load.ts';
import { noteProtect } from './protect-limits.ts';

/**
 * Builds the Job that plans an upload; its pod also loads the file where one pod is enough. Pure.
 * @param size null while one pod reads the whole file. The Job of an upload that is being loaded has as many pods as spec.parallelism asks for by
 *   now, and those beyond the first one help.
 */
export function buildPlanJob(input: JobInput, size: LoadSize | null): NewJob {
  const sessionsPerPod = sessionsOfPod(input.parallelism);
  const parallelism = size === null ? 1 : podsOfLoad(input.parallelism, { size, sessionsPerPod });
  const metadata = jobMetadata(input, 'plan');
  const notes = {
    [ANNOTATIONS.protect]: noteProtect(input.upload),
    [ANNOTATIONS.parallelism]: String(parallelism),
    [ANNOTATIONS.sessionsPerPod]: String(sessionsPerPod),
    ...admitPartly(input, parallelism),
  };
  return {
    metadata: { ...metadata, annotations: { ...metadata.annotations, ...notes } },
    spec: { ...commonJobSpec(), completions: parallelism, parallelism, template: podTemplate(input, 'plan') },
  };
}
