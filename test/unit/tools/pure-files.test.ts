import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readImportAliases } from '../../../tools/import-rules.ts';
import { findImpure } from '../../../tools/pure-files.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const aliases = readImportAliases(JSON.parse(read('package.json')).imports);

/** The rooms and files that ARCHITECTURE.md and the comment at the top of the file call pure. */
const PURE = [
  'operator/controller/decide.ts',
  'operator/controller/*-policy.ts',
  'operator/controller/{job-view,status,status-events,status-message}.ts',
  'operator/jobs/*.ts',
  'job-runner/csv/*.ts',
  'job-runner/processor/*.ts',
  'job-runner/records/*.ts',
  'job-runner/report/*.ts',
].map((pattern) => ({ pattern, paths: globSync(pattern, { cwd: fileURLToPath(root) }) }));

describe('files that must be pure', () => {
  it.each(PURE)('$pattern take values and return values', ({ paths }) => {
    expect(paths).not.toHaveLength(0);
    expect(findImpure(paths, { aliases, read })).toEqual([]);
  });
});

describe('what is found', () => {
  const path = 'operator/controller/decide.ts';
  const judge = (text: string) => findImpure([path], { aliases, read: (each) => (each === path ? text : read(each)) });

  it.each([
    ['a module of Node', "import { readFile } from 'node:fs/promises';", 'imports node:fs/promises'],
    ['a timer', "import { setTimeout } from 'node:timers/promises';", 'imports node:timers/promises'],
    ['the network', "import { request } from 'node:http';", 'imports node:http'],
    ['the database', "import pg from 'pg';", 'imports pg'],
    ['an import for its effects', "import 'undici';", 'imports undici'],
    ['an import when it is needed', "const { execFile } = await import('node:child_process');", 'node:child_process'],
    ['an export', "export { Client } from 'pg';", 'imports pg'],
    ['an import of several lines', "import {\n  type A,\n  b,\n} from 'undici';", 'imports undici'],
    ['the ledger’s client', "import { Database } from '#ledger/client/database.ts';", 'database.ts imports pg'],
    ['the Kubernetes client', "import { createKubeClient } from '#kube/client.ts';", 'transport.ts imports undici'],
    ['the clock', 'const now = Date.now();', 'uses Date.now'],
    ['the date of today', 'const today = new Date();', 'uses new Date()'],
    ['a monotonic clock', 'const at = performance.now();', 'uses performance.now'],
    ['a random number', 'const jitter = Math.random();', 'uses Math.random'],
    ['a random id', 'const id = crypto.randomUUID();', 'uses crypto.randomUUID'],
    ['the environment', "const host = process.env['HOSTNAME'];", 'uses process.env'],
    ['a delay', 'setTimeout(() => {}, 10);', 'uses setTimeout'],
    ['a request', "const answer = await fetch('http://host/');", 'uses fetch('],
    ['a line on the console', "console.log('decided');", 'uses console.log'],
  ])('%s', (_what, text, why) => {
    expect(judge(text).join('\n')).toContain(why);
  });

  it.each([
    ['an import of types', "import type { ClientBase } from 'pg';\nexport type { Pool } from 'pg';"],
    ['an import of several types', "import type {\n  ClientBase,\n  Pool,\n} from 'pg';"],
    ['a word of a comment', '/** Never calls Date.now(). */\n// Nor Math.random().'],
    ['a date of a given time', 'export const iso = (at: number) => new Date(at).toISOString();'],
    ['a pure file of ours', "import { isoSeconds } from '#common/iso-seconds.ts';"],
    ['a pattern', "import { RE2JS } from 're2js';"],
  ])('%s is no I/O', (_what, text) => {
    expect(judge(text)).toEqual([]);
  });

  it('names the files on the way', () => {
    expect(judge("import { toPodView } from './caches.ts';").join('\n')).toMatch(
      /^operator\/controller\/decide\.ts → operator\/controller\/caches\.ts( → [\w/.-]+)+ (imports|uses) /,
    );
  });
});
