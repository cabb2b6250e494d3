import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type FileIdentity,
  fileMetadata,
  identityHash,
  keyName,
  limitBytes,
  objectKey,
} from '#operator/bridge/sftp/file-identity.ts';

const place = { uploadPrefix: 'raw-uploads/', namespace: 'team', source: 'partner' };
const identityOf = (changes: Partial<FileIdentity> = {}): FileIdentity => ({
  host: 'sftp.example.com',
  port: 22,
  path: '/outbox/a b.csv',
  name: 'a b.csv',
  size: 10,
  mtime: 1_700_000_000,
  ...changes,
});

describe('the key of a file', () => {
  it('is the same for the same file', () => {
    const key = objectKey(place, identityOf());
    expect(key).toMatch(/^raw-uploads\/team\/partner\/[0-9a-f]{20}\/a b\.csv$/);
    expect(objectKey(place, identityOf({ host: 'SFTP.example.com' }))).toBe(key);
  });

  it.each<Partial<FileIdentity>>([
    { host: 'other.example.com' },
    { port: 2222 },
    { path: '/other/a b.csv' },
    { size: 11 },
    { mtime: 1_700_000_001 },
  ])('is another one for %j', (change) => {
    expect(identityHash(identityOf(change))).not.toBe(identityHash(identityOf()));
  });
});

it.each([
  ['certifications 2026.csv', 'certifications 2026.csv'],
  ['Größe (neu)+1.csv', 'Größe (neu)+1.csv'],
  ['Gro\u0308ße.csv', 'Größe.csv'],
  ['日本.csv.gz', '日本.csv.gz'],
  ['..\\..\\x.csv', '_.__._x.csv'],
  ['a..csv', 'a_.csv'],
  ['a?b#c%d&e"f.csv', 'a_b_c_d_e_f.csv'],
  ['a\nb\u0000.csv', 'a_b_.csv'],
  ['.', '_'],
  ['ends with a dot.', 'ends with a dot_'],
])('the name %j is %j in a key', (name, expected) => {
  expect(keyName(name)).toBe(expected);
});

it('no name leaves its place or grows too long, and its ending stays', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
      const made = keyName(`x${name}.csv.gz`);
      expect(made).not.toMatch(/[/\\\p{Cc}]|\.\.|^\.|^$/u);
      expect(Buffer.byteLength(made)).toBeLessThanOrEqual(200);
      expect(made.isWellFormed()).toBe(true);
      expect(made).toMatch(/\.csv\.gz$/);
    }),
  );
});

it('a long name is cut between characters', () => {
  expect(limitBytes(`${'é'.repeat(200)}.csv`, 100)).toBe(`${'é'.repeat(48)}.csv`);
  expect(limitBytes('short.csv', 100)).toBe('short.csv');
});

it('metadata is ASCII, and short enough for the header', () => {
  const path = `/outbox/${'ü'.repeat(250)}/${'日'.repeat(80)}.csv`;
  const metadata = fileMetadata(identityOf({ path }));
  expect(Object.values(metadata).join('')).toMatch(/^[\x20-\x7e]*$/);
  expect(JSON.stringify(metadata).length).toBeLessThan(2048);
  expect(metadata).toMatchObject({ 'source-host': 'sftp.example.com:22', 'source-mtime': '2023-11-14T22:13:20.000Z' });
  expect(decodeURI(fileMetadata(identityOf())['source-path']!)).toBe('/outbox/a b.csv');
});
