/**
 * Says which of the files that must be pure are not: a pure file takes values and returns values. Neither the file nor a file that
 * it loads may import what does I/O, read the clock, draw random numbers or look at the process. An import of types alone loads
 * nothing. Pure.
 */
import { posix } from 'node:path';
import type { ImportAliases } from './import-rules.ts';

/** Packages that compute and do nothing else. Every other package and every module of Node counts as I/O. */
const PURE_PACKAGES = new Set(['@bufbuild/cel', '@bufbuild/cel/ext', 're2js']);

/** Files that a pure file may load although they call what is forbidden, each with the reason. */
const EXCEPTIONS = new Set([
  // It computes a hash by Node's cryptography.
  'common/hash-text.ts',
  // A column of UUIDs takes the clock as a parameter, and its default is the system's clock.
  'job-runner/processor/uuid.ts',
]);

const COMMENT = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm;
const LOADED = /\b(?:import|export)\s+(?!type\b)(?:[^'";]*?\bfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'/g;
const CALLS =
  /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bMath\.random\b|\bcrypto\.(?:randomUUID|getRandomValues)\b|\bprocess\.\w+|\bset(?:Timeout|Interval|Immediate)\b|\bfetch\(|\bconsole\.\w+/g;

export interface PureFilesOptions {
  aliases: ImportAliases;
  /** Reads a file of the project by its path from the top. */
  read(path: string): string;
}

/** Says what is wrong with each file; empty when all are pure. */
export function findImpure(paths: Iterable<string>, { aliases, read }: PureFilesOptions): string[] {
  const wrong: string[] = [];
  // The path of imports by which each file was reached, for the message.
  const chains = new Map([...paths].map((path) => [path, path]));
  for (const [path, chain] of chains) {
    if (EXCEPTIONS.has(path)) continue;
    const code = read(path).replace(COMMENT, '');
    for (const [call] of code.matchAll(CALLS)) wrong.push(`${chain} uses ${call}`);
    for (const [, loaded, later] of code.matchAll(LOADED)) {
      const specifier = (loaded ?? later)!;
      const file = resolve(path, specifier, aliases);
      if (file === null && !PURE_PACKAGES.has(specifier)) wrong.push(`${chain} imports ${specifier}`);
      if (file !== null && !chains.has(file)) chains.set(file, `${chain} → ${file}`);
    }
  }
  return wrong;
}

/** The path of a file of the project; null for a package. */
function resolve(from: string, specifier: string, aliases: ImportAliases): string | null {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
  for (const [alias, folder] of aliases) {
    if (specifier.startsWith(alias)) return folder + specifier.slice(alias.length);
  }
  return null;
}
