/** Small manifests for e2e tests; `overrides` replaces whole top-level parts of the spec. */
import type { BatchUploadSpec } from '#api/batch-upload.gen.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';

export const API_VERSION = 'batchupload.dev/v1alpha1';

export function uploadManifest(
  namespace: string,
  name: string,
  spec: Partial<BatchUploadSpec> & Record<string, unknown>,
): object {
  return { apiVersion: API_VERSION, kind: 'BatchUpload', metadata: { namespace, name }, spec };
}

export function schemaManifest(namespace: string, name: string, spec: object): object {
  return { apiVersion: API_VERSION, kind: 'RecordSchema', metadata: { namespace, name }, spec };
}

export function sourceManifest(namespace: string, name: string, spec: object): object {
  return { apiVersion: API_VERSION, kind: 'UploadSource', metadata: { namespace, name }, spec };
}

/** A schema that writes key and value into `table`; the operator creates a missing table unless `create` is false. */
export function itemsSchema(table: string, create = true): RecordSchemaSpec {
  return {
    fields: [
      { name: 'k', type: 'string' },
      { name: 'v', type: 'string' },
    ],
    fieldsMatch: 'equal',
    primaryKey: ['k'],
    target: {
      table,
      create,
      onDuplicate: 'Skip',
      columns: [
        { name: 'k', field: 'k' },
        { name: 'v', field: 'v' },
        { name: 'batch_upload_id', system: 'uploadId' },
        { name: 'row_number', system: 'rowNumber' },
      ],
    },
  };
}
