/**
 * `node test/bench/without.ts` loads files by the job runner as it is, and by job runners that each lack one part that
 * is there for its speed alone. It prints the table of docs/measurements.md. No time is asserted; a wrong count fails.
 *
 * RECORDS=1000,1000000  RUNS=3  TARGETS=flat,certification
 */
import { execFile } from 'node:child_process';
import { cp, glob, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createRunner } from './contestants/runner.ts';
import { certificationFile } from './files.ts';
import { runInterleaved, summarise } from './harness.ts';
import { type Stage, startStage } from './stage.ts';
import { TARGETS } from './tables.ts';

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What a job runner is made of. */
const SOURCES = ['api', 'common', 'job-runner', 'ledger', 's3', 'package.json'];

/** Each part, the file that has its face, and what this file becomes in a job runner without the part. */
const PARTS = [
  { name: 'the kernel', file: 'job-runner/kernel/row-kernel.ts', text: 'export const createRowKernel = () => null;' },
  {
    name: 'the reader of sockets',
    file: 's3/http-range.ts',
    text: 'export const createRangeHandler = (handler) => handler; export class RangeBody {}',
  },
];

const numbers = (name: string, fallback: string) => (process.env[name] ?? fallback).split(',').map(Number);
const [runs = 3] = numbers('RUNS', '3');
const targets = (process.env['TARGETS'] ?? 'flat,certification').split(',') as (keyof typeof TARGETS)[];

await using stack = new AsyncDisposableStack();
const stage = stack.use(await startStage());
const folder = await mkdtemp(join(tmpdir(), 'batch-upload-without-'));
stack.defer(() => rm(folder, { recursive: true }));

const whole = await copySources('whole', {});
const runners = [
  { name: 'as it is', program: await bundle(whole) },
  { name: 'without the code cache', program: await withoutCache(await bundle(await copySources('uncached', {}))) },
  { name: 'without the bundle', program: join(whole, 'job-runner/main.ts') },
];
for (const [i, { name, file, text }] of PARTS.entries())
  runners.push({ name: `without ${name}`, program: await bundle(await copySources(`part-${i}`, { [file]: text })) });

console.log('| table | records | job runner | time | CPU | CPU of the server | peak memory |');
console.log('|---|--:|---|--:|--:|--:|--:|');
for (const name of targets) {
  for (const records of numbers('RECORDS', '1000,1000000')) {
    const file = await certificationFile({ records });
    const contestants = runners.map((runner) =>
      createRunner({
        ...{ name: runner.name, target: TARGETS[name], files: [file], parallelism: 2 },
        stage: stageOf(runner.program),
      }),
    );
    const samples = await runInterleaved(contestants, { runs, onSample: () => undefined });
    for (const row of summarise(samples, null)) {
      const seconds = [row.seconds.median, row.cpuSeconds, row.serverCpuSeconds!].map((each) => `${each.toFixed(2)} s`);
      const memory = `${Math.round(row.peakBytes! / 1e6)} MB`;
      console.log(`| ${[name, records.toLocaleString('en'), row.name, ...seconds, memory].join(' | ')} |`);
    }
  }
}

/** @param changed the text of each file that differs from the sources. @returns the folder of the copy */
async function copySources(name: string, changed: Record<string, string>): Promise<string> {
  const copy = join(folder, name);
  await mkdir(copy);
  for (const source of SOURCES) await cp(join(ROOT, source), join(copy, source), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  for (const [file, text] of Object.entries(changed)) await writeFile(join(copy, file), text);
  return copy;
}

/** @returns the program of the bundle */
async function bundle(sources: string): Promise<string> {
  await exec(process.execPath, ['job-runner/bundle/build.ts', join(sources, 'bundle')], { cwd: sources });
  return join(sources, 'bundle/main.cjs');
}

/** Has the same files compiled when they are loaded. */
async function withoutCache(program: string): Promise<string> {
  for await (const cache of glob(join(dirname(program), '*.cache'))) await writeFile(cache, '');
  return program;
}

/** The stage with another program for the processes. */
function stageOf(program: string): Stage {
  return { ...stage, bench: { ...stage.bench, run: (...args) => stage.bench.runProgram(program, ...args) } };
}
