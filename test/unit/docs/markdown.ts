/** The project's files, and what its pages of Markdown hold: headings, links, code spans and fenced blocks. */
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = new URL('../../../', import.meta.url);

/** Files and folders that a fresh clone does not have, or that others have written. */
const NOT_OURS = new Set(['node_modules', '.cluster', '.try', '.git', 'coverage']);

/** Every file and folder of the project from its top, folders with a slash at the end. */
export const PROJECT_PATHS: ReadonlySet<string> = new Set(
  globSync('**/*', { cwd: fileURLToPath(root), withFileTypes: true, exclude: ({ name }) => NOT_OURS.has(name) })
    .map((entry) => ({ entry, path: posix.relative(fileURLToPath(root), posix.join(entry.parentPath, entry.name)) }))
    .map(({ entry, path }) => (entry.isDirectory() ? `${path}/` : path)),
);

export const PAGES = [...PROJECT_PATHS].filter((path) => path.endsWith('.md')).sort();

export const readProjectFile = (path: string) => readFileSync(new URL(path, root), 'utf8');

/** The page without its fenced blocks. */
export const proseOf = (markdown: string) => markdown.replace(/^```.*?^```$/gms, '');

export interface FencedBlock {
  /** The word behind the opening fence; empty without one. */
  language: string;
  lines: string[];
  /** Does `<!-- example -->` stand directly above the fence? */
  isExample: boolean;
}

export function listBlocks(markdown: string): FencedBlock[] {
  return [...markdown.matchAll(/^(<!-- example -->\n)?```(\w*)\n(.*?)^```$/gms)].map(([, example, language, body]) => ({
    language: language!,
    lines: body!.trimEnd().split('\n'),
    isExample: example !== undefined,
  }));
}

export interface DocumentedCommand {
  /** One line, without its comment. */
  command: string;
  isExample: boolean;
}

/** Commands of the page: in `sh` blocks every line, in blocks without a language the lines behind `$`. */
export function listCommands(markdown: string): DocumentedCommand[] {
  return listBlocks(markdown).flatMap(({ language, lines, isExample }) => {
    if (language !== 'sh' && language !== '') return [];
    const typed =
      language === 'sh' ? lines : lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2));
    return joinContinuedLines(typed).map((command) => ({ command, isExample }));
  });
}

/** A line goes on after a backslash, and while a quote is open. */
function joinContinuedLines(lines: readonly string[]): string[] {
  const commands: string[] = [];
  let begun = '';
  for (const line of lines) {
    const whole = begun + line.replace(/(^|\s{2,})# .*$/, '').trimEnd();
    const isOpen = whole.replace(/[^"]/g, '').length % 2 === 1 || whole.replace(/[^']/g, '').length % 2 === 1;
    begun = whole.endsWith('\\') ? whole.slice(0, -1) : isOpen ? `${whole}\n` : '';
    if (begun === '' && whole !== '') commands.push(whole.replace(/ +/g, ' '));
  }
  return commands;
}

/** The texts between single backticks in prose; a line end in such a text counts as a space. */
export function listCodeSpans(markdown: string): string[] {
  return [...proseOf(markdown).matchAll(/(?<!`)`([^`]+)`(?!`)/g)].map(([, code]) => code!.replace(/\s+/g, ' '));
}

/** Targets of the page's links to other files of the project and to its own headings. */
export function listLinks(markdown: string): string[] {
  const targets = [...proseOf(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors that GitHub gives to the page's headings. */
export function listAnchors(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of proseOf(markdown).matchAll(/^#{1,6} +(.*?) *#*$/gm)) {
    const text = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = text.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-');
    let anchor = slug;
    for (let repeated = 1; anchors.has(anchor); repeated += 1) anchor = `${slug}-${repeated}`;
    anchors.add(anchor);
  }
  return anchors;
}
