/** Makes uploads in a ledger, for tests without an operator. */
import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { SourceFormat } from '#api/source-format.ts';
import type { Plan, PlannedChunk, UploadRequest } from '#ledger/types.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { openUpload } from '#ledger/uploads/open-upload.ts';

/** A schema with a key, a value and the two owner columns; {@link ITEMS_TABLE} makes its table. */
export const ITEMS_SCHEMA: RecordSchemaSpec = {
  fields: [
    { name: 'k', type: 'string' },
    { name: 'v', type: 'string' },
  ],
  fieldsMatch: 'equal',
  primaryKey: ['k'],
  target: {
    table: 'items',
    create: false,
    onDuplicate: 'Skip',
    columns: [
      { name: 'k', field: 'k' },
      { name: 'v', field: 'v' },
      { name: 'upload', system: 'uploadId' },
      { name: 'row', system: 'rowNumber' },
    ],
  },
};

const { primaryKey: _key, ...withoutKey } = ITEMS_SCHEMA;
/** The same without a key: every record is appended. */
export const APPEND_SCHEMA: RecordSchemaSpec = withoutKey;

export const ITEMS_TABLE =
  'CREATE TABLE items (k text PRIMARY KEY, v varchar(20) UNIQUE CHECK (v <> $$forbidden$$), upload uuid, row bigint)';

export interface TestUpload {
  namespace?: string;
  name?: string;
  request?: Partial<UploadRequest>;
  schema?: RecordSchemaSpec;
}

export async function openTestUpload(client: ClientBase, options: TestUpload = {}): Promise<string> {
  const id = randomUUID();
  await openUpload(client, {
    id,
    clusterId: 'c',
    namespace: options.namespace ?? 'n',
    name: options.name ?? 'u',
    sourceType: 'Manual',
    request: { s3: { bucket: 'b', key: 'k' }, chunkRecords: 1000, ...options.request },
    schema: options.schema ?? ITEMS_SCHEMA,
  });
  return id;
}

/** The format that the planner finds in an ordinary file. */
export const PLAIN_CSV: SourceFormat = {
  type: 'csv',
  compression: 'none',
  encoding: 'utf-8',
  delimiter: ',',
  chunkDelimiter: ',',
};

/** Makes a plan with one record. Plans with the same digest are of the same content. */
export function testPlan(digest: string): Plan {
  return {
    execution: 'Inline',
    versionId: null,
    eTag: 'e',
    sizeBytes: 1,
    digest,
    format: PLAIN_CSV,
    work: null,
    header: ['k', 'v'],
    columns: [
      { name: 'k', field: 'k' },
      { name: 'v', field: 'v' },
    ],
    totalRecords: 1,
    totalIndexes: 1,
    chunks: [{ startByte: 4, endByte: 8, firstRowNumber: 2, recordCount: 1 }],
  };
}

/** Opens an upload and plans one chunk for each entry of `chunks`. */
export async function planTestUpload(
  client: ClientBase,
  chunks: { firstRowNumber: number; recordCount: number }[],
): Promise<string> {
  const id = await openTestUpload(client);
  await commitPlan(
    client,
    { id, attempt: 1 },
    {
      // The upload's id as digest makes sure that no other upload has the same content.
      ...testPlan(id),
      execution: 'Job',
      totalRecords: chunks.reduce((sum, { recordCount }) => sum + recordCount, 0),
      chunks: chunks.map((chunk, i): PlannedChunk => ({ ...chunk, startByte: i, endByte: i + 1 })),
    },
  );
  return id;
}
