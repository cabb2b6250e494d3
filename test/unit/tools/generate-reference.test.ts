import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULTS } from '#common/job-contract.ts';
import { listFaultReasons } from '../../../tools/reference/fault-reasons.ts';
import {
  markdownTable,
  readConstant,
  readDescribedEntries,
  readEntries,
  readUnion,
} from '../../../tools/reference/text.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const check = (folder: string) =>
  promisify(execFile)(process.execPath, [join(folder, 'tools/generate-reference.ts'), '--check']);

describe('readEntries', () => {
  const source = `export const OTHER = {
  a: 'not this one',
} as const;
/** This sentence is about the whole object. */
export const REASONS = {
  // The first group:
  // on two lines.
  /** A sentence. */
  First: 'First',
  /**
   * Two lines, with a {@link link}
   * and a second | sentence.
   */
  Second: OTHER.Second,
  Third: 'Third',
  // The second group
  /** The last one. */
  Fourth: 'Fourth',
} as const;
`;

  it('reads keys, values, comments and groups', () => {
    const group = 'The first group: on two lines.';
    expect(readEntries(source, 'REASONS')).toEqual([
      { key: 'First', value: "'First'", comment: 'A sentence.', group },
      { key: 'Second', value: 'OTHER.Second', comment: 'Two lines, with a `link` and a second | sentence.', group },
      { key: 'Third', value: "'Third'", comment: '', group },
      { key: 'Fourth', value: "'Fourth'", comment: 'The last one.', group: 'The second group' },
    ]);
  });

  it('readDescribedEntries names the entries without a sentence', () => {
    expect(() => readDescribedEntries(source, 'REASONS')).toThrow('above each of its entries: Third');
    const whole = source.replace('  Third:', '  /** The third. */\n  Third:');
    expect(readDescribedEntries(whole, 'REASONS')).toHaveLength(4);
    expect(() => readDescribedEntries(whole.replace('The third.', 'third'), 'REASONS')).toThrow('Third');
  });

  it('fails for an object that is not there', () => {
    expect(() => readEntries(source, 'MISSING')).toThrow('there is no MISSING');
  });
});

it('readConstant reads the value and the comment right above it', () => {
  const source = "/** Another one. */\nconst A = 1;\n\n/**\n * Two\n * lines.\n */\nexport const CODE = 'DUP_001';\n";
  expect(readConstant(source, 'CODE')).toEqual({ value: 'DUP_001', comment: 'Two lines.' });
  expect(() => readConstant("export const CODE = 'X';\n", 'CODE')).toThrow('with a comment');
});

it('readUnion reads the members with their comments', () => {
  const source = "export type Kind =\n  /** The first. */\n  | 'first'\n  | 'second';\n";
  expect([...readUnion(source, 'Kind')]).toEqual([
    ['first', 'The first.'],
    ['second', ''],
  ]);
});

it('markdownTable escapes what would end a cell', () => {
  expect(markdownTable(['a', 'b'], [['x | y', '']])).toBe('| a | b |\n| --- | --- |\n| x \\| y |  |\n');
});

describe('listFaultReasons', () => {
  const files = [
    {
      path: 'operator/bridge/sftp/fault.ts',
      text: "export const SFTP_REASONS = {\n  accessDenied: 'AccessDenied',\n} as const;\nsftpFault('SFTP_LOGIN', SFTP_REASONS.accessDenied, m);",
    },
    { path: 'a.ts', text: "new Fault({ code: 'A_1', category: 'permanent', reason: 'First', message })" },
    {
      path: 'b.ts',
      text: "f({ code: 'A_1', category, message: 'x' }); f({ code: 'B_1', reason: 'Second' }); g('A_1', 'Third')",
    },
  ];

  it.each([
    ['A_1', ['First', 'Third']],
    ['B_1', ['Second']],
    ['SFTP_LOGIN', ['AccessDenied']],
  ])('finds the reasons of %s beside it', (code, reasons) => {
    expect(listFaultReasons(files, code)).toEqual(reasons);
  });

  it('fails for a code whose reason it cannot find', () => {
    expect(() => listFaultReasons(files, 'C_1')).toThrow('C_1 has no reason');
  });
});

it.each([
  ['operator/config/program-config.ts', 'PROGRAM_ENV'],
  ['operator/config/controller-config.ts', 'CONTROLLER_ENV'],
  ['operator/config/runner-settings.ts', 'RUNNER_ENV'],
  ['operator/config/bridge-config.ts', 'BRIDGE_ENV'],
  ['common/job-contract.ts', 'ENV'],
])('the sentences of %s give the defaults that its readers have', async (path, name) => {
  const text = await readFile(join(root, path), 'utf8');
  const comments = new Map(readEntries(text, name).map(({ key, comment }) => [key, comment]));
  const defaults: Record<string, number> = DEFAULTS;
  const reader = new RegExp(
    `(?:integer|positive)\\(env, (?:names|${name})\\.(\\w+), (?:(\\d+)|DEFAULTS\\.(\\w+))\\)`,
    'g',
  );
  const readers = [...text.matchAll(reader)];
  expect(readers.length).toBeGreaterThan(0);
  for (const [, key, literal, constant] of readers) {
    const value = Number(literal ?? defaults[constant!]);
    const said = value === Number.MAX_SAFE_INTEGER ? 'no limit' : value;
    expect(comments.get(key!)).toMatch(new RegExp(`; ${said}\\b.* when\\s+absent`));
  }
});

describe('generate-reference.ts --check', () => {
  let copy: string;
  beforeAll(async () => {
    copy = await mkdtemp(join(tmpdir(), 'reference-'));
    const rooms = [
      'api',
      'common',
      'docs/reference',
      'job-runner',
      'kube',
      'ledger',
      'operator',
      'page/texts',
      'page/views',
      's3',
      'tools',
    ];
    for (const path of [...rooms, 'package.json']) await cp(join(root, path), join(copy, path), { recursive: true });
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  });
  afterAll(() => rm(copy, { recursive: true }));

  it('passes: every page is what the code says', async () => {
    await expect(check(root)).resolves.toMatchObject({ stderr: '' });
  });

  it.each([
    ['api/conditions.ts', "  NamespaceNotEnabled: '", 'conditions.md'],
    ['api/upload-source-conditions.ts', "  QueueTaken: '", 'conditions.md'],
    ['job-runner/processor/faults.ts', "  required: 'VAL_001", 'error-codes.md'],
    ['operator/config/controller-config.ts', "  faultFile: 'BATCH", 'environment.md'],
    ['common/job-contract.ts', "  retrySeconds: 'BATCH", 'environment.md'],
  ])('fails after a change of a comment in %s', async (path, entry, page) => {
    const file = join(copy, path);
    const text = await readFile(file, 'utf8');
    expect(text.split(entry)).toHaveLength(2);
    await writeFile(file, text.replace(entry, `  /** Another sentence. */\n${entry}`));
    await expect(check(copy)).rejects.toMatchObject({
      code: 1,
      stderr: `docs/reference/${page} is not what the code says: run \`make generate\`\n`,
    });
    await writeFile(file, text);
  });
});
