/** Runs the commands of the docs that need no cluster. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify, stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { latestVersion, migrationScript } from '#ledger/migrate.ts';
import { listCommands, readProjectFile, root } from './markdown.ts';

const exec = promisify(execFile);
const options = { cwd: fileURLToPath(root), env: process.env, maxBuffer: 64 * 1024 * 1024 };
const runNode = (...args: string[]) => exec(process.execPath, args, options);
const tutorial = listCommands(readProjectFile('docs/tutorial.md')).map(({ command }) => command);
const findInTutorial = (program: string) => tutorial.find((command) => command.startsWith(program))!;

it('the generator of the tutorial writes a file and says its counts', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tutorial-'));
  try {
    const command = findInTutorial('node ');
    const small = command.replace('--records 100000', '--records 1000').replace('/tmp/', `${folder}/`);
    expect(small).toContain(`--records 1000 > ${folder}/`);
    const { stderr } = await exec('sh', ['-c', small.replace(/^node/, process.execPath)], options);
    const { records, succeeded, failed, duplicate } = JSON.parse(stderr);
    expect([records, succeeded + failed + duplicate]).toEqual([1000, 1000]);
    expect(failed / records).toBeCloseTo(0.01, 2);
    const [name] = /[\w-]+\.csv$/.exec(command)!;
    expect((await readFile(join(folder, name), 'utf8')).split('\n')[0]).toContain(',');
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('the tutorial’s second upload differs from the example by its name alone', async () => {
  const [sed = ''] = findInTutorial('sed ').split('|');
  const { stdout } = await exec('sh', ['-c', sed], options);
  const example = parse(readProjectFile('crds/examples/batchupload-certifications.yaml'));
  expect(parse(stdout)).toEqual({ ...example, metadata: { name: 'certifications-again' } });
});

it('operator print-migrations prints the SQL for an administrator, or what is new since a version', async () => {
  const latest = await latestVersion();
  expect((await runNode('operator/main.ts', 'print-migrations')).stdout).toBe(await migrationScript());
  expect((await runNode('operator/main.ts', 'print-migrations', '1')).stdout).toBe(await migrationScript(1));
  expect(await migrationScript(1)).toMatch(new RegExp(`^-- ${latest} `, 'm'));
});

it('make help lists every command', async () => {
  const { stdout } = await exec('make', ['help'], options);
  const targets = [...readProjectFile('Makefile').matchAll(/^\.PHONY: ([a-z-]+)$/gm)].map(([, target]) => target!);
  expect(targets.length).toBeGreaterThan(8);
  for (const target of targets) expect(stripVTControlCharacters(stdout)).toMatch(new RegExp(`^ *${target} `, 'm'));
});
