/** `batch-upload load` as real processes against a real PostgreSQL, compared with the oracle. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadResult } from '#cli/load/load-result.ts';
import { killWhileHeld, waitForLoad, whileHeld } from '#support/cli/load-ledger.ts';
import { type CommandEnd, type RunningCommand, startCommand } from '#support/cli/load-processes.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { type ExpectedCounts, generateCertifications } from '#support/records/certifications.ts';
import { compareCertifications } from '#support/records/compare-certifications.ts';
import { CERTIFICATIONS_SQL } from '#support/runner/runner.ts';

const SCHEMA = join(import.meta.dirname, '../../crds/examples/recordschema-certifications.yaml');
/** More than 1 MiB, so that several sessions share the file. */
const RECORDS = 6000;

let folder: string;
let postgres: Postgres;
let file: Buffer;
let counts: ExpectedCounts;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-load-'));
  await mkdir(join(folder, 'tmp'));
  postgres = await startPostgres({ settings: { fsync: 'off' } });
  const made = generateCertifications({ records: RECORDS, seed: 7, duplicates: 0.01 });
  file = Buffer.concat([...made.pieces]);
  ({ counts } = made);
  await writeFile(join(folder, 'certifications.csv'), file);
});
afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

async function newDatabase(): Promise<string> {
  const url = await createDatabase(postgres);
  await withClient(url, (client) => client.query(CERTIFICATIONS_SQL));
  return url;
}

interface Call {
  path?: string;
  more?: string[];
  input?: Buffer;
  schema?: string;
}

function start(
  url: string,
  { path = 'certifications.csv', more = [], input, schema = SCHEMA }: Call = {},
): RunningCommand {
  return startCommand(['load', path, '-s', schema, '-d', url, '--namespace', 'n', '--spool', 'spool', ...more], {
    cwd: folder,
    env: { TMPDIR: join(folder, 'tmp') },
    ...(input ? { input } : {}),
  });
}

const load = (url: string, call?: Call): Promise<CommandEnd> => start(url, call).done;

