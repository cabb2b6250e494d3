import { describe, expect, it } from 'vitest';
import { compileRules } from '#operator/bridge/admission/object-rules.ts';
import { testSource } from '#support/bridge/upload-source.ts';

type Spec = Parameters<typeof testSource>[1];
const s3 = { bucket: 'bucket', prefix: 'in/' };
const judge = (key: string, spec: Partial<Spec> = {}, bucket = 'bucket') => {
  const judgement = compileRules(testSource('orders', { s3, ...spec })).judge({ bucket, key });
  return judgement.accepted ? judgement.schemaName : judgement.reason;
};
const filter = (rest: object) => ({ filter: { minBytes: 1, ...rest } });
const WORK = 'work/0b0c4fd6-6c0f-4f5c-9df2-3b8a3a3ad7a5/pod/canonical.csv';
const everywhere = { s3: { bucket: 'bucket', prefix: '' } };
const move = (prefix: string) => ({ afterSuccess: { action: 'Move' as const, prefix } });

describe('which objects are meant', () => {
  it.each<[string, string, Partial<Spec>?, string?]>([
    ['in/a.csv', 'items'],
    ['in/a.csv', 'OtherBucket', {}, 'buckets'],
    ['out/a.csv', 'OtherPrefix'],
    ['in', 'OtherPrefix'],
    ['in/', 'Folder'],
    ['in/sub/', 'Folder'],
    ['in/../../etc/passwd', 'items'],
    // Some storages list such keys, and PostgreSQL would refuse the query for their whole page.
    ['in/a\0.csv', 'KeyInvalid'],
    ['in/\ud800.csv', 'KeyInvalid'],
    ['in/a.csv', 'items', filter({ suffixes: ['.txt', '.csv'] })],
    ['in/a.CSV', 'Filtered', filter({ suffixes: ['.csv'] })],
    ['in/a.csv', 'items', filter({ pattern: '^a' })],
    // Patterns see only the part of the key after the prefix.
    ['in/a.csv', 'Filtered', filter({ pattern: '^in/' })],
    [WORK, 'Filtered', everywhere],
    ['work/mine/a.csv', 'items', everywhere],
    // The CRD refuses Move together with an empty prefix; the rules work all the same.
    ['done/a.csv', 'Filtered', { ...everywhere, ...move('done/') }],
    ['done/in/a.csv', 'items', { s3: { bucket: 'bucket', prefix: 'done/in/' }, ...move('done/') }],
  ])('%s: %s', (key, expected, spec = {}, bucket = 'bucket') => {
    expect(judge(key, spec, bucket)).toBe(expected);
  });

  it('by size, both limits included', () => {
    const { judgeSize } = compileRules(testSource('orders', { s3, filter: { minBytes: 2, maxBytes: 4 } }));
    expect([1, 2, 4, 5].map((bytes) => judgeSize(bytes)?.reason ?? null)).toEqual(['Filtered', null, null, 'Filtered']);
  });

  it('a pattern that is no RE2 expression is refused with its path', () => {
    expect(() => judge('in/a', filter({ pattern: '(?=a)' }))).toThrow(/spec\.filter\.pattern/);
    expect(() => judge('in/a', { schemas: [{ pattern: '(', schemaRef: { name: 'a' } }] })).toThrow(
      /spec\.schemas\[0\]/,
    );
  });
});

describe('which schema', () => {
  const schemas = [
    { prefix: 'orders/', schemaRef: { name: 'orders' } },
    { pattern: '_returns\\.csv$', schemaRef: { name: 'returns' } },
  ];
  const rest = [...schemas, { schemaRef: { name: 'rest' } }];

  it.each([
    ['in/orders/a_returns.csv', 'orders'],
    ['in/x/orders/a_returns.csv', 'returns'],
    ['in/x.csv', 'NoSchemaFits'],
  ])('the first that fits %s: %s', (key, expected) => expect(judge(key, { schemas })).toBe(expected));

  it('one without prefix and pattern takes the rest', () => expect(judge('in/x.csv', { schemas: rest })).toBe('rest'));
});

describe('of a file that was fetched', () => {
  const sftp = {
    ...{ host: 'h', port: 22, username: 'u', directory: '.', secretRef: { name: 's' }, intervalSeconds: 60 },
    afterFetch: { action: 'Move' as const, directory: 'processed', suffix: '.done' },
    uploadPrefix: 'raw-uploads/',
  };
  const spec = {
    ...everywhere,
    sftp,
    ...filter({ pattern: '^a' }),
    schemas: [{ prefix: 'a_', schemaRef: { name: 'a' } }],
  };

  it.each([
    ['raw-uploads/ns/orders/0123/a_1.csv', 'a'],
    ['raw-uploads/ns/orders/a_1/b.csv', 'Filtered'],
    ['raw-uploads/ns/orders/0123/a-1.csv', 'NoSchemaFits'],
    ['raw-uploads/ns/others/0123/a_1.csv', 'OtherPrefix'],
  ])('the name counts: %s: %s', (key, expected) => expect(judge(key, spec)).toBe(expected));
});
