import type { Job } from '#kube/resource-types.ts';
import { commonJobSpec, type JobInput, jobMetadata, podTemplate } from './pod-template.ts';

/**
 * The Job that removes the copies of an ended upload's file. Pure. Without an owner: when the upload is deleted in the
 * foreground, whatever it owns is deleted before it, and so this would be. It removes itself by its TTL.
 */
export function buildCleanupJob(input: JobInput, deadlineSeconds: number): Job {
  const { ownerReferences: _owner, ...metadata } = jobMetadata(input, 'cleanup')!;
  return {
    metadata,
    spec: {
      ...commonJobSpec(input),
      completions: 1,
      parallelism: 1,
      activeDeadlineSeconds: deadlineSeconds,
      template: podTemplate(input, 'cleanup'),
    },
  };
}