async function loadJson(url: string, call: Call = {}): Promise<CommandEnd & { result: LoadResult }> {
  const end = await load(url, { ...call, more: [...(call.more ?? []), '-o', 'json'] });
  expect(end.stdout, JSON.stringify(end)).toMatch(/^\{/);
  return { ...end, result: JSON.parse(end.stdout) as LoadResult };
}

const query = <T extends object>(url: string, sql: string): Promise<T[]> =>
  withClient(url, async (client) => (await client.query(sql)).rows as T[]);

const rowCount = async (url: string) =>
  (await query<{ n: number }>(url, 'SELECT count(*)::int AS n FROM certifications'))[0]!.n;

async function expectExactLoad(url: string, { result }: { result: LoadResult }): Promise<void> {
  const { succeeded, failed, duplicate, records } = counts;
  expect(result).toMatchObject({ status: 'Complete', message: null, alreadyLoaded: false });
  expect(result.records).toEqual({ processed: records, succeeded, failed, duplicate, updated: 0, total: records });
  await withClient(url, async (client) => {
    expect(await compareCertifications(client, result.uploadId, file)).toEqual({
      succeeded,
      failed,
      duplicate,
      differences: [],
    });
    const { rows } = await client.query(
      `SELECT count(*)::int AS rows, count(DISTINCT a.chunk_number)::int AS chunks, min(u.total_chunks) AS total
       FROM batch_upload.batch_upload_audit_logs a JOIN batch_upload.batch_uploads u ON u.id = a.batch_upload_id
       WHERE event_type = 'chunk_completed' AND u.id = $1`,
      [result.uploadId],
    );
    expect(rows).toEqual([{ rows: rows[0].total, chunks: rows[0].total, total: rows[0].total }]);
    const codes = await client.query<{ code: string; n: number }>(
      'SELECT error_code AS code, count(*)::int AS n FROM batch_upload.batch_upload_errors GROUP BY 1',
    );
    expect(Object.fromEntries(codes.rows.map(({ code, n }) => [code, n]))).toEqual(counts.codes);
  });
  expect(await rowCount(url)).toBe(succeeded);
}

describe('a file', { timeout: 180_000 }, () => {
  it.each([1, 3])('is loaded exactly by %i sessions, and the same content is loaded once', async (sessions) => {
    const url = await newDatabase();
    const first = await loadJson(url, { more: ['-p', String(sessions)] });
    expect(first.code).toBe(1);
    await expectExactLoad(url, first);
    const { duplicate } = counts;
    expect(first.result.errors).toContainEqual(expect.objectContaining({ code: 'DUP_001', count: duplicate }));
    expect(first.result.firstErrors.length).toBeGreaterThan(10);

    const again = await loadJson(url);
    expect(again).toMatchObject({
      code: 0,
      result: { status: 'Complete', alreadyLoaded: true, records: { processed: 0 } },
    });
    expect(again.result.message).toMatch(/loaded before, as certifications\.csv\. Give --reload/);
    expect((await load(url)).stdout).toMatch(/nothing to load\n.*loaded before/);

    const reloaded = await loadJson(url, { more: ['--reload'] });
    expect(reloaded.result.records).toMatchObject({ succeeded: 0, duplicate: counts.succeeded + duplicate });
    expect(await rowCount(url)).toBe(counts.succeeded);
  });

  it('is validated without a trace in the table, and loaded after that', async () => {
    const url = await newDatabase();
    const { code, result } = await loadJson(url, { more: ['--mode', 'validate'] });
    const { succeeded, failed, duplicate } = counts;
    expect(code).toBe(1);
    expect(result).toMatchObject({ mode: 'Validate', records: { succeeded, failed, duplicate } });
    expect(await rowCount(url)).toBe(0);
    expect((await load(url)).stdout).toContain(`${succeeded.toLocaleString('en')} of 6,000 records loaded into`);
    expect(await rowCount(url)).toBe(succeeded);
  });

  it.each<[string, Call]>([
    ['the standard input', { path: '-' }],
    ['a gzip file', { path: 'certifications.csv.gz' }],
    ['the standard input with gzip', { path: '-' }],
  ])('from %s leaves no copy behind', async (name, call) => {
    const url = await newDatabase();
    const packed = gzipSync(file);
    await writeFile(join(folder, 'certifications.csv.gz'), packed);
    const input = name.includes('gzip') ? packed : file;
    await expectExactLoad(url, await loadJson(url, { ...call, ...(call.path === '-' ? { input } : {}) }));
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
    const left = await readdir(join(folder, 'spool'), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
  });

  it('from a pipe by its name', async () => {
    const url = await newDatabase();
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const [end] = await Promise.all([loadJson(url, { path: 'pipe' }), writeFile(join(folder, 'pipe'), file)]);
    await expectExactLoad(url, end);
    expect(end.result.file).toBe('pipe');
  });

  it('with too many failed records ends early, and says so in the words of the options', async () => {
    const url = await newDatabase();
    const { code, result, stderr } = await loadJson(url, { more: ['--max-failed-records', '5'] });
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(result.status).toBe('Failed');
    expect(result.message).toMatch(/more than --max-failed-records \(5\) allows.*Raise the limit or correct the file/);
    expect(result.message).not.toMatch(/BatchUpload|spec\./);
    expect((await load(url, { more: ['--max-failed-percent', '50'] })).code).toBe(1);
    expect(await rowCount(url)).toBe(counts.succeeded);
  });
});

describe('a load that was killed goes on', { timeout: 180_000 }, () => {
  const killAfter = (commits: number, url: string, call: Call) =>
    killWhileHeld({ url, start: () => start(url, call), commits });

  it.each([0, 1, 2, 3, 5, 8, 12, 16, 19])('after %i commits', async (commits) => {
    const url = await newDatabase();
    const call = { more: ['--chunk-records', '150', '-p', '2'] };
    await killAfter(commits, url, call);
    await expectExactLoad(url, await loadJson(url, call));
  });

  it('also with its plain copy, after four kills', async () => {
    const url = await newDatabase();
    await writeFile(join(folder, 'certifications.csv.gz'), gzipSync(file));
    const call = { path: 'certifications.csv.gz', more: ['--chunk-records', '150', '-p', '3'] };
    for (const commits of [0, 2, 6, 12]) await killAfter(commits, url, call);
    await expectExactLoad(url, await loadJson(url, call));
    const left = await readdir(join(folder, 'spool'), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
  });

  it('also from the standard input and under another name, which have other paths', async () => {
    const url = await newDatabase();
    const more = ['--chunk-records', '150'];
    await killAfter(3, url, { path: '-', input: file, more });
    expect(await readdir(join(folder, 'tmp'))).toHaveLength(1);
    await writeFile(join(folder, 'renamed.csv'), file);
    const next = await loadJson(url, { path: 'renamed.csv', more });
    expect(next.stderr).toContain('An interrupted load has the same content.');
    await expectExactLoad(url, next);
    // The next call that keeps a standard input removes what the killed one has left.
    const living = await mkdtemp(join(folder, `tmp/batch-upload-input-${hostname()}-${process.pid}-`));
    expect((await load(url, { path: '-', input: file })).code).toBe(0);
    expect(await readdir(join(folder, 'tmp'))).toEqual([basename(living)]);
    await rm(living, { recursive: true });
  });

  it('and leaves no copy that it had not finished', async () => {
    const url = await newDatabase();
    const ended = spawnSync(process.execPath, ['-e', '']);
    const copyOf = (process: string, name: string) => join(folder, 'spool/work', randomUUID(), process, name);
    const finished = copyOf(`${hostname()}-${ended.pid}`, 'canonical.csv');
    const orphaned = copyOf(`${hostname()}-${ended.pid}`, 'canonical.csv.partial');
    const written = copyOf(`${hostname()}-${process.pid}`, 'canonical.csv.partial');
    const elsewhere = copyOf(`another-host-${ended.pid}`, 'canonical.csv.partial');
    for (const path of [finished, orphaned, written, elsewhere]) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, 'x');
    }
    expect((await load(url)).code).toBe(1);
    const left = await readdir(join(folder, 'spool'), { recursive: true, withFileTypes: true });
    const paths = left.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    expect(paths.sort()).toEqual([finished, written, elsewhere].sort());
    await rm(join(folder, 'spool'), { recursive: true });
  });

  it('after SIGINT, which says so', async () => {
    const url = await newDatabase();
    const more = ['--chunk-records', '60'];
    await whileHeld({ url, start: () => start(url, { more }), commits: 3 }, async (running) => {
      running.process.kill('SIGINT');
      const { code, stdout, stderr } = await running.done;
      expect({ code, stdout }).toEqual({ code: 75, stdout: '' });
      expect(stderr).toMatch(/The load was interrupted\. Call the same command again/);
    });
    await expectExactLoad(url, await loadJson(url, { more }));
  });

  it('not with another file in its place, which the call after that loads', async () => {
    const url = await newDatabase();
    const call = { path: 'changed.csv', more: ['--chunk-records', '150'] };
    const other = Buffer.concat([...generateCertifications({ records: 1000, seed: 9 }).pieces]);
    await writeFile(join(folder, 'changed.csv'), other);
    await killAfter(3, url, { ...call, more: ['--chunk-records', '10'] });
    await query(url, 'DELETE FROM certifications');
    await query(url, 'DELETE FROM batch_upload.batch_upload_errors');
    await writeFile(join(folder, 'changed.csv'), file);
    const refused = await load(url, call);
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/changed\.csv is not the file.*Call the same command again to load changed\.csv/);
    await expectExactLoad(url, await loadJson(url, call));
  });
});

