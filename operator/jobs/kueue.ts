/**
 * Builds what a Job says to Kueue, which gives pods to the Jobs of a queue as far as a quota allows. Pure.
 *
 * | on the Job                                | comes from                                           |
 * |-------------------------------------------|------------------------------------------------------|
 * | label kueue.x-k8s.io/queue-name           | spec.queueName of the upload                         |
 * | label kueue.x-k8s.io/priority-class       | the label of this name in the merged pod template    |
 * | annotation kueue.x-k8s.io/job-min-parallelism | always 1, where the Job has more than one pod    |
 *
 * A Job without spec.queueName has none of them. The operator leaves spec.suspend to Kueue, whose webhook suspends a Job with
 * the label when the Job is made.
 */
import { ANNOTATIONS, KUEUE } from '#api/labels.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { RunnerSettings } from '#operator/config/runner-settings.ts';
import { mergePodTemplate } from './merge-pod-template.ts';

/** The labels and annotations of a Job that Kueue queues; none for an upload that names no queue. */
export function enterQueue(input: { upload: Pick<BatchUpload, 'spec'>; settings: RunnerSettings }): {
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
} {
  const { queueName } = input.upload.spec;
  if (queueName === undefined) return {};
  const priority = mergePodTemplate(input).labels[KUEUE.priorityClass];
  return {
    labels: { [KUEUE.queueName]: queueName, ...(priority === undefined ? {} : { [KUEUE.priorityClass]: priority }) },
    annotations: { [ANNOTATIONS.queueName]: queueName },
  };
}

/**
 * The annotation by which Kueue may admit a Job with fewer pods than its parallelism. One pod is enough, because a pod that is
 * done helps the others, and indexes without a pod get theirs later. Kueue refuses a value that is not below the parallelism.
 */
export function admitPartly({ upload }: { upload: Pick<BatchUpload, 'spec'> }, pods: number): Record<string, string> {
  return upload.spec.queueName === undefined || pods === 1 ? {} : { [KUEUE.minParallelism]: '1' };
}
