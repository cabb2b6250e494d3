/** Names of what an upload brings about. Deterministic, so that a step that runs twice finds what the first run made. */
import { DEFAULT_NAMES } from '#api/defaults.ts';
import type { JobKind } from '#common/job-contract.ts';
import type { BatchUploadSpec } from './batch-upload.gen.ts';

/** At most 36 + 9 + attempt characters: an index is added to it, and the sum must stay below 63. */
export function jobName(uploadUid: string, kind: JobKind, attempt: number): string {
  return `${uploadUid}-${kind}-${attempt}`;
}

export function databaseSecretName(spec: BatchUploadSpec): string {
  return spec.target?.databaseSecretRef.name ?? DEFAULT_NAMES.databaseSecret;
}

export function s3SecretName(spec: BatchUploadSpec): string {
  return spec.source.s3.credentialsSecretRef?.name ?? DEFAULT_NAMES.s3Secret;
}
