/** Our own kinds and their places in the API, and the built-in ServiceAccount. */
import type { V1ServiceAccount } from '@kubernetes/client-node';
import type { BatchUploadSpec, BatchUploadStatus } from '#api/batch-upload.gen.ts';
import type { RecordSchemaSpec, RecordSchemaStatus } from '#api/record-schema.gen.ts';
import type { UploadSourceSpec, UploadSourceStatus } from '#api/upload-source.gen.ts';
import type { Raw, ResourceType, StoredObject } from './types.ts';

export const API_GROUP = 'batchupload.dev';
export const API_VERSION = 'batchupload.dev/v1alpha1';

export interface BatchUpload extends StoredObject {
  spec: BatchUploadSpec;
  status?: BatchUploadStatus;
}

export interface RecordSchema extends StoredObject {
  spec: RecordSchemaSpec;
  status?: RecordSchemaStatus;
}

export interface UploadSource extends StoredObject {
  spec: UploadSourceSpec;
  status?: UploadSourceStatus;
}

const ours = { group: API_GROUP, version: 'v1alpha1', namespaced: true } as const;

export const BATCH_UPLOADS: ResourceType<BatchUpload> = { ...ours, plural: 'batchuploads', kind: 'BatchUpload' };
export const RECORD_SCHEMAS: ResourceType<RecordSchema> = { ...ours, plural: 'recordschemas', kind: 'RecordSchema' };
export const UPLOAD_SOURCES: ResourceType<UploadSource> = { ...ours, plural: 'uploadsources', kind: 'UploadSource' };

export const SERVICE_ACCOUNTS: ResourceType<Raw<V1ServiceAccount>> = {
  group: '',
  version: 'v1',
  namespaced: true,
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
};

/** The controller's field manager. */
export const FIELD_MANAGER = 'batch-upload-operator';
/** The bridge's field manager, for UploadSources and for the objects that are made from them. */
export const BRIDGE_FIELD_MANAGER = 'batch-upload-bridge';
