/** May an upload be accepted, as far as it can be said without the database? */

import type { BatchUploadSpec } from '#api/batch-upload.gen.ts';
import { databaseSecretName, s3SecretName } from '#api/names.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { DEFAULTS } from '#common/job-contract.ts';
import { compileSchema } from '#runner/processor/process-record.ts';
import { SchemaError } from '#runner/processor/schema-error.ts';
import type { Explanation } from './types.ts';

export interface AllowList {
  namespaces: readonly string[];
  extraDatabaseSecrets: readonly string[];
  extraS3Secrets: readonly string[];
}

/** Null when it may. Before anything is read: a name that is not on the list is not even asked for. */
export function checkAllowed(namespace: string, spec: BatchUploadSpec, allow: AllowList): Explanation | null {
  if (!allow.namespaces.includes(namespace)) {
    return {
      reason: 'NamespaceNotEnabled',
      message: `Uploads are not enabled in the namespace ${namespace}. Add it to the chart's value uploads.namespaces (now: ${allow.namespaces.join(', ') || 'none'}), or create the BatchUpload in one of these.`,
    };
  }
  const database = databaseSecretName(spec);
  if (database !== DEFAULTS.databaseSecret && !allow.extraDatabaseSecrets.includes(database)) {
    return notAllowed(database, 'spec.target.databaseSecretRef', 'uploads.database.extraSecretNames');
  }
  const s3 = s3SecretName(spec);
  if (s3 !== DEFAULTS.s3Secret && !allow.extraS3Secrets.includes(s3)) {
    return notAllowed(s3, 'spec.source.s3.credentialsSecretRef', 'uploads.s3.extraSecretNames');
  }
  return null;
}

function notAllowed(name: string, field: string, value: string): Explanation {
  return {
    reason: 'SecretNotAllowed',
    message: `${field} names the Secret ${name}, which the operator may not use. Add it to the chart's value ${value}, or leave ${field} out.`,
  };
}

/** Null when the schema can be used. */
export function checkSchema(namespace: string, name: string, schema: RecordSchemaSpec | null): Explanation | null {
  if (schema === null) {
    return {
      reason: 'SchemaNotFound',
      message: `There is no RecordSchema ${name} in the namespace ${namespace}. The upload goes on when it is created.`,
    };
  }
  try {
    compileSchema(schema, null);
    return null;
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return {
      reason: 'SchemaInvalid',
      message: `The RecordSchema ${name} cannot be used: ${error.message}. The upload goes on when it is corrected.`,
    };
  }
}
