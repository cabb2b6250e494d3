/** docs/files.md by `batch-upload load`: the cases of file-kinds.test.ts give the same rows and errors without a cluster. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeclaredFormat } from '#api/source-format.ts';
import type { LoadResult } from '#cli/load/load-result.ts';
import { readContentKey } from '#ledger/uploads/claim-content.ts';
import { createContentDigest } from '#runner/storage/content-digest.ts';
import { callProgram } from '#support/cli/call-program.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { EXPECTED, FILE_FAULTS, KINDS, RECORD_FAULTS, SCHEMA } from '#support/records/file-kinds.ts';
import { progressOf } from '#support/runner/expect-exact.ts';

let folder: string;
let postgres: Postgres;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-kinds-'));
  postgres = await startPostgres({ settings: { fsync: 'off' } });
  // YAML takes JSON.
  await writeFile(join(folder, 'schema.yaml'), JSON.stringify(SCHEMA));
});
afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

function formatArgs({ dialect = {}, columns = [], ...declared }: DeclaredFormat): string[] {
  const args = Object.entries(declared).flatMap(([name, value]) => [`--format.${name}`, value]);
  for (const { name, field = '' } of columns) args.push('--format.columns', `${name}=${field}`);
  for (const [name, value] of Object.entries(dialect)) {
    if (value === true) args.push(`--format.dialect.${name}`);
    else if (value === false) args.push(`--format.dialect.no-${name}`);
    else args.push(`--format.dialect.${name}`, value);
  }
  return args;
}

async function load(body: Buffer | string, { key = 'file', format }: { key?: string; format?: DeclaredFormat }) {
  const url = await createLedgerDatabase(postgres);
  await withClient(url, (client) =>
    client.query('CREATE TABLE people (id text PRIMARY KEY, name text, zip text, note text, row bigint)'),
  );
  const path = join(await mkdtemp(join(folder, 'case-')), key);
  await writeFile(path, body);
  const spool = join(folder, 'spool');
  const args = ['load', path, '-s', join(folder, 'schema.yaml'), '-d', url, '-o', 'json', '--spool', spool];
  const end = await callProgram(...args, ...formatArgs(format ?? {}));
  const left = await readdir(spool, { recursive: true, withFileTypes: true });
  expect(left.filter((entry) => entry.isFile())).toEqual([]);
  const query = (sql: string) =>
    withClient(url, async (client) => (await client.query({ text: sql, rowMode: 'array' })).rows);
  return { url, query, ...end };
}

const ROWS = 'SELECT id, name, zip, note, row::int FROM people ORDER BY row';

describe('the same records in every kind of file give the same rows', () => {
  it.each(KINDS)('$name', async ({ key, body, format, found, copied, expected = EXPECTED }) => {
    const { url, code, query, stdout, stderr } = await load(body, {
      ...(key ? { key } : {}),
      ...(format ? { format } : {}),
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout) as LoadResult;
    const count = expected.length;
    expect(result.records).toMatchObject({ total: count, processed: count, succeeded: count, failed: 0, duplicate: 0 });
    expect(await query(ROWS)).toEqual(expected);
    const progress = await progressOf(url, result.uploadId);
    expect(progress.format).toMatchObject(found);
    expect(progress.workBucket).toBe(copied ? 'file' : null);
    const digest = createContentDigest(await withClient(url, readContentKey));
    digest.update(Buffer.from(body));
    expect(progress.digest).toBe(digest.digest());
  });
});

describe('a fault of one record is its own', () => {
  it.each(RECORD_FAULTS)('%s', async (_name, body, errors, loaded, format) => {
    const { code, query, stdout, stderr } = await load(body, format ? { format } : {});
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect((await query(ROWS)).map(([id]) => id)).toEqual(loaded);
    const stored = 'SELECT row_number::int, error_code FROM batch_upload.batch_upload_errors ORDER BY 1';
    expect(await query(stored)).toEqual(errors);
    const { records, firstErrors } = JSON.parse(stdout) as LoadResult;
    expect(records).toMatchObject({ succeeded: loaded.length, failed: errors.length });
    const first = firstErrors.map(({ rowNumber, code: faultCode }): [number, string] => [rowNumber, faultCode]);
    expect(first.sort(([a], [b]) => a - b)).toEqual(errors);
  });
});

describe('what a person must mend', () => {
  it.each(FILE_FAULTS)('%s', async (_name, body, reason, message, format) => {
    const { code, query, stdout, stderr } = await load(body, format ? { format } : {});
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const stored = await query('SELECT status, failure_reason, failure_message FROM batch_upload.batch_uploads');
    expect(stored).toEqual([['Failed', reason, expect.stringMatching(message)]]);
    expect(stderr).not.toMatch(/BatchUpload|Secret|spec\.format| {4}at /);
    expect(await query(ROWS)).toEqual([]);
  });
});
