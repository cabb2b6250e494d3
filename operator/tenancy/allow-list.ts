/** Checks which namespaces, Secrets and service accounts the chart allows. Pure. */
import type { BatchUploadSpec } from '#api/batch-upload.gen.ts';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import { databaseSecretName, s3SecretName } from '#api/names.ts';

/** A program of the operator's image; each has a Role of its own. */
export type Program = 'operator' | 'bridge' | 'gateway';

export interface AllowList {
  namespaces: readonly string[];
  extraDatabaseSecrets: readonly string[];
  extraS3Secrets: readonly string[];
  allowedEndpoints: readonly string[];
}

/** The parts of a spec that name Secrets. */
type AllowedSpec = Pick<BatchUploadSpec, 'target'> & Partial<Pick<BatchUploadSpec, 'source'>>;

/**
 * Why an upload may not use its namespace or its Secrets; null when it may. The check needs only names, so that the
 * operator does not even ask the API server for a Secret that is not on the list.
 */
export function checkAllowed(namespace: string, spec: AllowedSpec, allow: AllowList): UploadExplanation | null {
  return checkNamespace(namespace, allow, 'create the BatchUpload in one of these') ?? checkSecrets(spec, allow);
}

/**
 * Why uploads may not run in a namespace; null when they may.
 * @param alternative what a user can do instead of changing the chart's values.
 */
export function checkNamespace(
  namespace: string,
  { namespaces }: Pick<AllowList, 'namespaces'>,
  alternative?: string,
): UploadExplanation | null {
  if (namespaces.includes(namespace)) return null;
  const enabled = namespaces.join(', ') || 'none';
  const otherwise = alternative ? `, or ${alternative}` : '';
  return {
    reason: 'NamespaceNotEnabled',
    message: `Uploads are not enabled in the namespace ${namespace}. Add it to the chart's value uploads.namespaces (now: ${enabled})${otherwise}.`,
  };
}

function checkSecrets(spec: AllowedSpec, allow: AllowList): UploadExplanation | null {
  const program = 'operator';
  const database = databaseSecretName(spec);
  if (database !== DEFAULT_NAMES.databaseSecret && !allow.extraDatabaseSecrets.includes(database)) {
    const field = 'spec.target.databaseSecretRef';
    return notAllowed({ program, secret: database, field, chartValue: 'uploads.database.extraSecretNames' });
  }
  const s3 = s3SecretName(spec);
  if (s3 !== DEFAULT_NAMES.s3Secret && !allow.extraS3Secrets.includes(s3)) {
    const field = 'spec.source.s3.credentialsSecretRef';
    return notAllowed({ program, secret: s3, field, chartValue: 'uploads.s3.extraSecretNames' });
  }
  return null;
}

/** Why the pods of an upload may not have the service account that the upload names; null when they may. */
export function checkServiceAccount(
  { podTemplate }: Pick<BatchUploadSpec, 'podTemplate'>,
  allowed: readonly string[],
): UploadExplanation | null {
  const name = podTemplate?.spec?.serviceAccountName;
  if (name === undefined || allowed.includes(name)) return null;
  const field = 'spec.podTemplate.spec.serviceAccountName';
  return {
    reason: 'ServiceAccountNotAllowed',
    message: `${field} names the service account ${name}, which the pods of uploads may not have. Add it to the chart's value uploads.serviceAccountNames, or leave ${field} out.`,
  };
}

export interface SecretNotAllowed {
  program: Program;
  secret: string;
  /** The field of the resource that names the Secret. */
  field: string;
  /** The chart's value that lists the Secrets for this field. */
  chartValue: string;
  /** May the resource do without the field? True when absent. */
  optional?: boolean;
}

export function notAllowed({
  program,
  secret,
  field,
  chartValue,
  optional = true,
}: SecretNotAllowed): UploadExplanation {
  const otherwise = optional ? `, or leave ${field} out` : '';
  return {
    reason: 'SecretNotAllowed',
    message: `${field} names the Secret ${secret}, which the ${program} may not use. Add it to the chart's value ${chartValue}${otherwise}.`,
  };
}
