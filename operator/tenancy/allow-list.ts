/** Which namespaces and Secrets the chart allows to be used. Pure. */
import type { BatchUploadSpec } from '#api/batch-upload.gen.ts';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import { databaseSecretName, s3SecretName } from '#api/names.ts';

export interface AllowList {
  namespaces: readonly string[];
  extraDatabaseSecrets: readonly string[];
  extraS3Secrets: readonly string[];
}

/** Null when it may. Before anything is read: a name that is not on the list is not even asked for. */
export function checkAllowed(namespace: string, spec: BatchUploadSpec, allow: AllowList): UploadExplanation | null {
  if (!allow.namespaces.includes(namespace)) {
    return {
      reason: 'NamespaceNotEnabled',
      message: `Uploads are not enabled in the namespace ${namespace}. Add it to the chart's value uploads.namespaces (now: ${allow.namespaces.join(', ') || 'none'}), or create the BatchUpload in one of these.`,
    };
  }
  const database = databaseSecretName(spec);
  if (database !== DEFAULT_NAMES.databaseSecret && !allow.extraDatabaseSecrets.includes(database)) {
    return notAllowed(database, 'spec.target.databaseSecretRef', 'uploads.database.extraSecretNames');
  }
  const s3 = s3SecretName(spec);
  if (s3 !== DEFAULT_NAMES.s3Secret && !allow.extraS3Secrets.includes(s3)) {
    return notAllowed(s3, 'spec.source.s3.credentialsSecretRef', 'uploads.s3.extraSecretNames');
  }
  return null;
}

function notAllowed(name: string, field: string, value: string): UploadExplanation {
  return {
    reason: 'SecretNotAllowed',
    message: `${field} names the Secret ${name}, which the operator may not use. Add it to the chart's value ${value}, or leave ${field} out.`,
  };
}
