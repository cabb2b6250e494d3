import { expect, it } from 'vitest';
import { Fault } from '#common/faults.ts';
import type { PlannedUpload, WorkObject } from '#ledger/types.ts';
import { checkCopy, checkSource, explainGone } from '#runner/storage/copy-faults.ts';
import type { ObjectIdentity } from '#s3/object-identity.ts';

const identity: ObjectIdentity = { bucket: 'b', key: 'k', eTag: 'e', versionId: null, sizeBytes: 9 };
const work: WorkObject = { bucket: 'w', key: 'old', eTag: 'x', versionId: null, sizeBytes: 20, digest: 'copy' };
const kept = { ...identity, digest: 'file', work } as unknown as PlannedUpload['plan'];

it.each<[string, Partial<ObjectIdentity>, boolean]>([
  ['the same', {}, true],
  ['with another ETag', { eTag: 'f' }, false],
  ['of another version', { versionId: 'v' }, false],
  ['of another size', { sizeBytes: 8 }, false],
])('an object %s: taken %s', (_what, change, isTaken) => {
  const check = () => checkSource({ ...identity, ...change }, kept);
  if (isTaken) check();
  else expect(check).toThrow(expect.objectContaining({ reason: 'SourceChanged', category: 'permanent' }));
});

const again = { ...work, key: 'new', eTag: 'y' };
it.each<[string, string, WorkObject | null, string | null]>([
  ['the same', 'file', again, null],
  ['other bytes of the same size', 'file', { ...again, digest: 'other' }, 'CopyDiffers'],
  ['the same digest and another size', 'file', { ...again, sizeBytes: 21 }, 'CopyDiffers'],
  ['no copy, since this release reads the file itself', 'file', null, 'CopyDiffers'],
  ['a copy of other bytes', 'changed', again, 'SourceChanged'],
])('a copy made again: %s', (_what, digest, made, reason) => {
  const check = () => checkCopy({ identity, digest, work: made }, kept);
  if (reason === null) expect(check()).toBe(made);
  else expect(check).toThrow(expect.objectContaining({ reason, category: 'permanent' }));
});

it('a copy of which no digest is kept is like no other one', () => {
  const unknown = { ...kept, work: { ...work, digest: null } };
  const made = { identity, digest: 'file', work: { ...again, digest: null } };
  expect(() => checkCopy(made, unknown)).toThrow(expect.objectContaining({ reason: 'CopyDiffers' }));
});

it('a copy that is not there says that it can be made again; other faults stay', () => {
  const make = (code: 'S3_NOT_FOUND' | 'S3_UNAVAILABLE') =>
    new Fault({ code, category: 'permanent', reason: 'R', message: 'm' });
  const gone = explainGone(make('S3_NOT_FOUND'), work);
  expect(gone).toMatchObject({ code: 'S3_COPY_GONE', reason: 'CopyGone', category: 'permanent' });
  expect((gone as Fault).message).toContain('raise spec.retryGeneration');
  for (const other of [make('S3_UNAVAILABLE'), new Error('x')]) expect(explainGone(other, work)).toBe(other);
});