it('two calls at once: one loads, the other says so', async () => {
  const url = await newDatabase();
  const more = ['--chunk-records', '20', '-o', 'json'];
  const ends = await withClient(url, async (holder) => {
    // The first load must not end before the second one has given up.
    await holder.query('BEGIN; LOCK TABLE certifications IN SHARE MODE');
    const both = [load(url, { more }), load(url, { more })];
    await Promise.race(both);
    await holder.query('ROLLBACK');
    return await Promise.all(both);
  });
  const refused = ends.filter(({ code }) => code === 2);
  const loaded = ends.filter(({ code }) => code !== 2);
  expect(refused.map(({ stderr }) => stderr).join(), JSON.stringify(ends)).toMatch(
    /Another process loads certifications\.csv into .*certifications at this moment/,
  );
  expect(loaded).toHaveLength(1);
  await expectExactLoad(url, { result: JSON.parse(loaded[0]!.stdout) as LoadResult });
});

describe('what a person has to do first', () => {
  async function expectRefused(url: string, message: RegExp, { code = 2, ...call }: Call & { code?: number } = {}) {
    const end = await load(url, call);
    expect({ code: end.code, stdout: end.stdout }, end.stderr).toEqual({ code, stdout: '' });
    expect(end.stderr).toMatch(message);
    expect(end.stderr).not.toMatch(/BatchUpload|Secret|spec\.(source|errorPolicy|format|work)| {4}at /);
  }

  it('a wrong password', async () => {
    const url = (await newDatabase()).replace('postgres:postgres@', 'postgres:wrong@');
    await expectRefused(url, /refused the user or the password in the URI of --database\. Correct them/);
  });

  it('no such database', async () => {
    await expectRefused(`${postgres.url}_nothing`, /The database in the URI of --database does not exist/);
  });

  it('no URI', () =>
    expectRefused('localhost', /The URI of --database cannot be used.*postgres:\/\/user:password@host/));

  it('no such table, and a table that differs', async () => {
    const url = await createDatabase(postgres);
    await expectRefused(url, /certifications does not exist.*CREATE TABLE/s);
    await query(url, CERTIFICATIONS_SQL);
    await query(url, 'ALTER TABLE certifications DROP COLUMN member_data');
    await expectRefused(url, /has no column member_data.*ADD COLUMN/);
  });

  it('an older ledger', async () => {
    const url = await newDatabase();
    expect((await load(url)).code).toBe(1);
    await query(
      url,
      `DELETE FROM batch_upload.schema_migrations
       WHERE version = (SELECT max(version) FROM batch_upload.schema_migrations)`,
    );
    await expectRefused(url, /earlier version \(\d+\).*operator print-migrations \d+/);
  });

  it('a role that may not make the ledger', async () => {
    const url = await newDatabase();
    const role = `r_${url.split('/').at(-1)}`;
    await query(url, `CREATE ROLE ${role} LOGIN PASSWORD 'p'`);
    const its = url.replace('postgres:postgres@', `${role}:p@`);
    await expectRefused(its, /may not create the batch_upload schema.*print-migrations.*role that may in --database/);
  });

  it('no such file, which leaves no trace in the database', async () => {
    const url = await newDatabase();
    await expectRefused(url, /nothing\.csv could not be read\. There is no such file/, { path: 'nothing.csv' });
    await expectRefused(url, /is a folder/, { path: 'tmp' });
    expect(await query(url, `SELECT to_regclass('batch_upload.batch_uploads')::text AS t`)).toEqual([{ t: null }]);
  });

  it('a header that does not fit', async () => {
    const url = await newDatabase();
    await writeFile(join(folder, 'other.csv'), 'a,b\n1,2\n');
    await expectRefused(url, /Expected: member_id/, { path: 'other.csv' });
    expect(await readFile(join(folder, 'other.csv'), 'utf8')).toBe('a,b\n1,2\n');
  });
});

