/** The pages without JavaScript in Chromium, with its scripts off, against the real S3 server. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectAccessible } from '#support/page/axe.ts';
import { startBrowser, type TestBrowser } from '#support/page/chromium.ts';
import { PEOPLE, PEOPLE_CSV, runUpload } from '#support/page/run-upload.ts';
import { expectNoSidewaysScrolling, takeShots } from '#support/page/shots.ts';
import { NAMESPACE, startPage, type TestPage } from '#support/page/start-page.ts';
import { buildPage, signIn } from '#support/page/wizard.ts';
import { eventually } from '#support/process/eventually.ts';

const FORMS = `/page/forms/${NAMESPACE}`;
/** A folder for pictures of every state; nothing is drawn without it. */
const SHOTS = process.env['SHOTS'];

let page: TestPage;
let chromium: TestBrowser;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-forms-'));
  page = await startPage({ filesFolder: await buildPage() });
  page.api.put('recordschemas', PEOPLE);
  chromium = await startBrowser();
  await writeFile(join(folder, 'people.csv'), PEOPLE_CSV);
});
afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]();
  await page?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let shot = 0;
async function look(tab: Page, name: string): Promise<void> {
  await expectAccessible(tab);
  await expectNoSidewaysScrolling(tab);
  shot += 1;
  if (SHOTS) await takeShots(tab, { folder: SHOTS, name: `forms-${shot}-${name}` });
}

const heading = (tab: Page) => tab.getByRole('heading', { level: 1 }).textContent();
const uploads = () => page.api.all('batchuploads');

/** Presses the tab key until the control has the focus. */
async function reach(tab: Page, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 30; presses += 1) {
    await tab.keyboard.press('Tab');
    // Behind the last control the focus leaves the page, and comes back with the next press.
    const [label = ''] = await tab.locator(':focus').evaluateAll(namesOf);
    if (name.test(label)) return;
  }
  throw new Error(`the tab key never reaches ${name} on ${tab.url()}`);
}

/** This function runs in the browser; the compiler of the tests knows no DOM. */
function namesOf(elements: unknown): string[] {
  const found = elements as { labels?: { textContent: string }[]; textContent: string }[];
  return found.map(({ labels, textContent }) => labels?.[0]?.textContent ?? textContent);
}

async function openSignedIn(context: BrowserContext): Promise<Page> {
  const tab = await context.newPage();
  await tab.goto(`${page.origin}${FORMS}`);
  expect(await heading(tab)).toBe('Sign in');
  await look(tab, 'sign-in');
  await tab.getByRole('link', { name: 'Sign in and come back' }).click();
  await signIn(tab);
  await tab.waitForURL(`${page.origin}${FORMS}`);
  return tab;
}

