/** The memory that `batch-upload load` takes at its peak. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LoadResult } from '#cli/load/load-result.ts';
import { startCommand } from '#support/cli/load-processes.ts';
import { watchPeak } from '#support/cli/watch-peak.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { type ExpectedCounts, generateCertifications } from '#support/records/certifications.ts';
import { CERTIFICATIONS_SQL } from '#support/runner/runner.ts';

const SCHEMA = join(import.meta.dirname, '../../crds/examples/recordschema-certifications.yaml');
/** The file has 42 MB; with 1,000,000 records the peaks are no higher. */
const RECORDS = 200_000;
const LIMIT_MS = 240_000;

let folder: string;
let path: string;
let postgres: Postgres;
let counts: ExpectedCounts;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-memory-'));
  path = join(folder, 'certifications.csv');
  postgres = await startPostgres({ settings: { fsync: 'off' } });
  const made = generateCertifications({ records: RECORDS, duplicates: 0 });
  await writeFile(path, made.pieces);
  ({ counts } = made);
});
afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

it.each([
  { sessions: 1, mostMb: 200 },
  { sessions: 2, mostMb: 250 },
])('with the sessions of -p $sessions at most $mostMb MB', { timeout: LIMIT_MS }, async ({ sessions, mostMb }) => {
  const url = await createDatabase(postgres);
  await withClient(url, (client) => client.query(CERTIFICATIONS_SQL));
  const args = ['load', path, '-s', SCHEMA, '-d', url, '--spool', 'spool', '-p', `${sessions}`, '-o', 'json'];
  const running = startCommand(args, { cwd: folder, limitMs: LIMIT_MS });
  const [{ stdout }, peakBytes] = await Promise.all([running.done, watchPeak(running.process.pid!)]);
  const { succeeded, failed } = counts;
  expect((JSON.parse(stdout) as LoadResult).records).toMatchObject({ processed: RECORDS, succeeded, failed });
  expect(peakBytes).toBeGreaterThan(0);
  expect(peakBytes / 1e6).toBeLessThan(mostMb);
});
