import { expect, it } from 'vitest';
import { toRequest } from '#operator/controller/accept-upload.ts';
import { upload } from './observed.ts';

it('what is said of the file crosses to the pods, the name of a Secret does not', () => {
  const { spec, ...rest } = upload();
  const format = { encoding: 'utf-16le', dialect: { delimiter: ';' } } as const;
  const work = { s3: { bucket: 'work' } };
  const s3 = { ...spec.source.s3, credentialsSecretRef: { name: 'keys' } };
  const asked = { ...rest, spec: { ...spec, source: { ...spec.source, s3 }, chunkRecords: 7, format, work } };
  expect(toRequest(asked)).toEqual({
    s3: { bucket: 'b', key: 'k.csv' },
    chunkRecords: 7,
    storeRowData: true,
    format,
    work,
  });
  expect(toRequest({ ...rest, spec: { ...spec, chunkRecords: 7 } })).toEqual({
    s3: { bucket: 'b', key: 'k.csv' },
    chunkRecords: 7,
    storeRowData: true,
  });
});

it('the event that announced the file goes into the ledger with the request', () => {
  const { spec, ...rest } = upload();
  const event = { id: 'e-1', time: '2026-01-01T00:00:00Z', uploadSource: 'orders' };
  expect(toRequest({ ...rest, spec: { ...spec, source: { ...spec.source, event } } })).toMatchObject({ event });
});
