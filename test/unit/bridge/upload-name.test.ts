import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ObjectVersion, uploadName } from '#operator/bridge/upload-name.ts';

const VERSION: ObjectVersion = { versionId: null, eTag: 'd41d8', size: 3, lastModified: 1_764_000_000_000 };
const OBJECT = { schemaName: 'items', bucket: 'bank-files', key: 'in/a.csv', version: VERSION };
const named = (change: Partial<typeof OBJECT> = {}, source = 'orders') => uploadName(source, { ...OBJECT, ...change });
const version = (change: Partial<ObjectVersion>) => named({ version: { ...VERSION, ...change } });

describe('a name that Kubernetes takes', () => {
  it.each([
    ['as long as a source can be called', 'a'.repeat(253), 'a'.repeat(30)],
    ['cut at a hyphen', `${'a'.repeat(29)}-b`, 'a'.repeat(29)],
    ['with dots', 'orders.v1.example.com', 'orders-v1-example-com'],
    ['of a digit', '0', '0'],
  ])('from a source %s', (_, source, slug) => {
    expect(named({}, source)).toMatch(new RegExp(`^${slug}-[a-z2-7]{20}$`));
  });

  it('whatever the names and the key', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: 'binary', maxLength: 1024 }), (source, key) => {
        const name = named({ key }, source);
        expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
        // A label value, and the longest suffix of a Job's pod.
        expect(name.length).toBeLessThanOrEqual(51);
      }),
    );
  });
});

describe('one name for one version of an object', () => {
  it('without versions: ETag, size and time of the last change', () => {
    const names = [
      named(),
      version({ eTag: 'd41d9' }),
      version({ size: 4 }),
      version({ lastModified: VERSION.lastModified + 1000 }),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(named()).toBe(named());
  });

  it('with versions: the version alone', () => {
    const first = version({ versionId: 'v1' });
    expect(version({ versionId: 'v1', eTag: 'x', size: 9, lastModified: 0 })).toBe(first);
    expect(version({ versionId: 'v2' })).not.toBe(first);
  });

  it('another schema, bucket or key is another one, and no two can be read as one', () => {
    const names = [
      named({ schemaName: 'other' }),
      named({ bucket: 'other' }),
      named({ key: 'in/b.csv' }),
      named({ bucket: 'bank', key: '-files/in/a.csv' }),
      named({ bucket: 'bank-files/in', key: 'a.csv' }),
      named(),
    ];
    expect(new Set(names).size).toBe(names.length);
  });
});
