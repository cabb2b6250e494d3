/** Markdown of the reference pages, and the comments of the code that they are made from. */

export interface CodeFile {
  /** From the top of the project. */
  path: string;
  text: string;
}

/** The first lines of a page: what it is, and that nobody edits it. */
export function pageHead(title: string, introduction: string): string {
  return `# ${title}\n\n<!-- Generated from the code by \`make generate\`; do not edit. -->\n\n${introduction}\n`;
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}

export interface Entry {
  key: string;
  /** The literal behind the key. */
  value: string;
  /** The sentences of the comment above it; empty without one. */
  comment: string;
  /** The line comment above the entry's group; empty without one. */
  group: string;
}

/** Reads the entries `key: 'value',` of an object literal `export const NAME = {…}` with their comments. @throws Error */
export function readEntries(source: string, name: string): Entry[] {
  const start = source.indexOf(`export const ${name} = {`);
  if (start < 0) throw new Error(`there is no ${name} = { … }`);
  const body = source.slice(source.indexOf('{', start) + 1, source.indexOf('\n}', start));
  const entries: Entry[] = [];
  let group = '';
  let comment = '';
  const part = /\/\*\*(?<block>.*?)\*\/|(?<lines>\/\/ [^\n]*(?:\n\s*\/\/ [^\n]*)*)|(?<key>\w+):\s*(?<value>[^,]+),/gs;
  for (const { groups } of body.matchAll(part)) {
    const { block, lines, key, value } = groups!;
    if (block !== undefined) comment = joinLines(block);
    else if (lines !== undefined) group = joinLines(lines.replaceAll('//', ''));
    else {
      entries.push({ key: key!, value: value!.trim(), comment, group });
      comment = '';
    }
  }
  return entries;
}

/** The entries of an object literal each of which has a sentence above it. @throws Error that names an entry without one */
export function readDescribedEntries(source: string, name: string): Entry[] {
  const entries = readEntries(source, name);
  const without = entries.filter(({ comment }) => !/[^.]\.$/.test(comment)).map(({ key }) => key);
  if (without.length > 0) throw new Error(`${name} needs a sentence above each of its entries: ${without.join(', ')}`);
  return entries;
}

/** The value and the comment of `export const NAME = '…'`. @throws Error */
export function readConstant(source: string, name: string): { value: string; comment: string } {
  const found = new RegExp(`/\\*\\*((?:(?!\\*/).)*)\\*/\\nexport const ${name} = '([^']*)'`, 's').exec(source);
  if (found === null) throw new Error(`there is no ${name} = '…' with a comment`);
  return { value: found[2]!, comment: joinLines(found[1]!) };
}

/** The members of `export type NAME = | 'member' …` with their comments. @throws Error */
export function readUnion(source: string, name: string): Map<string, string> {
  const body = new RegExp(`export type ${name} =(.*?);\\n`, 's').exec(source)?.[1];
  if (body === undefined) throw new Error(`there is no type ${name}`);
  const members = body.matchAll(/(?:\/\*\*(?<comment>(?:(?!\*\/).)*)\*\/\s*)?\| '(?<member>\w+)'/gs);
  return new Map([...members].map(({ groups }) => [groups!['member']!, joinLines(groups!['comment'] ?? '')]));
}

/** One line out of a block comment, without its stars; `{@link name}` becomes the name. */
function joinLines(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\*? ?/, '').trim())
    .filter(Boolean)
    .join(' ')
    .replace(/\{@link (\w+)\}/g, '`$1`');
}
