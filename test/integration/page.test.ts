/** The whole staff page in Chromium: from the sign-in to the file of failed records. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withClient } from '#support/database/database.ts';
import { expectAccessible } from '#support/page/axe.ts';
import { startBrowser, type TestBrowser } from '#support/page/chromium.ts';
import { expectNoSidewaysScrolling } from '#support/page/shots.ts';
import { NAMESPACE, startPage, type TestPage } from '#support/page/start-page.ts';
import { MEMBERS_CSV, walkPage } from '#support/page/walk.ts';
import { buildPage, peopleSchema } from '#support/page/wizard.ts';

let page: TestPage;
let chromium: TestBrowser;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-page-'));
  page = await startPage({ filesFolder: await buildPage() });
  page.api.put('recordschemas', peopleSchema('people'));
  chromium = await startBrowser();
});
afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]();
  await page?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function getFailedRecords(tab: Page, name: string): Promise<string[][]> {
  await tab.goto(`${page.origin}/page/n/${NAMESPACE}/uploads/${name}`);
  const [download] = await Promise.all([
    tab.waitForEvent('download'),
    tab.getByRole('button', { name: 'Get the failed records' }).click(),
  ]);
  return parse(await readFile(await download.path()), { delimiter: ';' });
}

async function look(tab: Page): Promise<void> {
  await expectAccessible(tab);
  await tab.emulateMedia({ colorScheme: 'dark' });
  await expectAccessible(tab);
  await expectNoSidewaysScrolling(tab);
}

test('leads a clerk from the sign-in to the failed records', async () => {
  await using context = await chromium.open();
  const tab = await context.newPage();
  const path = join(folder, 'members.csv');
  await writeFile(path, MEMBERS_CSV);
  const seen: string[] = [];
  const visit = async (step: string) => {
    seen.push(step);
    await look(tab);
  };
  const name = await walkPage({ page, tab, path, visit });
  expect(seen).toHaveLength(9);
  const { rows } = await withClient(page.databaseUrl, (client) =>
    client.query('SELECT id::int FROM people ORDER BY 1'),
  );
  expect(rows.map(({ id }) => id)).toEqual([1001, 1004, 1005]);
  const [header, ...records] = await getFailedRecords(tab, name);
  expect(header).toEqual(['ID', 'Full name', 'Date of birth', 'Contact', 'Note', '_row', '_code', '_message']);
  expect(records.map(([id, , , , , row, code]) => [id, row, code])).toEqual([
    ['1002', '3', 'VAL_001'],
    ['1003', '4', 'VAL_002'],
  ]);
});
