import { ANNOTATIONS } from '#api/labels.ts';
import { commonJobSpec, type JobInput, jobMetadata, type NewJob, podTemplate } from './pod-template.ts';

/** Builds the Job that processes a planned upload, with one completion for each index of the plan. Pure. */
export function buildProcessJob(input: JobInput, totalIndexes: number): NewJob {
  const parallelism = processParallelism(input.upload.spec.parallelism, totalIndexes);
  const metadata = jobMetadata(input, 'process');
  return {
    metadata: { ...metadata, annotations: { ...metadata.annotations, [ANNOTATIONS.parallelism]: String(parallelism) } },
    spec: {
      ...commonJobSpec(),
      completions: totalIndexes,
      parallelism,
      template: podTemplate(input, 'process'),
    },
  };
}

export function processParallelism(wanted: number, totalIndexes: number): number {
  return Math.min(wanted, totalIndexes);
}