describe('records that refer to later ones', { timeout: 120_000 }, () => {
  const NODES = `apiVersion: batchupload.dev/v1alpha1
kind: RecordSchema
metadata: {name: nodes}
spec:
  fields: [{name: id}, {name: parent}]
  fieldsMatch: equal
  primaryKey: [id]
  target:
    table: nodes
    create: false
    onDuplicate: Skip
    columns: [{name: id, field: id}, {name: parent, field: parent}]
`;
  const PENDING = `SELECT count(*) = 30 AS yes FROM batch_upload.batch_upload_pending_records`;

  it('are loaded at the end, also by the call after one that was killed', async () => {
    const url = await newDatabase();
    await query(url, 'CREATE TABLE nodes (id text PRIMARY KEY, parent text REFERENCES nodes)');
    await writeFile(join(folder, 'nodes.yaml'), NODES);
    const records = Array.from({ length: 31 }, (_, i) => `k${i},${i < 30 ? `k${i + 1}` : ''}`);
    await writeFile(join(folder, 'nodes.csv'), `id,parent\n${records.join('\n')}\n`);
    const call = { path: 'nodes.csv', schema: 'nodes.yaml', more: ['--chunk-records', '1'] };
    // The last chunk has to wait for this row.
    await withClient(url, async (holder) => {
      await holder.query(`BEGIN; INSERT INTO nodes VALUES ('k30')`);
      const running = start(url, call);
      expect(await waitForLoad(url, PENDING, running)).toBe(true);
      running.process.kill('SIGKILL');
      await running.done;
      await holder.query('ROLLBACK');
    });
    const { result } = await loadJson(url, call);
    expect(result).toMatchObject({ status: 'Complete', records: { processed: 31, succeeded: 31, failed: 0 } });
    expect(await query(url, 'SELECT count(*)::int AS n FROM nodes')).toEqual([{ n: 31 }]);
  });
});
