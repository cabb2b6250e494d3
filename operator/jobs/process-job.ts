import { ANNOTATIONS } from '#api/labels.ts';
import { sessionsOfPod } from '#common/job-contract.ts';
import { admitPartly } from './kueue.ts';
import { commonJobSpec, type JobInput, jobMetadata, type NewJob, podTemplate } from './pod-template.ts';
import { type LoadSize, podsOfLoad } from './pods-of-load.ts';
import { noteProtect } from './protect-limits.ts';

/** Builds the Job that loads a planned upload, with one completion for each index of the plan, and more for more pods. Pure. */
export function buildProcessJob(input: JobInput, size: LoadSize): NewJob {
  const sessionsPerPod = sessionsOfPod(input.parallelism);
  const parallelism = podsOfLoad(input.parallelism, { size, sessionsPerPod });
  const metadata = jobMetadata(input, 'process');
  const notes = {
    [ANNOTATIONS.protect]: noteProtect(input.upload),
    [ANNOTATIONS.parallelism]: String(parallelism),
    [ANNOTATIONS.sessionsPerPod]: String(sessionsPerPod),
    ...admitPartly(input, parallelism),
  };
  return {
    metadata: { ...metadata, annotations: { ...metadata.annotations, ...notes } },
    spec: {
      ...commonJobSpec(),
      completions: Math.max(parallelism, size.totalIndexes),
      parallelism,
      template: podTemplate(input, 'process'),
    },
  };
}
