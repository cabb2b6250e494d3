/** `batch-upload` with a file that has no key, as real processes against a real PostgreSQL. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { LoadResult } from '#cli/load/load-result.ts';
import { failUpload } from '#ledger/uploads/finish-upload.ts';
import { retryUpload } from '#ledger/uploads/retry-upload.ts';
import { killWhileHeld, waitForLoad, whileHeld } from '#support/cli/load-ledger.ts';
import { startCommand } from '#support/cli/load-processes.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';

const RECORDS = 4000;
const ROOT = join(import.meta.dirname, '../..');

let folder: string;
let postgres: Postgres;
let url: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-append-'));
  postgres = await startPostgres({ settings: { fsync: 'off' } });
  await writeFile(join(folder, 'readings.csv'), csv());
  await writeFile(join(folder, 'readings.csv.gz'), gzipSync(csv()));
  const { code, stdout, stderr } = await infer();
  expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: '' });
  expect(stderr).toMatch(/no key,.*\n.*\n.*No key was found, so that every record is appended.*--key/);
});
afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  url = await createDatabase(postgres);
});

/** Readings of which many are equal; `more` stands behind them. */
function csv(more = ''): string {
  const lines = Array.from({ length: RECORDS }, (_, i) => `${['north', 'south'][i % 2]},${(i % 7) / 2}`);
  return `site,value\n${lines.join('\n')}\n${more}`;
}

