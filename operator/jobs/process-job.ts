import { ANNOTATIONS } from '#api/labels.ts';
import { podsAtOnce, sessionsOfPod } from '#common/job-contract.ts';
import { commonJobSpec, type JobInput, jobMetadata, type NewJob, podTemplate } from './pod-template.ts';

/** Builds the Job that processes a planned upload, with one completion for each index of the plan. Pure. */
export function buildProcessJob(input: JobInput, totalIndexes: number): NewJob {
  const wanted = input.upload.spec.parallelism;
  const sessionsPerPod = sessionsOfPod(wanted);
  const parallelism = processParallelism(wanted, { totalIndexes, sessionsPerPod });
  const metadata = jobMetadata(input, 'process');
  const notes = {
    [ANNOTATIONS.parallelism]: String(parallelism),
    [ANNOTATIONS.sessionsPerPod]: String(sessionsPerPod),
  };
  return {
    metadata: { ...metadata, annotations: { ...metadata.annotations, ...notes } },
    spec: {
      ...commonJobSpec(),
      completions: totalIndexes,
      parallelism,
      template: podTemplate(input, 'process'),
    },
  };
}

/**
 * The number of pods of a Job that run at the same time. Their sessions are those with which the Job was made: pods keep
 * their environment when spec.parallelism changes.
 */
export function processParallelism(
  wanted: number,
  { totalIndexes, sessionsPerPod }: { totalIndexes: number; sessionsPerPod: number },
): number {
  return Math.min(podsAtOnce(wanted, sessionsPerPod), totalIndexes);
}
