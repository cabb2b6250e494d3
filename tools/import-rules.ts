/**
 * Which file may import which: the table "Allowed edges" of ARCHITECTURE.md, read and applied. Pure.
 *
 * Two files are compared where their paths part: `operator/jobs/plan-job.ts` and `operator/config/runner-settings.ts` part below
 * `operator/`, so that the row `operator/jobs` decides; `job-runner/plan.ts` and `ledger/types.ts` part at the top, so that the
 * row `job-runner` does. Files that lie directly in a folder with rooms are the room `<folder>/*.ts`.
 */
import { posix } from 'node:path';

/** By room, what its files may import: rooms, folders or single files. */
export type ImportTable = ReadonlyMap<string, readonly string[]>;

/** The names of package.json's `imports`, with the folder of each: `#runner/` → `job-runner/`. */
export type ImportAliases = ReadonlyMap<string, string>;

export interface SourceFile {
  /** From the top of the project, with slashes. */
  path: string;
  text: string;
}

const HEADING = '| from | may import | why |';

/** Reads the table out of the page. @throws Error when there is none */
export function readImportTable(markdown: string): ImportTable {
  const lines = markdown.split('\n');
  const start = lines.indexOf(HEADING);
  if (start < 0) throw new Error(`ARCHITECTURE.md has no table with the heading ${HEADING}`);
  const table = new Map<string, readonly string[]>();
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    const [, from = '', to = ''] = line.replaceAll('`', '').split('|');
    const rooms = to.split(',').map((room) => room.trim());
    table.set(from.trim(), rooms[0] === 'nothing' ? [] : rooms);
  }
  return table;
}

/** Reads `imports` of package.json. */
export function readImportAliases(imports: Record<string, string>): ImportAliases {
  return new Map(
    Object.entries(imports).map(([alias, folder]) => [alias.replace('*', ''), folder.slice(2).replace('*', '')]),
  );
}

const IMPORT = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)'([^']+)'/g;

/** Says what is wrong with each forbidden import; empty when every import is allowed. */
export function findForbiddenImports(
  files: Iterable<SourceFile>,
  { table, aliases }: { table: ImportTable; aliases: ImportAliases },
): string[] {
  const wrong: string[] = [];
  for (const { path, text } of files) {
    for (const [, specifier] of text.matchAll(IMPORT)) {
      const why = judgeImport(path, specifier!, { table, aliases });
      if (why !== null) wrong.push(`${path}: ${why}`);
    }
  }
  return wrong;
}

function judgeImport(
  from: string,
  specifier: string,
  { table, aliases }: { table: ImportTable; aliases: ImportAliases },
): string | null {
  const to = resolveImport(from, specifier, aliases);
  if (to === null) return null;
  if (to === undefined) return `${specifier} has a name that package.json does not list in its imports.`;
  const [roomFrom, roomTo] = roomsWherePathsPart(from, to);
  if (roomFrom === roomTo) return null;
  if (specifier.startsWith('..')) return `${specifier} leaves the folder: write it with the # of its room.`;
  const parent = posix.dirname(roomFrom);
  if (![...table.keys()].some((room) => posix.dirname(room) === parent)) return null;
  const allowed = table.get(roomFrom);
  if (allowed === undefined) return `${roomFrom} has no row in the table "Allowed edges" of ARCHITECTURE.md.`;
  if (allowed.some((room) => to === room || to.startsWith(`${room}/`))) return null;
  return `${roomFrom} may not import ${to}. It may import ${allowed.join(', ') || 'nothing'} (ARCHITECTURE.md, "Allowed edges").`;
}

/** The path that is imported; null for a package, undefined for an unknown name with #. */
function resolveImport(from: string, specifier: string, aliases: ImportAliases): string | null | undefined {
  // The project's own description is data, and may be read everywhere.
  if (specifier.endsWith('/package.json')) return null;
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
  if (!specifier.startsWith('#')) return null;
  for (const [alias, folder] of aliases) {
    if (specifier.startsWith(alias)) return folder + specifier.slice(alias.length);
  }
  return undefined;
}

function roomsWherePathsPart(from: string, to: string): [from: string, to: string] {
  const a = from.split('/');
  const b = to.split('/');
  let depth = 0;
  while (depth < a.length - 1 && depth < b.length - 1 && a[depth] === b[depth]) depth += 1;
  return [roomAt(a, depth), roomAt(b, depth)];
}

function roomAt(path: readonly string[], depth: number): string {
  const isFile = depth === path.length - 1;
  return [...path.slice(0, depth), isFile ? '*.ts' : path[depth]!].join('/');
}
