/**
 * Checks every import of the project against the table "Allowed edges" of ARCHITECTURE.md: `node tools/check-imports.ts [folder]`.
 * Ends with 1 and says what is wrong when an import is not allowed there.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findForbiddenImports, readImportAliases, readImportTable, type SourceFile } from './import-rules.ts';

const root = process.argv[2] ?? fileURLToPath(new URL('../', import.meta.url));
const table = readImportTable(await readFile(join(root, 'ARCHITECTURE.md'), 'utf8'));
const { imports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const rooms = [...table.keys()].filter((room) => !room.includes('/'));
const files: SourceFile[] = (await Promise.all(rooms.map(readRoom))).flat();
const wrong = findForbiddenImports(files, { table, aliases: readImportAliases(imports) });
for (const line of wrong) console.error(line);
if (wrong.length > 0) process.exitCode = 1;

async function readRoom(room: string): Promise<SourceFile[]> {
  const names = await readdir(join(root, room), { recursive: true });
  const sources = names.filter((name) => /\.tsx?$/.test(name) && !name.includes(`assembly${sep}`));
  return Promise.all(
    sources.map(async (name) => ({
      path: join(room, name).replaceAll(sep, '/'),
      text: await readFile(join(root, room, name), 'utf8'),
    })),
  );
}
