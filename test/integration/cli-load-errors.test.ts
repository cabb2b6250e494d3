/** `batch-upload load --errors`: the failed records in the file's own columns, equal to those of `validate --errors`. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadResult } from '#cli/load/load-result.ts';
import { killWhileHeld } from '#support/cli/load-ledger.ts';
import { startCommand } from '#support/cli/load-processes.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';

const RECORDS = 30_000;
const SCHEMA = {
  fields: [{ name: 'id', type: 'integer' }, { name: 'note' }, { name: 'born', type: 'date' }],
  primaryKey: ['id'],
  target: {
    table: 'people',
    create: true,
    onDuplicate: 'Skip',
    columns: ['id', 'note', 'born'].map((name) => ({ name, field: name })),
  },
};
/** Each 20th record has no date, each 1000th has a text over two lines and a wrong id. */
const line = (id: number) => {
  if (id % 1000 === 0) return `x${id};"two\nlines; ""quoted""";1999-01-01`;
  return `${id};=note ${'.'.repeat(20)};${id % 20 === 0 ? 'never' : '1999-01-01'}`;
};
const FILE = `id;note;born\n${Array.from({ length: RECORDS }, (_, index) => line(index + 1)).join('\n')}\n\n1;again;1999-01-01\n`;

let folder: string;
let postgres: Postgres;
let expected: string;

const run = (...args: string[]) => startCommand(args, { cwd: folder }).done;
const start = (url: string, file: string, ...more: string[]) =>
  startCommand(['load', file, '-s', 'people.yaml', '-d', url, '-n', '0', '--spool', 'spool', ...more], { cwd: folder });
const written = (name: string) => readFile(join(folder, name), 'utf8');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-errors-'));
  postgres = await startPostgres({ settings: { fsync: 'off' } });
  await writeFile(join(folder, 'people.yaml'), JSON.stringify(SCHEMA));
  await writeFile(
    join(folder, 'strict.yaml'),
    JSON.stringify({ ...SCHEMA, target: { ...SCHEMA.target, onDuplicate: 'Fail' } }),
  );
  await writeFile(join(folder, 'people.csv'), FILE);
  await writeFile(join(folder, 'people.csv.gz'), gzipSync(FILE));
  await run('validate', 'people.csv', '-s', 'people.yaml', '-e', 'expected.csv');
  expected = await written('expected.csv');
});
afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

it('the file of validate is a good oracle', () => {
  expect(expected.split('\n').slice(0, 2)).toEqual([
    'id;note;born;_row;_code;_message',
    "20;'=note ....................;never;21;VAL_002;born must be a date that exists, as YYYY-MM-DD",
  ]);
  expect(expected).toContain('x1000;"two\nlines; ""quoted""";1999-01-01;');
  expect(expected.match(/;VAL_00\d;/g)).toHaveLength(RECORDS / 20);
});

describe('the failed records of a load are those of validate', { timeout: 180_000 }, () => {
  it.each([
    ['a file', 'people.csv', []],
    ['several sessions', 'people.csv', ['-p', '4', '--chunk-records', '100']],
    ['a compressed file', 'people.csv.gz', ['-p', '3']],
    ['mode validate', 'people.csv', ['--mode', 'validate']],
  ])('%s', async (_name, file, more) => {
    const url = await createDatabase(postgres);
    const { code, stderr } = await start(url, file, '-e', 'failed.csv', ...more).done;
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'The failed records are in failed.csv.\n' });
    expect(await written('failed.csv')).toBe(expected);
  });

  it('also after kills, and for content that was loaded before', async () => {
    const url = await createDatabase(postgres);
    const more = ['-p', '2', '--chunk-records', '100', '-e', 'killed.csv'];
    for (const commits of [1, 40, 120])
      await killWhileHeld({ url, start: () => start(url, 'people.csv', ...more), commits });
    expect((await start(url, 'people.csv', ...more).done).stderr).toContain('The failed records are in killed.csv.');
    expect(await written('killed.csv')).toBe(expected);
    for (const file of ['people.csv', 'people.csv.gz']) {
      const again = await start(url, file, '-e', 'again.csv', '-o', 'json').done;
      // The compressed file is other content.
      expect((JSON.parse(again.stdout) as LoadResult).alreadyLoaded).toBe(file === 'people.csv');
      expect(await written('again.csv')).toBe(expected);
    }
  });

  it('with the records that the table and the schema refuse', async () => {
    const url = await createDatabase(postgres);
    await writeFile(join(folder, 'few.csv'), 'id,note,born\n1,a,1999-01-01\n2,no,1999-01-01\n1,b,1999-01-01\n');
    await withClient(url, (client) =>
      client.query(`CREATE TABLE people (id bigint PRIMARY KEY, note text CHECK (note <> 'no'), born date)`),
    );
    const args = ['load', 'few.csv', '-s', 'strict.yaml', '-d', url, '-e', 'refused.csv'];
    expect((await run(...args)).code).toBe(1);
    expect((await written('refused.csv')).split('\n').map((row) => row.slice(0, 30))).toEqual([
      'id,note,born,_row,_code,_messa',
      expect.stringMatching(/^2,no,1999-01-01,3,DB_001,/),
      expect.stringMatching(/^1,b,1999-01-01,4,DUP_001,/),
      '',
    ]);
  });
});

describe('a file that is not written', () => {
  it.each([
    ['over the file', ['-e', './people.csv'], /--errors names a file that the command reads/],
    ['over the schema', ['-e', 'people.yaml'], /--errors names a file that the command reads/],
    ['in no folder', ['-e', 'no/failed.csv'], /could not be written to no\/failed\.csv \(ENOENT\).*--errors/],
    ['as a folder', ['-e', 'spool'], /could not be written to spool \(EISDIR\)/],
  ])('%s', async (_name, more, message) => {
    const url = await createDatabase(postgres);
    const { code, stdout, stderr } = await start(url, 'people.csv', ...more).done;
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(await written('people.csv')).toBe(FILE);
    const { rows } = await withClient(url, (client) =>
      client.query(`SELECT to_regclass('batch_upload.batch_uploads')::text AS t`),
    );
    expect(rows).toEqual([{ t: null }]);
  });

  it('since its disk is full: the load has ended, and can be asked for them again', async () => {
    const url = await createDatabase(postgres);
    const full = await start(url, 'people.csv', '-e', '/dev/full').done;
    expect({ code: full.code, stdout: full.stdout }).toEqual({ code: 2, stdout: '' });
    expect(full.stderr).toMatch(/\/dev\/full \(ENOSPC\)\. The disk is full.*The load itself has ended/);
    expect((await start(url, 'people.csv', '-e', 'later.csv').done).code).toBe(0);
    expect(await written('later.csv')).toBe(expected);
  });
});
