/** Everything that pages and comments name exists: files, folders, headings, targets of the Makefile. */
import { matchesGlob, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  listAnchors,
  listBlocks,
  listCodeSpans,
  listLinks,
  PAGES,
  PROJECT_PATHS,
  readProjectFile,
} from './markdown.ts';

const ROOMS = 'operator|job-runner|ledger|s3|api|kube|common|crds|charts|test|tools|docs';
const TARGETS = new Set([...readProjectFile('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, target]) => target));

/** A path from the top of the project, with `*` and `{a,b}` as a shell has them. */
const FROM_TOP = new RegExp(`(?<![\\w./<>:-])(?:${ROOMS})/[\\w./*{},-]*`, 'g');
/** The name of a file, with as much of its path as stands before the name. */
const FILE_NAME = /(?<![\w./<>@*-])(?:[\w-]+\/)*[\w-][\w.-]*\.(?:ts|sh|md|sql|yaml)(?![\w/*-])/g;

const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([match]) => match);

function existsFromTop(path: string): boolean {
  const isPattern = /[*{]/.test(path);
  return [...PROJECT_PATHS].some((each) =>
    isPattern ? matchesGlob(each, path) : each === path || each === `${path}/`,
  );
}

const existsSomewhere = (name: string) => [...PROJECT_PATHS].some((path) => path === name || path.endsWith(`/${name}`));

/** Files that a reader has or makes: the examples call them people. */
const READERS_OWN = /^(?:schemas\/)?people[.-]/;

/** @returns the paths that the text names and that do not exist. */
function findMissing(text: string): string[] {
  const fromTop = all(text, FROM_TOP).map((path) => path.replace(/[.,]$/, ''));
  const named = all(text, FILE_NAME).filter((name) => !name.startsWith('node_modules/') && !READERS_OWN.test(name));
  const missing = [
    ...fromTop.filter((path) => !existsFromTop(path)),
    ...named.filter((name) => !existsSomewhere(name)),
  ];
  return [...new Set(missing)];
}

describe.each(PAGES)('%s', (page) => {
  const markdown = readProjectFile(page);

  it('its links lead to a file, and to a heading of it', () => {
    const broken = listLinks(markdown).filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : posix.join(posix.dirname(page), path);
      if (!existsFromTop(file)) return true;
      return anchor !== undefined && !listAnchors(readProjectFile(file)).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  const code = [...listCodeSpans(markdown), ...listBlocks(markdown).flatMap(({ lines }) => lines)];

  it('the paths that it names are there', () => {
    expect(code.flatMap(findMissing)).toEqual([]);
  });

  it('the targets of make that it names are there', () => {
    const targets = code.flatMap((each) => [...each.matchAll(/(?:^|\s)make ([a-z-]+)/g)].map(([, target]) => target!));
    expect(targets.filter((target) => !TARGETS.has(target))).toEqual([]);
  });
});

describe('docs/README.md', () => {
  it('lists every page once', () => {
    const linked = listLinks(readProjectFile('docs/README.md')).map((target) => posix.join('docs', target));
    const pages = PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
    for (const page of pages)
      expect(
        linked.filter((each) => each === page),
        page,
      ).toHaveLength(1);
  });
});

/** The pattern of comments, by the ending of the file. */
const COMMENTS: Record<string, RegExp> = {
  '.ts': /^ *\/\*.*?\*\/|(?<![:'"`\w])\/\/[^\n]*/gms,
  '.sql': /--.*$/gm,
  '.sh': /(?<=^|\s)#.*$/gm,
  '.yaml': /(?<=^|\s)#.*$/gm,
};
const CODE = [...PROJECT_PATHS].filter((path) => posix.extname(path) in COMMENTS && !path.endsWith('.gen.ts'));

describe('comments', () => {
  it('name files that are there', () => {
    const missing = [...CODE, 'Makefile', 'Dockerfile'].flatMap((path) => {
      const comments = all(readProjectFile(path), COMMENTS[posix.extname(path)] ?? COMMENTS['.sh']!);
      return comments.flatMap(findMissing).map((name) => `${path}: ${name}`);
    });
    expect(missing).toEqual([]);
  });

  it('and texts, too, name pages that are there', () => {
    const missing = CODE.flatMap((path) =>
      all(readProjectFile(path), /(?<![\w./-])docs\/[\w/-]+\.md/g)
        .filter((page) => !existsFromTop(page))
        .map((page) => `${path}: ${page}`),
    );
    expect(missing).toEqual([]);
  });
});
