import { commonJobSpec, type JobInput, jobMetadata, type NewJob, podTemplate } from './pod-template.ts';

/** Builds the Job that processes a planned upload, with one completion for each index of the plan. Pure. */
export function buildProcessJob(input: JobInput, totalIndexes: number): NewJob {
  return {
    metadata: jobMetadata(input, 'process'),
    spec: {
      ...commonJobSpec(input),
      completions: totalIndexes,
      parallelism: processParallelism(input.upload.spec.parallelism, totalIndexes),
      template: podTemplate(input, 'process'),
    },
  };
}

export function processParallelism(wanted: number, totalIndexes: number): number {
  return Math.min(wanted, totalIndexes);
}