function infer(): Promise<{ code: number; stdout: string; stderr: string }> {
  const args = [join(ROOT, 'cli/main.ts'), 'infer', 'readings.csv', '--write', 'readings.yaml'];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

const start = (path: string, more: string[] = [], schema = 'readings.yaml') =>
  startCommand(['load', path, '-s', schema, '-d', url, '--namespace', 'n', '--spool', 'spool', '-o', 'json', ...more], {
    cwd: folder,
  });

async function load(
  path: string,
  more: string[] = [],
  schema?: string,
): Promise<{ code: number | null; result: LoadResult }> {
  const { code, stdout, stderr } = await start(path, more, schema).done;
  expect(stdout, stderr).toMatch(/^\{/);
  return { code, result: JSON.parse(stdout) as LoadResult };
}

async function query<T extends object>(sql: string): Promise<T[]> {
  return withClient(url, async (client) => (await client.query(sql)).rows as T[]);
}

const stored = async () => {
  const [row] = await query<{ rows: number; records: number }>(
    'SELECT count(*)::int AS rows, count(DISTINCT (batch_upload_id, row_number))::int AS records FROM readings',
  );
  expect(row!.rows).toBe(row!.records);
  return row!.rows;
};

it('loads what infer proposes, once, and appends again where that is asked for', { timeout: 120_000 }, async () => {
  expect(await load('readings.csv', ['--mode', 'validate'])).toMatchObject({
    code: 0,
    result: { mode: 'Validate', records: { succeeded: RECORDS, failed: 0, duplicate: 0 } },
  });
  expect(await stored()).toBe(0);
  expect(await load('readings.csv')).toMatchObject({
    code: 0,
    result: { status: 'Complete', records: { succeeded: RECORDS, duplicate: 0, updated: 0 } },
  });
  const again = await load('readings.csv');
  expect(again).toMatchObject({ code: 0, result: { alreadyLoaded: true } });
  expect(again.result.message).toMatch(
    /Give --reload to load it again\. .*no primaryKey, every record is then in the table once more/,
  );
  expect(await stored()).toBe(RECORDS);
  expect((await load('readings.csv', ['--reload'])).result.records).toMatchObject({ succeeded: RECORDS, duplicate: 0 });
  await writeFile(join(folder, 'longer.csv'), csv('north,1.5\n'));
  expect((await load('longer.csv')).result.records).toMatchObject({ succeeded: RECORDS + 1 });
  expect(await stored()).toBe(3 * RECORDS + 1);
});

it('killed and called again, every record is stored once', { timeout: 180_000 }, async () => {
  const more = ['--chunk-records', '100', '-p', '2'];
  for (const commits of [1, 3, 8, 15, 25])
    await killWhileHeld({ url, start: () => start('readings.csv', more), commits });
  await load('readings.csv', more);
  expect(await stored()).toBe(RECORDS);
});

/** Refuses every seventh record. */
async function writeStrictSchema(): Promise<void> {
  const { spec, ...head } = parse(await readFile(join(folder, 'readings.yaml'), 'utf8'));
  spec.fields[1].constraints = { required: true, maximum: '2.5' };
  await writeFile(join(folder, 'strict.yaml'), JSON.stringify({ ...head, spec }));
}

const MORE = ['--chunk-records', '100', '-p', '1'];
/** Every seventh value is 3. */
const FAILED = Math.floor(RECORDS / 7);

/** Leaves what a load leaves that has found too many failed records half way: it removes its copy last. */
async function failHalfWay(path: string): Promise<{ id: string; part: number }> {
  await writeStrictSchema();
  await killWhileHeld({ url, start: () => start(path, MORE, 'strict.yaml'), commits: 8 });
  const [{ id }] = (await query<{ id: string }>('SELECT id FROM batch_upload.batch_uploads')) as [{ id: string }];
  const why = { reason: 'TooManyFailedRecords', message: 'test' };
  expect(await withClient(url, (client) => failUpload(client, { id }, why))).toBe('Failed');
  await rm(join(folder, 'spool'), { recursive: true, force: true });
  const part = await stored();
  expect(part).toBeGreaterThan(0);
  expect(part).toBeLessThan(RECORDS - FAILED);
  return { id, part };
}

const complete = (uploadId: string) => ({
  code: 1,
  result: {
    ...{ status: 'Complete', uploadId, alreadyLoaded: false },
    records: { processed: RECORDS, succeeded: RECORDS - FAILED, failed: FAILED, duplicate: 0 },
  },
});

describe.each(['readings.csv', 'readings.csv.gz'])('%s that failed with a part in the table', (path) => {
  it('goes on with each call, and appends nothing twice', { timeout: 120_000 }, async () => {
    const { id, part } = await failHalfWay(path);
    // A compressed file has no plain copy any more: each attempt makes its own, and removes it.
    const second = await load(path, [...MORE, '--max-failed-records', '300'], 'strict.yaml');
    expect(second).toMatchObject({ code: 1, result: { status: 'Failed', uploadId: id } });
    expect(second.result.message).toMatch(/call the command again to go on\. .*a corrected file appends all/);
    expect(await stored()).toBe(second.result.records.succeeded);
    expect(second.result.records.succeeded).toBeGreaterThanOrEqual(part);
    expect(await load(path, MORE, 'strict.yaml')).toMatchObject(complete(id));
    expect(await stored()).toBe(RECORDS - FAILED);
    expect(await readdir(join(folder, 'spool'), { recursive: true })).not.toContainEqual(expect.stringContaining(id));
    expect(await load(path, MORE, 'strict.yaml')).toMatchObject({ result: { alreadyLoaded: true } });
  });

  it('goes on after a call that was killed at its beginning', { timeout: 120_000 }, async () => {
    const { id } = await failHalfWay(path);
    await withClient(url, (client) => retryUpload(client, { id, generation: 1 }));
    expect(await load(path, MORE, 'strict.yaml')).toMatchObject(complete(id));
    expect(await stored()).toBe(RECORDS - FAILED);
  });

  it('with all of it there instead, needs no copy', { timeout: 120_000 }, async () => {
    await writeStrictSchema();
    const { uploadId } = (await load(path, MORE, 'strict.yaml')).result;
    await query(`UPDATE batch_upload.batch_uploads
                 SET status = 'Failed', claimed = false, failure_reason = 'TooManyFailedRecords', failure_message = 'test'`);
    expect(await load(path, MORE, 'strict.yaml')).toMatchObject(complete(uploadId));
    expect(await stored()).toBe(RECORDS - FAILED);
  });

  it('under another path appends nothing, and says what to do', { timeout: 120_000 }, async () => {
    const { part } = await failHalfWay(path);
    await writeFile(join(folder, `moved-${path}`), await readFile(join(folder, path)));
    const moved = await load(`moved-${path}`, MORE, 'strict.yaml');
    expect(moved).toMatchObject({ code: 1, result: { status: 'Failed', records: { processed: 0 } } });
    expect(moved.result.message).toMatch(
      /failed after it had appended .* records to readings.*\. Remove its records.*DELETE FROM "readings".*--reload/,
    );
    expect(moved.result.message).not.toMatch(/BatchUpload|spec\./);
    expect(await stored()).toBe(part);
  });

  it('with other content is refused once', { timeout: 120_000 }, async () => {
    const { part } = await failHalfWay(path);
    const before = await readFile(join(folder, path));
    const other = csv('north,1.5\n');
    await writeFile(join(folder, path), path.endsWith('.gz') ? gzipSync(other) : other);
    try {
      const { code, stderr } = await start(path, MORE, 'strict.yaml').done;
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('is not the file whose load'),
      });
      expect(await stored()).toBe(part);
    } finally {
      await writeFile(join(folder, path), before);
    }
  });
});

