/** CONTRIBUTING.md's map is true: every file that a row names exists and holds the word that stands beside it. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const ROOT = new URL('../../../', import.meta.url);

/** Cells of the map's rows. A row whose cells are not written as the others fails the test instead of being skipped. */
const rows = readFileSync(new URL('CONTRIBUTING.md', ROOT), 'utf8')
  .split('## Where is …?')[1]!
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .slice(2)
  .map((line) => /^\| (.+) \| `([^`]+)` \| `([^`]+)` \|$/.exec(line) ?? [line, line, '', '']);

it('there are at least ten questions, and none is asked twice', () => {
  expect(rows.length).toBeGreaterThanOrEqual(10);
  expect(new Set(rows.map(([, question]) => question)).size).toBe(rows.length);
});

it.each(rows.map(([, question, file, word]) => [question!, file!, word!] as const))(
  '%s %s',
  (_question, file, word) => {
    expect(file, 'a row is written as | question | `file` | `word` |').not.toBe('');
    expect(existsSync(new URL(file, ROOT)), `${file} exists`).toBe(true);
    expect(readFileSync(new URL(file, ROOT), 'utf8')).toContain(word);
  },
);
