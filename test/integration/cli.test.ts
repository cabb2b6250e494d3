/** The command line as processes, from its bundle, which starts sooner than the sources. */
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

let folder: string;
let main: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-cli-'));
  await mkdir(join(folder, 'tmp'));
  main = join(folder, 'dist/main.cjs');
  await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../cli/bundle.ts'), join(folder, 'dist')]);
  await writeFile(join(folder, 'people.csv'), 'id,name,born\n1,Ann,1990-05-01\n2,Bob,1985-12-24\n');
  await writeFile(join(folder, 'bad.csv'), 'id,name,born\n1,Ann,1990-13-01\n2,=1+1,never\n3,Cy,2000-01-01\n');
  await writeFile(
    join(folder, 'people.yaml'),
    `fields: [{ name: id, type: integer }, { name: name }, { name: born, type: date }]
primaryKey: [id]
target: { table: people, columns: [{ name: id, field: id }, { name: name, field: name }, { name: born, field: born }] }
`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function cli(
  args: string[],
  { input = '', env = {} }: { input?: string | Buffer; env?: NodeJS.ProcessEnv } = {},
): Promise<Result> {
  const { FORCE_COLOR: _force, NO_COLOR: _no, ...rest } = process.env;
  const child = spawn(process.execPath, [main, ...args], {
    cwd: folder,
    env: { ...rest, TMPDIR: join(folder, 'tmp'), ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece) => (stdout += piece));
  child.stderr.on('data', (piece) => (stderr += piece));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

describe('validate', () => {
  it('ends with 0 where all records are valid', async () => {
    const { code, stdout, stderr } = await cli(['validate', 'people.csv', '-s', 'people.yaml']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('all 2 records are valid');
  });

  it('ends with 1 where some fail, and writes them', async () => {
    const { code, stdout, stderr } = await cli(['validate', 'bad.csv', '-s', 'people.yaml', '--errors', 'failed.csv']);
    expect(code).toBe(1);
    expect(stdout).toContain('2 of 3 records fail');
    expect(stderr).toContain('failed.csv');
    expect(await readFile(join(folder, 'failed.csv'), 'utf8')).toBe(
      'id,name,born,_row,_code,_message\n' +
        '1,Ann,1990-13-01,2,VAL_002,"born must be a date that exists, as YYYY-MM-DD"\n' +
        `2,'=1+1,never,3,VAL_002,"born must be a date that exists, as YYYY-MM-DD"\n`,
    );
  });

  it('prints one JSON document, or rows of CSV', async () => {
    const json = await cli(['validate', 'bad.csv', '-s', 'people.yaml', '-o', 'json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, records: 3, failed: 2, format: { type: 'csv' } });
    const csv = await cli(['validate', 'bad.csv', '-s', 'people.yaml', '-o', 'csv']);
    expect(csv.stdout.split('\n').map((line) => line.slice(0, 14))).toEqual([
      'row,code,field',
      '2,VAL_002,born',
      '3,VAL_002,born',
      '',
    ]);
  });

  it('reads the standard input, and leaves nothing behind', async () => {
    const input = gzipSync(await readFile(join(folder, 'people.csv')));
    const { code, stdout } = await cli(['validate', '-', '-s', 'people.yaml'], { input });
    expect(code).toBe(0);
    expect(stdout).toContain('standard input: all 2 records are valid');
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
    expect((await cli(['validate', '-', '-s', 'people.yaml'], { input: 'no header\n' })).code).toBe(2);
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
  });

  it('reads a pipe by its name', async () => {
    const script = `"${process.execPath}" "${main}" validate <(cat people.csv) -s people.yaml`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: folder });
    expect(stdout).toContain('all 2 records are valid');
  });

  it('colours by convention', async () => {
    const colour = '\x1b[';
    const args = ['validate', 'bad.csv', '-s', 'people.yaml'];
    expect((await cli(args)).stdout).not.toContain(colour);
    expect((await cli(args, { env: { FORCE_COLOR: '1' } })).stdout).toContain(colour);
    expect((await cli(args, { env: { NO_COLOR: '1' } })).stdout).not.toContain(colour);
  });
});

describe('infer and describe', () => {
  it('make a schema that validates the file, and a template that is valid', async () => {
    const inferred = await cli(['infer', 'people.csv', '--table', 'hr.people', '--write', 'inferred.yaml']);
    expect(inferred).toMatchObject({ code: 0, stdout: '' });
    expect((await cli(['validate', 'people.csv', '-s', 'inferred.yaml'])).code).toBe(0);
    const template = await cli(['describe', 'inferred.yaml', '-o', 'template']);
    expect((await cli(['validate', '-', '-s', 'inferred.yaml'], { input: template.stdout })).code).toBe(0);
    expect((await cli(['describe', 'inferred.yaml'])).stdout).toContain('# people');
  });

  it('read the standard input', async () => {
    const { code, stdout } = await cli(['infer', '-', '--table', 't'], { input: '{"id":1,"a":"x"}\n{"id":2}\n' });
    expect(code).toBe(0);
    expect(stdout).toContain('primaryKey: [id]');
  });

  it('refuse what kubectl would refuse', async () => {
    const { code, stderr } = await cli(['infer', 'people.csv', '--table', 'two words']);
    expect(code).toBe(2);
    expect(stderr).toContain('spec.target.table');
  });
});

describe('bad input ends with 2 and says what to do', () => {
  test.each<[string, string[], RegExp]>([
    ['no such file', ['validate', 'nothing.csv', '-s', 'people.yaml'], /nothing\.csv .*no such file.*Check the path/i],
    ['a folder', ['validate', 'tmp', '-s', 'people.yaml'], /tmp .*is a folder.*Name one file/],
    ['no such schema', ['validate', 'people.csv', '-s', 'nothing.yaml'], /nothing\.yaml .*no such file/],
    ['no schema', ['validate', 'people.csv'], /batch-upload infer people\.csv --write/],
    ['a schema that is a CSV', ['validate', 'people.csv', '-s', 'people.csv'], /batch-upload infer/],
    ['an unknown command', ['validat', 'people.csv'], /Did you mean validate\?/],
    ['an unknown option', ['validate', 'people.csv', '--shema', 'x'], /Did you mean --schema\?/],
    ['a wrong choice', ['validate', 'people.csv', '-s', 'people.yaml', '-o', 'xml'], /text, json, csv/],
    ['a header that does not fit', ['validate', 'people.yaml', '-s', 'people.yaml'], /Expected: id, name, born/],
    [
      'a declaration that is wrong',
      ['validate', 'people.csv', '-s', 'people.yaml', '--format.compression', 'gzip'],
      /--format/,
    ],
    ['an empty file to infer from', ['infer', '/dev/null'], /device/],
    ['an errors file in no folder', ['validate', 'bad.csv', '-s', 'people.yaml', '-e', 'no/f.csv'], /ENOENT.*--errors/],
    [
      'the file itself as errors file',
      ['validate', 'bad.csv', '-s', 'people.yaml', '-e', 'bad.csv'],
      /Name another file/,
    ],
  ])('%s', async (_name, args, message) => {
    const { code, stdout, stderr } = await cli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/ {4}at /);
  });

  test('a schema with three mistakes', async () => {
    await writeFile(
      join(folder, 'wrong.yaml'),
      `fields: [{ name: id, type: int }, { name: a, colour: red }]\nprimaryKey: [id]\ntarget: { table: t, columns: [] }\n`,
    );
    const { code, stderr } = await cli(['validate', 'people.csv', '-s', 'wrong.yaml']);
    expect(code).toBe(2);
    for (const place of ['spec.fields[0].type', 'spec.fields[1].colour', 'spec.target.columns'])
      expect(stderr).toContain(place);
  });

  test.skipIf(process.getuid?.() === 0)('a file that may not be read', async () => {
    await writeFile(join(folder, 'secret.csv'), 'id\n1\n');
    await chmod(join(folder, 'secret.csv'), 0);
    expect((await cli(['validate', 'secret.csv', '-s', 'people.yaml'])).stderr).toMatch(/may not read/);
  });
});

test('a reader that ends early is no mistake', async () => {
  const child = spawn(
    'bash',
    ['-c', `"${process.execPath}" "${main}" completion bash | head -1; echo "\${PIPESTATUS[0]}"`],
    { cwd: folder },
  );
  let output = '';
  child.stdout.on('data', (piece) => (output += piece));
  await new Promise((resolve) => child.on('close', resolve));
  expect(output.trim().split('\n').at(-1)).toBe('0');
});
