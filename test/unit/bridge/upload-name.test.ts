import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildUpload } from '#operator/bridge/admission/build-upload.ts';
import { uploadName } from '#operator/bridge/admission/upload-name.ts';
import type { ObjectVersion } from '#operator/bridge/storage/storage-calls.ts';
import { testSource } from '#support/bridge/upload-source.ts';

const VERSION: ObjectVersion = { versionId: null, eTag: 'abc', size: 10, lastModified: 1_767_225_600_000 };
const OBJECT = { schemaName: 'items', bucket: 'bucket', key: 'in/a.csv', version: VERSION };
const name = (change: Partial<typeof OBJECT> = {}, source = 'orders') => uploadName(source, { ...OBJECT, ...change });
const version = (change: Partial<ObjectVersion>) => ({ version: { ...VERSION, ...change } });

describe('the name of an upload', () => {
  it('is the same for ever', () => {
    // The ledger holds names of this form. With other names every object under a prefix would be loaded again.
    expect(name()).toBe('orders-jftshbo7it5xx6gqkalq');
    expect(name(version({ versionId: 'v1' }))).toBe('orders-jsupbhphwdk4c23mxcpc');
  });

  it('differs by schema, bucket, key and version', () => {
    const names = [
      name(),
      name({ schemaName: 'other' }),
      name({ bucket: 'other' }),
      name({ key: 'in/b.csv' }),
      name(version({ eTag: 'abd' })),
      name(version({ size: 11 })),
      name(version({ lastModified: VERSION.lastModified + 1000 })),
      name(version({ versionId: 'v1' })),
      name(version({ versionId: 'v2' })),
      name({ bucket: 'bucket/in', key: 'a.csv' }),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  it('with a version, says nothing of what the head says besides', () => {
    expect(name(version({ versionId: 'v1', eTag: 'x', size: 0, lastModified: 0 }))).toBe(
      name(version({ versionId: 'v1' })),
    );
  });

  it('is a name and a label value, whatever the source and the key are called', () => {
    const source = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);
    fc.assert(
      fc.property(source, fc.string({ unit: 'binary', maxLength: 1024 }), (sourceName, key) => {
        expect(name({ key }, sourceName)).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
      }),
    );
  });
});

describe('the upload', () => {
  const source = testSource('orders', { s3: { bucket: 'bucket', prefix: 'in/', endpoint: 'http://s3' } });
  const parts = { name: 'n', schemaName: 'items', key: 'in/a.csv', version: VERSION, event: null };

  it('is pinned to what was seen', () => {
    expect(buildUpload(source, parts).spec.source).toEqual({
      type: 'S3Event',
      event: { uploadSource: 'orders' },
      s3: { bucket: 'bucket', key: 'in/a.csv', eTag: 'abc', endpoint: 'http://s3' },
    });
    const { s3 } = buildUpload(source, { ...parts, ...version({ versionId: 'v1' }) }).spec.source;
    expect(s3.versionId).toBe('v1');
  });

  it('takes nothing from an event that the API server would refuse', () => {
    const event = { id: 'x'.repeat(1000), time: 'yesterday' };
    expect(buildUpload(source, { ...parts, event }).spec.source.event).toEqual({
      id: 'x'.repeat(256),
      uploadSource: 'orders',
    });
  });

  it('has the labels of the template and its source’s, where that is a label value', () => {
    const metadata = { labels: { team: 'a' }, annotations: { note: 'b' } };
    const template = { ...source.spec.template, metadata };
    const labelled = { ...source, spec: { ...source.spec, template } };
    expect(buildUpload(labelled, parts).metadata).toEqual({
      name: 'n',
      namespace: 'ns',
      labels: { team: 'a', 'batchupload.dev/upload-source': 'orders' },
      annotations: { note: 'b' },
    });
    const long = { ...source, metadata: { ...source.metadata, name: 'o'.repeat(64) } };
    expect(buildUpload(long, parts).metadata?.labels).toEqual({});
  });
});
