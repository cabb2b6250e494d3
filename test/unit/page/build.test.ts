import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Manifest } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** What a person waits for when the page is opened for the first time. */
const FIRST_PAGE_BYTES = 200_000;

/** A style sheet that fetches something from elsewhere or brings it along; code that is made of texts. */
const FORBIDDEN: Record<string, RegExp> = {
  '.css': /url\(["']?(?:data:|https?:)|@import/g,
  '.js': /\bnew Function\(|\(0,\s*eval\)/g,
};
const NOTHING = /$^/g;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-page-'));
  const configFile = fileURLToPath(new URL('../../../page/vite.config.ts', import.meta.url));
  await build({ configFile, logLevel: 'error', build: { outDir: folder } });
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const read = (path: string) => readFileSync(join(folder, path));
const manifest = (): Manifest => JSON.parse(read('.vite/manifest.json').toString());

/** The files of an entry and of all that it imports at once. */
function filesOf(name: string, all = manifest(), found = new Set<string>()): Set<string> {
  const { file, css = [], imports = [] } = all[name]!;
  for (const each of [file, ...css]) found.add(each);
  for (const each of imports) filesOf(each, all, found);
  return found;
}

it('the first page stays below 200 kB', () => {
  const files = ['index.html', ...filesOf('index.html')];
  const bytes = files.map((file) => gzipSync(read(file)).length);
  expect(bytes.reduce((sum, each) => sum + each)).toBeLessThan(FIRST_PAGE_BYTES);
});

it('what sends and checks files is fetched when a person goes there', () => {
  const first = [...filesOf('index.html')].map((file) => read(file).toString()).join('\n');
  expect(first).not.toMatch(/uppy/i);
  const later = Object.values(manifest()).filter(({ isDynamicEntry }) => isDynamicEntry);
  expect(later.map(({ src }) => src)).toContain('wizard/wizard.tsx');
});

it('nothing needs a looser Content Security Policy', () => {
  const html = read('index.html').toString();
  expect(html).not.toMatch(/<style|style="|\son\w+=|javascript:/i);
  for (const [tag] of html.matchAll(/<script[^>]*>/g)) expect(tag).toContain(' src="/page/assets/');
  for (const name of readdirSync(join(folder, 'assets'))) {
    const text = read(join('assets', name)).toString();
    const found = [...text.matchAll(FORBIDDEN[extname(name)] ?? NOTHING)].map(([match]) => `${name}: ${match}`);
    expect(found).toEqual([]);
  }
});
