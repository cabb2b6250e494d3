/** Names of an upload's objects. They are deterministic, so that a repeated step finds the object of the first run. */
import { DEFAULT_NAMES } from '#api/defaults.ts';
import type { JobKind } from '#common/job-contract.ts';
import type { BatchUploadSpec } from './batch-upload.gen.ts';

/** The name has 36 + 9 characters and the attempt: pod names add an index, and the sum must stay below 63. */
export function jobName(uploadUid: string, kind: JobKind, attempt: number): string {
  return `${uploadUid}-${kind}-${attempt}`;
}

/** The beginning of the ids of pools, which no uid of an upload has. */
const POOL = 'pool-';

/** @param hash identifies what all pods of the pool have in common: 20 hexadecimal digits. */
export function poolId(hash: string): string {
  return `${POOL}${hash}`;
}

export function isPoolId(id: string): boolean {
  return id.startsWith(POOL);
}

export function databaseSecretName(spec: Pick<BatchUploadSpec, 'target'>): string {
  return spec.target?.databaseSecretRef?.name ?? DEFAULT_NAMES.databaseSecret;
}

export function s3SecretName(spec: Partial<Pick<BatchUploadSpec, 'source'>>): string {
  return spec.source?.s3.credentialsSecretRef?.name ?? DEFAULT_NAMES.s3Secret;
}
