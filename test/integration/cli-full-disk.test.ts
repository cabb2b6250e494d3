/** `batch-upload load` where a disk is full: that of the spool folder, that of the standard input, and that of the server. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCommand } from '#support/cli/load-processes.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { startPostgres } from '#support/database/postgres.ts';

const exec = promisify(execFile);
const RECORDS = 60_000;
const ALL = [{ n: RECORDS }];

let folder: string;
let isRefused = false;
const mounted: string[] = [];
async function mountDisk(name: string, size: string): Promise<string> {
  const disk = join(folder, name);
  await mkdir(disk);
  await exec('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk]);
  mounted.push(disk);
  return disk;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-full-'));
  await mountDisk('small', '1m').catch(() => {
    isRefused = true;
  });
  const columns = ['id', 'note'].map((name) => ({ name, field: name }));
  const schema = {
    fields: [{ name: 'id', type: 'integer' }, { name: 'note' }],
    primaryKey: ['id'],
    target: { table: 'notes', create: true, columns },
  };
  await writeFile(join(folder, 'notes.yaml'), JSON.stringify(schema));
  const lines = Array.from({ length: RECORDS }, (_, id) => `${id},note ${'x'.repeat(80)}\n`);
  await writeFile(join(folder, 'notes.csv'), `id,note\n${lines.join('')}`);
  await writeFile(join(folder, 'notes.csv.gz'), gzipSync(`id,note\n${lines.join('')}`));
});
afterAll(async () => {
  for (const disk of mounted) await exec('umount', [disk]);
  await rm(folder, { recursive: true, force: true });
});

it('the spool folder and the folder of the standard input', { timeout: 180_000 }, async ({ skip }) => {
  if (isRefused) skip('no file system can be mounted here');
  await using postgres = await startPostgres({ settings: { fsync: 'off' } });
  const url = await createDatabase(postgres);
  const disk = join(folder, 'small');
  const load = (file: string, env: NodeJS.ProcessEnv, ...more: string[]) =>
    startCommand(['load', file, '-s', 'notes.yaml', '-d', url, ...more], {
      cwd: folder,
      env,
      ...(file === '-' ? { input: 'x'.repeat(2_000_000) } : {}),
    }).done;
  const spool = join(disk, 'spool');
  const copied = await load('notes.csv.gz', {}, '--spool', spool);
  expect(copied).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(
      /could not be written \(ENOSPC\)\. Free some space there, or name another folder with --spool/,
    ),
  });
  await rm(spool, { recursive: true });
  expect(await load('-', { TMPDIR: disk })).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(
      /standard input could not be kept in .*\(ENOSPC\)\. Free some space there, or set TMPDIR/,
    ),
  });
  expect(await readdir(disk)).toEqual([]);
  expect((await load('notes.csv.gz', {}, '--spool', join(folder, 'spool'))).code).toBe(0);
});

it('the server: the load says so, waits, and goes on', { timeout: 180_000 }, async ({ skip }) => {
  if (isRefused) skip('no file system can be mounted here');
  const disk = await mountDisk('server', '160m');
  await using postgres = await startPostgres({ dataDir: join(disk, 'postgres/data'), settings: { fsync: 'off' } });
  const url = await createDatabase(postgres);
  await withClient(url, (client) => client.query('CREATE TABLE notes (id bigint PRIMARY KEY, note text)'));
  const { bavail, bsize } = await statfs(disk);
  await writeFile(join(disk, 'filler'), Buffer.alloc(bavail * bsize - 2_000_000));
  const running = startCommand(['load', 'notes.csv', '-s', 'notes.yaml', '-d', url], { cwd: folder });
  await running.said('the disk of the database is full');
  await rm(join(disk, 'filler'));
  expect(await running.done).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('the disk of the database is full. Free some space there, and the load goes on'),
  });
  const { rows } = await withClient(url, (client) => client.query('SELECT count(*)::int AS n FROM notes'));
  expect(rows).toEqual(ALL);
});