describe('killed, with a spool folder that is gone as with its container', () => {
  const path = 'readings.csv.gz';
  // The schema of keys stores the first record of each of the 14 pairs.
  const COUNTS = {
    'readings.yaml': { processed: RECORDS, succeeded: RECORDS, failed: 0, duplicate: 0 },
    'keyed.yaml': { processed: RECORDS, succeeded: 14, failed: 0, duplicate: RECORDS - 14 },
  };
  const loads = async () => query<{ id: string; status: string }>('SELECT id, status FROM batch_upload.batch_uploads');
  beforeAll(async () => {
    const { spec, ...head } = parse(await readFile(join(folder, 'readings.yaml'), 'utf8'));
    await writeFile(
      join(folder, 'keyed.yaml'),
      JSON.stringify({ ...head, spec: { ...spec, primaryKey: ['site', 'value'] } }),
    );
  });

  describe.each(Object.entries(COUNTS))('by %s', (schema, records) => {
    const begin = () => start(path, MORE, schema);
    const goOn = async () => {
      await rm(join(folder, 'spool'), { recursive: true, force: true });
      const { id } = (await loads())[0]!;
      const { code, stdout, stderr } = await start(path, MORE, schema).done;
      expect({ code, said: stderr }).toEqual({ code: 0, said: expect.stringContaining('is made again') });
      expect(JSON.parse(stdout)).toMatchObject({ status: 'Complete', uploadId: id, alreadyLoaded: false, records });
      expect(await stored()).toBe(records.succeeded);
      expect(await loads()).toEqual([{ id, status: 'Complete' }]);
      expect(await readdir(join(folder, 'spool'), { recursive: true })).not.toContainEqual(expect.stringContaining(id));
    };

    it('after some chunks, goes on from a new copy', { timeout: 120_000 }, async () => {
      await killWhileHeld({ url, start: begin, commits: 8 });
      await goOn();
    });

    it('before the first chunk, is planned again', { timeout: 120_000 }, async () => {
      const planned = "SELECT count(*) = 1 AS yes FROM batch_upload.batch_uploads WHERE status = 'Processing'";
      await whileHeld({ url, start: begin, commits: 0 }, async (running) => {
        expect(await waitForLoad(url, planned, running)).toBe(true);
        running.process.kill('SIGKILL');
        await running.done;
      });
      await goOn();
    });

    it('and with other content, is refused once', { timeout: 120_000 }, async () => {
      await killWhileHeld({ url, start: begin, commits: 8 });
      const before = await readFile(join(folder, path));
      await writeFile(join(folder, path), gzipSync(csv('north,1.5\n')));
      try {
        await rm(join(folder, 'spool'), { recursive: true, force: true });
        const { code, stderr } = await start(path, MORE, schema).done;
        expect({ code, stderr }).toMatchObject({
          code: 2,
          stderr: expect.stringContaining('is not the file whose load'),
        });
      } finally {
        await writeFile(join(folder, path), before);
      }
    });
  });

  it('and with a copy of an earlier release, says what to do before another load', { timeout: 120_000 }, async () => {
    await killWhileHeld({ url, start: () => start(path, MORE), commits: 8 });
    await rm(join(folder, 'spool'), { recursive: true, force: true });
    await query('UPDATE batch_upload.batch_uploads SET work_digest = NULL');
    const part = await stored();
    const { code, stderr } = await start(path, MORE).done;
    expect(code).toBe(2);
    expect(stderr).toMatch(/cannot be made again: .*earlier release.*remove the records of the upload [0-9a-f-]{36}/);
    const next = await load(path, MORE);
    expect(next.result.message).toMatch(/failed after it had appended .*DELETE FROM "readings".*--reload/);
    expect(await stored()).toBe(part);
  });
});

it('a load that failed does not go on after another one has loaded the content', { timeout: 120_000 }, async () => {
  await writeStrictSchema();
  const first = await load('readings.csv', ['--chunk-records', '100', '--max-failed-records', '200'], 'strict.yaml');
  expect(first.result.status).toBe('Failed');
  const reloaded = await load('readings.csv', ['--reload'], 'strict.yaml');
  expect(reloaded.result).toMatchObject({ status: 'Complete', records: { processed: RECORDS } });
  expect((await load('readings.csv', [], 'strict.yaml')).result.alreadyLoaded).toBe(true);
  expect(await stored()).toBe(first.result.records.succeeded + reloaded.result.records.succeeded);
});

it('a policy for duplicates is refused, since there are none', async () => {
  const schema = await readFile(join(folder, 'readings.yaml'), 'utf8');
  await writeFile(join(folder, 'update.yaml'), schema.replace('onDuplicate: Skip', 'onDuplicate: Update'));
  const { code, stderr } = await start('readings.csv', [], 'update.yaml').done;
  expect(code).toBe(2);
  expect(stderr).toMatch(/spec\.target\.onDuplicate.*without primaryKey.*name the fields that make a record unique/);
});
