/** A file may have waited for days: what became of it, and of the spec, decides when it has its turn. */
import { describe, expect, it } from 'vitest';
import type { UploadSource } from '#kube/custom-resources.ts';
import { compileRules } from '#operator/bridge/admission/object-rules.ts';
import { prepareTurn } from '#operator/bridge/feed/prepare-turn.ts';
import type { ObjectVersion } from '#operator/bridge/storage/storage-calls.ts';
import { testSource } from '#support/bridge/upload-source.ts';

const LAST_MODIFIED = Date.UTC(2026, 0, 1);
const VERSION: ObjectVersion = { versionId: null, eTag: 'e1', size: 5, lastModified: LAST_MODIFIED };
const WAITING = {
  ...{ name: 'orders-1', schemaName: 'items', bucket: 'bucket', key: 'in/a.csv', versionId: null, eTag: 'e1', size: 5 },
  ...{
    lastModified: new Date(LAST_MODIFIED),
    event: null,
    position: { time: new Date(LAST_MODIFIED), key: 'in/a.csv' },
  },
};

function prepare(present: ObjectVersion | null, spec: Partial<UploadSource['spec']> = {}) {
  const source = testSource('orders', { s3: { bucket: 'bucket', prefix: 'in/' }, ...spec });
  const deps = { source, objectRules: compileRules(source), head: async () => present };
  return prepareTurn(deps, WAITING, new AbortController().signal);
}

describe('a file whose turn it is', () => {
  it('is created as it was noted', async () => {
    expect(await prepare(VERSION)).toMatchObject({ kind: 'Create', file: { name: 'orders-1', version: VERSION } });
  });

  it.each<[string, ObjectVersion | null, Partial<UploadSource['spec']>, string]>([
    ['the object is gone', null, {}, 'ObjectNotFound'],
    ['the object has other content', { ...VERSION, eTag: 'e2' }, {}, 'Replaced'],
    ['the same content was sent again', { ...VERSION, lastModified: LAST_MODIFIED + 1000 }, {}, 'Replaced'],
    ['the filter leaves it out by now', VERSION, { filter: { minBytes: 6 } }, 'Filtered'],
    ['the prefix is another one by now', VERSION, { s3: { bucket: 'bucket', prefix: 'out/' } }, 'OtherPrefix'],
    ['no schema fits by now', VERSION, { schemas: [{ prefix: 'b', schemaRef: { name: 'items' } }] }, 'NoSchemaFits'],
  ])('%s', async (_, present, spec, reason) => {
    expect(await prepare(present, spec)).toMatchObject({ kind: 'Drop', why: { reason }, instead: null });
  });

  describe('in a bucket with versions', () => {
    const noted = { ...WAITING, versionId: 'v1' };
    // The storage has the version that was noted in each case.
    const prepareVersion = (latest: ObjectVersion | null) => {
      const source = testSource('orders', { s3: { bucket: 'bucket', prefix: 'in/' } });
      const head = async ({ versionId }: { versionId: string | null }) =>
        versionId === null ? latest : { ...VERSION, versionId };
      const deps = { source, objectRules: compileRules(source), head };
      return prepareTurn(deps, noted, new AbortController().signal);
    };

    it('is created while its version is the latest one', async () => {
      expect(await prepareVersion({ ...VERSION, versionId: 'v1' })).toMatchObject({ kind: 'Create' });
    });

    it.each<[string, ObjectVersion | null, string]>([
      ['is deleted, though its version stands behind the delete marker', null, 'ObjectNotFound'],
      ['is replaced by a newer version', { ...VERSION, versionId: 'v2' }, 'Replaced'],
    ])('%s', async (_, latest, reason) => {
      expect(await prepareVersion(latest)).toMatchObject({ kind: 'Drop', why: { reason }, instead: null });
    });
  });

  it('waits on under another name where it has another schema by now', async () => {
    const turn = await prepare(VERSION, { schemas: [{ schemaRef: { name: 'other' } }] });
    expect(turn).toMatchObject({ kind: 'Drop', why: { reason: 'Replaced' }, instead: { schemaName: 'other' } });
    expect(turn.kind === 'Drop' && turn.instead?.name).not.toBe('orders-1');
  });
});
