/** What the operator does with an upload that the page has registered: the records are loaded, and the status says so. */
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { DeclaredFormat } from '#api/source-format.ts';
import type { BatchUpload, RecordSchema } from '#kube/custom-resources.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';
import { BUCKET, NAMESPACE, type TestPage } from './start-page.ts';

/** Loads what the storage has of the upload's file. @throws an error when the file or its table is refused */
export async function runUpload({ api, databaseUrl, storage }: TestPage, name: string): Promise<BatchUpload> {
  const upload = api.get('batchuploads', NAMESPACE, name) as unknown as BatchUpload;
  const { spec, metadata } = upload;
  const schema = api.get('recordschemas', NAMESPACE, spec.schemaRef.name) as unknown as RecordSchema;
  const { endpoint, region, accessKeyId, secretAccessKey } = storage!;
  const s3 = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  const { key } = spec.source.s3;
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
  const file = Buffer.from(await Body!.transformToByteArray());
  s3.destroy();
  const startTime = new Date().toISOString();
  const format = (spec.format ?? {}) as DeclaredFormat;
  const loaded = await loadInProcess(databaseUrl, { id: metadata.uid, schema: schema.spec, key, file, format });
  if (loaded.refused) throw new Error(loaded.refused.message);
  const { succeeded, failed, duplicate } = loaded.progress.counts;
  const total = loaded.progress.totalRecords ?? 0;
  const topErrors = Object.entries(Object.groupBy(loaded.errors, ({ code }) => code)).map(([code, errors]) => ({
    code,
    count: errors!.length,
    message: errors![0]!.message,
  }));
  const records = { total, processed: total, succeeded, failed, duplicate };
  return setStatus({ api }, name, {
    ...{ phase: 'Complete', startTime, completionTime: new Date().toISOString(), progress: '100%' },
    ...{ records, topErrors, source: { sizeBytes: file.length } },
  });
}

export function setStatus({ api }: Pick<TestPage, 'api'>, name: string, status: object): BatchUpload {
  const known = api.get('batchuploads', NAMESPACE, name)!;
  return api.put('batchuploads', { ...known, status }) as unknown as BatchUpload;
}

/** Members of a club, of which each has a number, a name and the year of entry. */
export const PEOPLE = {
  metadata: { name: 'people', namespace: NAMESPACE },
  spec: {
    fields: [
      { name: 'number', type: 'integer', constraints: { required: true } },
      { name: 'name', type: 'string', constraints: { required: true, maxLength: 40 } },
      { name: 'since', type: 'integer', constraints: { minimum: 1900 } },
    ],
    fieldsMatch: 'equal',
    primaryKey: ['number'],
    target: {
      table: 'people',
      create: true,
      onDuplicate: 'Skip',
      columns: [
        { name: 'number', field: 'number', type: 'bigint' },
        { name: 'name', field: 'name', type: 'text' },
        { name: 'since', field: 'since', type: 'bigint' },
      ],
    },
  },
};

export const PEOPLE_CSV = 'number,name,since\n1,Ada,1970\n2,Bo,1850\n3,,2001\n4,Cy,x\n5,Di,1999\n';
