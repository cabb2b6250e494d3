import { beforeEach, expect, it } from 'vitest';
import type { RemoteFileInfo } from '#operator/bridge/sftp/list-files.ts';
import { createStableFiles } from '#operator/bridge/sftp/stable-files.ts';

/** The clock in milliseconds; the files' times are in seconds. */
let now: number;
beforeEach(() => {
  now = 1_000_000_000;
});

function createFolder(settleSeconds: number, maxFiles = 100) {
  const folder = createStableFiles({ settleSeconds, now: () => now, maxFiles });
  return (...files: RemoteFileInfo[]) => {
    const look = folder.startLook();
    const stable = look.see(files).map(({ name }) => name);
    return { stable, waitMs: look.finish() };
  };
}
const file = (changes: Partial<RemoteFileInfo> = {}) => ({ name: 'a.csv', size: 10, mtime: 900_000, ...changes });

it('a file is stable when a second look finds it unchanged, late enough', () => {
  const look = createFolder(10);
  expect(look(file())).toEqual({ stable: [], waitMs: 10_000 });
  now += 9_999;
  expect(look(file())).toEqual({ stable: [], waitMs: 1 });
  now += 1;
  expect(look(file())).toEqual({ stable: ['a.csv'], waitMs: null });
  expect(look(file()).stable).toEqual(['a.csv']);
});

it.each([{ size: 11 }, { mtime: 900_001 }])('a file that changed begins anew: %j', (change) => {
  const look = createFolder(10);
  look(file());
  now += 10_000;
  expect(look(file(change))).toEqual({ stable: [], waitMs: 10_000 });
  now += 10_000;
  expect(look(file(change)).stable).toEqual(['a.csv']);
});

it('a file that was missing in between begins anew', () => {
  const look = createFolder(10);
  look(file());
  now += 10_000;
  look();
  expect(look(file()).stable).toEqual([]);
});

it('a file that was changed a moment ago is left alone for so long after that', () => {
  const look = createFolder(10);
  const fresh = file({ mtime: now / 1000 + 8 });
  look(fresh);
  now += 10_000;
  expect(look(fresh)).toEqual({ stable: [], waitMs: 8_000 });
  now += 8_000;
  expect(look(fresh).stable).toEqual(['a.csv']);
});

it('a time that lies ahead says nothing: two looks are enough', () => {
  const look = createFolder(10);
  const ahead = file({ mtime: now / 1000 + 3600 });
  look(ahead);
  now += 10_000;
  expect(look(ahead).stable).toEqual(['a.csv']);
});

it('without a settle time the first look is enough', () => {
  expect(createFolder(0)(file({ mtime: 1_000_000 })).stable).toEqual(['a.csv']);
});

it('each file has its own time, and the wait for the next stable file is returned', () => {
  const look = createFolder(10);
  look(file());
  now += 4_000;
  expect(look(file(), file({ name: 'b.csv' }))).toEqual({ stable: [], waitMs: 6_000 });
});

it('when there are more files than state is kept for, the first ones are stable first', () => {
  const look = createFolder(10, 2);
  const files = ['a', 'b', 'c'].map((name) => file({ name }));
  look(...files);
  now += 10_000;
  expect(look(...files).stable).toEqual(['a', 'b']);
  expect(look(file({ name: 'c' })).stable).toEqual([]);
  now += 10_000;
  expect(look(file({ name: 'c' })).stable).toEqual(['c']);
});
