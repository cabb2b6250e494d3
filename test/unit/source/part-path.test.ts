import { posix } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinPath, splitPath } from '#runner/source/part-path.ts';

const segments = fc.array(fc.constantFrom('xl', 'a.xml', '..', '.', 'worksheets', '...'), {
  minLength: 1,
  maxLength: 5,
});
const path = segments.map((all) => all.join('/'));

test('a path seen from a folder, as Node joins them', () => {
  fc.assert(
    fc.property(path, path, (folder, target) => {
      expect(joinPath(folder, target) || '.').toBe(posix.join(folder, target));
    }),
  );
  expect(joinPath('', 'xl/workbook.xml')).toBe('xl/workbook.xml');
  expect(joinPath('xl', 'a//b')).toBe('xl/a/b');
});

test('the folder and the name of a path, as Node parts them', () => {
  fc.assert(
    fc.property(path, (text) => {
      const { folder, name } = splitPath(text);
      expect([folder || '.', name]).toEqual([posix.dirname(text), posix.basename(text)]);
    }),
  );
  expect(splitPath('')).toEqual({ folder: '', name: '' });
});
