import { commonJobSpec, type JobInput, jobMetadata, type NewJob, podTemplate } from './pod-template.ts';

/** A Job that vanished before the operator has seen its end would be made again, with a TTL of 0 for ever. */
const SHORTEST_TTL_SECONDS = 600;

/**
 * Builds the Job that removes the copies of an ended upload's file. Pure. The Job has no owner, because a foreground
 * deletion of the upload deletes everything that the upload owns first. Its TTL removes the Job.
 */
export function buildCleanupJob(input: JobInput, deadlineSeconds: number): NewJob {
  const { ownerReferences: _owner, ...metadata } = jobMetadata(input, 'cleanup');
  return {
    metadata,
    spec: {
      ...commonJobSpec(),
      ttlSecondsAfterFinished: Math.max(input.settings.jobTtlSeconds, SHORTEST_TTL_SECONDS),
      completions: 1,
      parallelism: 1,
      activeDeadlineSeconds: deadlineSeconds,
      template: podTemplate(input, 'cleanup'),
    },
  };
}
