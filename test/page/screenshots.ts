/**
 * Makes the pictures of docs/how-to/use-the-page.md: `node test/page/screenshots.ts [FOLDER]` walks through the page in
 * Chromium, on a gateway, a PostgreSQL and an S3 server of its own, and writes docs/images/page/*.png.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBrowser } from '#support/page/chromium.ts';
import { startPage } from '#support/page/start-page.ts';
import { MEMBERS_CSV, walkPage } from '#support/page/walk.ts';
import { buildPage, peopleSchema } from '#support/page/wizard.ts';
import { shrinkPng } from './shrink-png.ts';

const SIZE = { width: 960, height: 640 };

const folder = process.argv[2] ?? join(import.meta.dirname, '../../docs/images/page');
await mkdir(folder, { recursive: true });
await using stack = new AsyncDisposableStack();
const temporary = await mkdtemp(join(tmpdir(), 'batch-upload-shots-'));
stack.defer(() => rm(temporary, { recursive: true, force: true }));
const path = join(temporary, 'members.csv');
await writeFile(path, MEMBERS_CSV);
const page = stack.use(await startPage({ filesFolder: await buildPage() }));
page.api.put('recordschemas', peopleSchema('people'));
const chromium = stack.use(await startBrowser());
const context = await chromium.open({ viewport: SIZE });
const tab = await context.newPage();
let count = 0;
await walkPage({
  page,
  tab,
  path,
  async visit(name) {
    count += 1;
    await writeFile(join(folder, `${count}-${name}.png`), shrinkPng(await tab.screenshot({ fullPage: true })));
  },
});
console.log(`${count} pictures are in ${folder}`);
