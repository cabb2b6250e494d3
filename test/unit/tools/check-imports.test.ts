import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { findForbiddenImports, readImportAliases, readImportTable } from '../../../tools/import-rules.ts';

const run = promisify(execFile);
const root = new URL('../../../', import.meta.url);
const page = await readFile(new URL('ARCHITECTURE.md', root), 'utf8');
const { imports } = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));
const table = readImportTable(page);
const aliases = readImportAliases(imports);

/** A file in the room; `operator/*.ts` stands for the files that lie directly in the folder. */
const fileIn = (room: string) => room.replace('*.ts', 'planted.ts').replace(/(?<!\.ts)$/, '/planted.ts');

/** The import of a file as a file of another room writes it. */
function specifierOf(path: string): string {
  const [alias, folder] = [...aliases].find(([, each]) => path.startsWith(each))!;
  return alias + path.slice(folder.length);
}

const siblings = (room: string) => {
  const parent = dirname(room);
  return [...table.keys()].filter((other) => dirname(other) === parent && other !== room);
};
const pairs = [...table].flatMap(([from, allowed]) =>
  siblings(from).map((to) => ({ from, to, isAllowed: allowed.includes(to) })),
);
const judge = (from: string, text: string) => findForbiddenImports([{ path: fileIn(from), text }], { table, aliases });

describe('the table of allowed edges', () => {
  it('has no circle: no room is allowed to import a room that may import it', () => {
    const reach = (from: string, seen = new Set<string>()): Set<string> => {
      for (const to of table.get(from) ?? []) {
        if (seen.has(to)) continue;
        seen.add(to);
        reach(to, seen);
      }
      return seen;
    };
    for (const room of table.keys()) expect(reach(room), room).not.toContain(room);
  });

  it.each(pairs.filter(({ isAllowed }) => !isAllowed))('$from may not import $to', ({ from, to }) => {
    const text = `import { planted } from '${specifierOf(fileIn(to).replace('planted', 'other'))}';\n`;
    expect(judge(from, text)).toEqual([expect.stringContaining(`${from} may not import`)]);
  });

  it.each(pairs.filter(({ isAllowed }) => isAllowed))('$from may import $to', ({ from, to }) => {
    expect(judge(from, `import { planted } from '${specifierOf(fileIn(to).replace('planted', 'other'))}';\n`)).toEqual(
      [],
    );
  });

  it.each([
    ['a type', "import type { A } from '#kube/types.ts';"],
    ['an export', "export { A } from '#kube/types.ts';"],
    ['an import of several lines', "import {\n  A,\n  type B,\n} from '#kube/types.ts';"],
    ['an import for its effects', "import '#kube/types.ts';"],
    ['an import when it is needed', "const { A } = await import('#kube/types.ts');"],
  ])('%s counts, too', (_what, text) => {
    expect(judge('ledger', text)).toHaveLength(1);
  });

  it.each([
    ['a file of the job runner beside its public face', 'operator', '#runner/load/merge.ts', 'may not import'],
    ['a path that leaves its room', 'operator/jobs', '../config/runner-settings.ts', 'leaves the folder'],
    ['a name that nothing stands for', 'operator/jobs', '#nowhere/file.ts', 'package.json does not list'],
    ['a test', 'operator/jobs', '../../test/support/x.ts', 'leaves the folder'],
  ])('%s is refused', (_what, from, specifier, why) => {
    expect(judge(from, `import { a } from '${specifier}';`)).toEqual([expect.stringContaining(why)]);
  });

  it('has a row for every folder that has rooms beside it', () => {
    const text = "import { a } from '#operator/jobs/plan-job.ts';";
    expect(judge('operator/unknown', text)).toEqual([expect.stringContaining('has no row')]);
  });
});

describe('the command of make verify', () => {
  const check = (folder: string) => run(process.execPath, [join(root.pathname, 'tools/check-imports.ts'), folder]);

  it('finds nothing in the project', async () => {
    await expect(check(root.pathname)).resolves.toMatchObject({ stderr: '' });
  });

  it('fails where one import is forbidden, and says which', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'imports-'));
    try {
      await writeFile(join(folder, 'ARCHITECTURE.md'), page);
      await writeFile(join(folder, 'package.json'), JSON.stringify({ imports }));
      for (const room of table.keys()) if (!room.includes('/')) await mkdir(join(folder, room));
      await expect(check(folder)).resolves.toMatchObject({ stderr: '' });
      await writeFile(join(folder, 'common/planted.ts'), "import '#ledger/types.ts';\n");
      await expect(check(folder)).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('common/planted.ts: common may not import ledger/types.ts'),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