test('lead a file from the sign-in to its refused records, without a script', async () => {
  await using context = await chromium.open({ javaScriptEnabled: false, acceptDownloads: true });
  const tab = await openSignedIn(context);
  await look(tab, 'no-uploads');
  await tab.getByRole('link', { name: 'Send a file' }).click();
  await tab.getByRole('button', { name: 'Next' }).click();
  await tab.getByRole('alert').getByRole('link', { name: 'Write the name of the file.' }).waitFor();
  await look(tab, 'mistakes');
  await tab.getByLabel('Record type').selectOption('people');
  await tab.getByLabel('Name of the file').fill('people.csv');
  await tab.getByRole('button', { name: 'Next' }).click();
  await look(tab, 'send');
  await tab.getByLabel('The file on your computer').setInputFiles(join(folder, 'people.csv'));
  await tab.getByRole('button', { name: 'Send the file' }).click();
  // The storage has another origin, and leads the browser back with the session.
  await tab.getByRole('button', { name: 'Load the records' }).waitFor();
  expect(await heading(tab)).toBe('Load the records of people.csv');
  await look(tab, 'arrived');
  await tab.getByRole('button', { name: 'Load the records' }).click();
  await tab.getByText('The file has arrived. It begins in a moment.').waitFor();
  await look(tab, 'registered');
  const name = new URL(tab.url()).pathname.split('/').at(-1)!;
  await tab.getByRole('link', { name: 'Look again every 10 seconds by itself' }).click();
  await tab.getByRole('link', { name: 'Stop looking by itself' }).waitFor();
  await look(tab, 'refreshing');
  await runUpload(page, name);
  // The browser loads the page again by itself.
  await tab.getByText('3 records are not loaded').waitFor({ timeout: 60_000 });
  await look(tab, 'done');
  const [download] = await Promise.all([
    tab.waitForEvent('download'),
    tab.getByRole('link', { name: 'Get the failed records' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe(`${name}-errors.csv`);
  await tab.getByRole('link', { name: 'Back to your files' }).click();
  await look(tab, 'uploads');
  await tab.getByRole('button', { name: 'Sign out' }).click();
  await tab.waitForURL(/signed-out/);
  await tab.goto(`${page.origin}${FORMS}`);
  expect(await heading(tab)).toBe('Sign in');
});

test('need no mouse', async () => {
  await using context = await chromium.open({ javaScriptEnabled: false });
  const tab = await openSignedIn(context);
  // The browser is told long before that a test answers its dialog: it would show the dialog to nobody otherwise.
  tab.on('filechooser', (chooser) => void chooser.setFiles(join(folder, 'people.csv')));
  await tab.keyboard.press('Tab');
  expect(await tab.locator(':focus').textContent()).toBe('Skip to the main content');
  await reach(tab, /^Send a file/);
  await tab.keyboard.press('Enter');
  await tab.getByLabel('Record type').waitFor();
  await reach(tab, /^Record type/);
  await tab.keyboard.press('p');
  await reach(tab, /^Name of the file/);
  await tab.keyboard.type('by-keyboard.csv');
  await tab.keyboard.press('Enter');
  await tab.getByRole('button', { name: 'Send the file' }).waitFor();
  await reach(tab, /^The file on your computer/);
  await tab.keyboard.press('Enter');
  const file = tab.getByLabel('The file on your computer');
  await eventually('the file is chosen', async () => (await file.inputValue()).endsWith('people.csv'));
  await reach(tab, /^Send the file/);
  await tab.keyboard.press('Enter');
  await tab.getByRole('button', { name: 'Load the records' }).waitFor();
  await reach(tab, /^Load the records/);
  const before = uploads().length;
  await tab.keyboard.press('Enter');
  await tab.getByText('What to do next').waitFor();
  expect(uploads().length).toBe(before + 1);
});

test('keep what was sent when the session ends in the middle', async () => {
  await using context = await chromium.open({ javaScriptEnabled: false });
  const tab = await openSignedIn(context);
  await tab.goto(`${page.origin}${FORMS}/new?schema=people&name=late.csv`);
  await tab.getByRole('button', { name: 'Next' }).click();
  await tab.getByLabel('The file on your computer').setInputFiles(join(folder, 'people.csv'));
  const cookies = await context.cookies(page.origin);
  await context.clearCookies({ name: /^__Host-batch-upload-session/ });
  await tab.getByRole('button', { name: 'Send the file' }).click();
  await tab.getByRole('link', { name: 'Sign in and come back' }).click();
  await eventually('the file is shown', async () => (await heading(tab)) === 'Load the records of late.csv');
  expect(cookies.length).toBeGreaterThan(0);
  await context.clearCookies({ name: /^__Host-batch-upload-session/ });
  const before = uploads().length;
  await tab.getByRole('button', { name: 'Load the records' }).click();
  expect(uploads().length).toBe(before);
  await tab.getByRole('link', { name: 'Sign in and come back' }).click();
  await tab.getByRole('button', { name: 'Load the records' }).click();
  await tab.getByText('What to do next').waitFor();
  expect(uploads().length).toBe(before + 1);
});
