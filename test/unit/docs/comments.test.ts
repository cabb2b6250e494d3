/** Comments of the code name their subject; the test finds the openings and words that readers stumbled over most. */
import { expect, it } from 'vitest';
import { PROJECT_PATHS, readProjectFile } from './markdown.ts';

const CODE = /\.(ts|sh|yaml|tpl|sql|go)$|(^|\/)(Makefile|Dockerfile)$/;
const COMMENT = /(?:^|\s)(?:\/\/|\/\*\*|\*|#|--) (.*)$/;
const OWN = 'test/unit/docs/comments.test.ts';
const FRAGMENT = /^(Of|Told|Gone)\b|\b(told of|is gone|let go|lets go)\b/;

function findFragments(text: string): string[] {
  return text
    .split('\n')
    .map((line) => COMMENT.exec(line)?.[1] ?? '')
    .filter((comment) => FRAGMENT.test(comment));
}

it('no comment takes its subject from the line below', () => {
  const paths = [...PROJECT_PATHS].filter((path) => CODE.test(path) && !path.includes('.gen.') && path !== OWN);
  expect(paths.length).toBeGreaterThan(400);
  expect(paths.flatMap((path) => findFragments(readProjectFile(path)).map((found) => `${path}: ${found}`))).toEqual([]);
});

it.each([
  '/** Of the source: its key. */',
  '  // Told of each retry.',
  '# The lock is let go at the end.',
  '-- Of old rows.',
])('%s would be found', (line) => {
  expect(findFragments(line)).toHaveLength(1);
});
