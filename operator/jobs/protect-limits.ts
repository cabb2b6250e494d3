/** The limits of spec.target.protect: for the pods, and as a note on their Job. Pure. */
import { ENV, MOST_OF_A_VARIABLE, type ProtectLimits } from '#common/job-contract.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';

/** @returns null when the upload has no limit */
export function protectLimits({ spec }: Pick<BatchUpload, 'spec'>): ProtectLimits | null {
  const { maxReplicaLagSeconds = null, maxWalBytesPerSecond = null } = spec.target?.protect ?? {};
  if (maxReplicaLagSeconds === null && maxWalBytesPerSecond === null) return null;
  return { maxReplicaLagSeconds, maxWalBytesPerSecond };
}

/**
 * The variables of a pod that has these limits. An upload that is older than the CRD's maximum may ask for more than a pod
 * can read, which is as good as the most that a pod reads.
 */
export function protectEnv(limits: ProtectLimits | null): Record<string, string> {
  const { maxReplicaLagSeconds = null, maxWalBytesPerSecond = null } = limits ?? {};
  const most = (limit: number) => String(Math.min(limit, MOST_OF_A_VARIABLE));
  return {
    ...(maxReplicaLagSeconds === null ? {} : { [ENV.maxReplicaLagSeconds]: most(maxReplicaLagSeconds) }),
    ...(maxWalBytesPerSecond === null ? {} : { [ENV.maxWalBytesPerSecond]: most(maxWalBytesPerSecond) }),
  };
}

/** The limits as a text that can be compared. */
export function noteProtect(upload: Pick<BatchUpload, 'spec'>): string {
  return JSON.stringify(protectEnv(protectLimits(upload)));
}

/**
 * Were the pods of a Job started with other limits than the upload has by now? Pods keep their limits.
 * @param note what {@link noteProtect} has said; null: the Job is of an earlier release, which made no note of the limits of its pods.
 * Such a Job counts as one without limits, since nobody knows which ones it has.
 */
export function hasOtherLimits(
  { protect: note }: { protect: string | null },
  upload: Pick<BatchUpload, 'spec'>,
): boolean {
  return (note ?? JSON.stringify(protectEnv(null))) !== noteProtect(upload);
}
