/** The views of the staff page in Chromium, on a real gateway and PostgreSQL: uploads, one upload, types of records. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { expectAccessible } from '#support/page/axe.ts';
import { startBrowser, type TestBrowser } from '#support/page/chromium.ts';
import { expectNoSidewaysScrolling, takeShots } from '#support/page/shots.ts';
import { NAMESPACE, startPage, type TestPage } from '#support/page/start-page.ts';
import { buildPage } from '#support/page/wizard.ts';
import { eventually } from '#support/process/eventually.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';

/** With this variable, the views are written as pictures into the folder that it names. */
const SHOTS = process.env['BATCH_UPLOAD_SHOTS'];
const HTML = '<img src=x onerror="document.title=1">';

const SCHEMA: RecordSchemaSpec = {
  fields: [
    { name: 'email', type: 'string', format: 'email', constraints: { required: true } },
    { name: 'name', type: 'string', title: HTML, constraints: { maxLength: 60 } },
    { name: 'born', type: 'date', format: '%d.%m.%Y' },
    { name: 'iban', type: 'string', sensitive: true },
  ],
  rules: [{ rule: "name != 'nobody'", message: 'nobody is no name', code: 'BIZ_NAME' }],
  fieldsMatch: 'equal',
  primaryKey: ['email'],
  target: {
    table: 'members',
    create: true,
    onDuplicate: 'Skip',
    columns: [
      { name: 'email', field: 'email', type: 'text' },
      { name: 'name', field: 'name', type: 'text' },
    ],
  },
};
const FILE = [
  'email,name,born,iban',
  'a@example.com,Ann,01.02.1990,DE1',
  `b@example.com,"${HTML.replaceAll('"', '""')}",31.02.1990,DE2`,
  ',Carl,01.02.1990,DE3',
  'd@example.com,nobody,01.02.1990,=1+1',
  '',
].join('\n');

let page: TestPage;
let chromium: TestBrowser;
beforeAll(async () => {
  page = await startPage({ storage: null, filesFolder: await buildPage() });
  chromium = await startBrowser();
  page.api.put('recordschemas', {
    metadata: { name: 'members', namespace: NAMESPACE },
    spec: SCHEMA,
    status: { conditions: [condition('Ready', 'True', 'Valid')] },
  });
});
afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]();
  await page?.[Symbol.asyncDispose]();
});
afterEach(() => {
  for (const { metadata } of page.api.all('batchuploads')) page.api.remove('batchuploads', NAMESPACE, metadata!.name!);
  page.bench.allow(() => true);
});

function condition(type: string, status: string, reason: string, message = `${reason}.`) {
  return { type, status, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z' };
}
const COMPLETE = { phase: 'Complete', conditions: [condition('Complete', 'True', 'Completed')] };

interface UploadFacts {
  uid?: string;
  file?: string;
  user?: string;
  createdAt?: string;
  status?: object;
}

function putUpload(name: string, facts: UploadFacts = {}): void {
  const { uid = `uid-${name}`, file = `${name}.csv`, user = 'oidc:alice', status = {} } = facts;
  page.api.put('batchuploads', {
    metadata: {
      name,
      namespace: NAMESPACE,
      uid,
      creationTimestamp: facts.createdAt ?? new Date(Date.now() - 3_600_000).toISOString(),
      annotations: { 'batchupload.dev/created-by': user },
    },
    spec: { source: { type: 'UI', s3: { bucket: 'files', key: `in/${file}` } }, schemaRef: { name: 'members' } },
    status: { startTime: '2026-01-01T00:00:00Z', ...status },
  });
}

/** Loads the file with its faults by the job runner. */
async function putLoaded(name: string, user?: string): Promise<void> {
  const loaded = await loadInProcess(page.databaseUrl, { schema: SCHEMA, key: 'members.csv', file: FILE });
  if (loaded.refused) throw new Error(loaded.refused.message);
  const { counts } = loaded.progress;
  const status = { ...COMPLETE, records: { total: 4, ...counts }, columns: [{ name: 'E-Mail', field: 'email' }] };
  putUpload(name, { uid: loaded.id, file: 'members.csv', status, ...(user === undefined ? {} : { user }) });
}

async function open(path: string, options: { user?: string; locale?: string } = {}): Promise<Page> {
  const context = await chromium.open(options.locale === undefined ? {} : { locale: options.locale });
  const tab = await context.newPage();
  const errors: string[] = [];
  tab.on('pageerror', (error) => errors.push(String(error)));
  tab.on('console', (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) errors.push(message.text());
  });
  tab.on('close', () => expect(errors).toEqual([]));
  await tab.goto(`${page.origin}/page/login?to=${encodeURIComponent(path)}`);
  await signIn(tab, options.user);
  await tab.getByRole('heading', { level: 1 }).waitFor();
  return tab;
}

async function signIn(tab: Page, user = 'alice'): Promise<void> {
  await tab.getByRole('textbox').fill(user);
  await tab.getByRole('textbox').press('Enter');
}

async function look(tab: Page, name: string): Promise<void> {
  await expectAccessible(tab);
  await expectNoSidewaysScrolling(tab);
  if (SHOTS !== undefined) await takeShots(tab, { folder: SHOTS, name });
}

const heading = (tab: Page, name: string) => tab.getByRole('heading', { name, exact: true }).waitFor();
const files = (tab: Page) => tab.locator('tbody th .usa-link').allTextContents();

test('the list is live, is filtered, and comes in pages', async () => {
  const tab = await open(`/page/n/${NAMESPACE}`);
  await heading(tab, 'No file has been sent yet');
  await look(tab, 'uploads-empty');

  putUpload('first', { file: 'members & <b>.csv' });
  await tab.getByText('members & <b>.csv').waitFor();
  putUpload('first', { file: 'members & <b>.csv', status: { ...COMPLETE, records: { total: 4, failed: 1 } } });
  await tab.getByText('Done, with mistakes').waitFor();
  for (let i = 0; i < 60; i += 1) {
    const createdAt = new Date(Date.now() - 100 * 86_400_000 + i * 1000).toISOString();
    putUpload(`old-${i}`, { createdAt, user: 'oidc:bob', status: COMPLETE });
  }
  await tab.reload();
  await tab.getByText('50 uploads are shown.').waitFor();
  expect((await files(tab)).slice(0, 2)).toEqual(['members & <b>.csv', 'old-59.csv']);
  await tab.getByRole('button', { name: 'Show older uploads' }).click();
  await tab.getByText('61 uploads are shown.').waitFor();
  await look(tab, 'uploads');

  await tab.getByText('Only those that I have sent').click();
  await tab.getByText('1 upload is shown.').waitFor();
  await tab.getByText('Only those that I have sent').click();
  await tab.getByLabel('Search by name').fill('OLD-5');
  await tab.getByText('11 uploads are shown.').waitFor();
  await tab.reload();
  await tab.getByText('11 uploads are shown.').waitFor();
  await tab.getByLabel('Sent', { exact: true }).selectOption({ label: 'In the last 7 days' });
  await heading(tab, 'No upload fits what you have chosen');
  await look(tab, 'uploads-none-fits');
  await tab.getByRole('button', { name: 'Show all uploads' }).click();
  await tab.getByText('50 uploads are shown.').waitFor();

  page.api.remove('batchuploads', NAMESPACE, 'first');
  await eventually('the deleted upload is away', async () => (await files(tab))[0] === 'old-59.csv');
  await tab.context().close();
});

test('an upload says live what happens, what is wrong, and what to do', async () => {
  putUpload('u', { status: { phase: 'Planning' } });
  const tab = await open(`/page/n/${NAMESPACE}/uploads/u`);
  await tab.getByText('The file is being read to find its records.').waitFor();
  const records = { total: 1000, processed: 420, succeeded: 420, failed: 0, duplicate: 0 };
  const status = { phase: 'Processing', records, recordsPerSecond: 100 };
  putUpload('u', { status: { ...status, estimatedCompletionTime: new Date(Date.now() + 120_000).toISOString() } });
  await tab.getByText('The records are being checked and loaded.').waitFor();
  await tab.getByText('100 records a second · about 2 minutes left').waitFor();
  expect(await tab.getByRole('progressbar').getAttribute('aria-valuetext')).toBe('42%');
  await look(tab, 'upload-loading');
  putUpload('u', { status: { ...COMPLETE, records: { ...records, processed: 1000, succeeded: 1000 } } });
  await tab.getByText('All 1,000 records of the file are loaded.').waitFor();
  await tab.getByRole('status').getByText('Done. 1,000 of 1,000 records are done.').waitFor();
  page.api.remove('batchuploads', NAMESPACE, 'u');
  await heading(tab, 'This upload was deleted');
  await look(tab, 'upload-deleted');
  await tab.context().close();
});

test('failed records are shown as text, explained, and come as a file', async () => {
  await putLoaded('faulty');
  const tab = await open(`/page/n/${NAMESPACE}/uploads/faulty`);
  await heading(tab, 'A date does not exist, or is written in another way');
  await heading(tab, 'nobody is no name');
  await tab.getByText('3 records were not loaded.').waitFor();
  for (const summary of await tab.getByText('Some of these records').all()) await summary.click();
  await tab.getByText('Row 3', { exact: true }).waitFor();
  const shown = (await tab.locator('.app-record').allTextContents()).join('\n');
  expect(shown).toContain(`onerror=""document.title=1"">`);
  expect(shown).toContain('***');
  expect(shown).not.toContain('DE2');
  expect(await tab.locator('img').count()).toBe(0);
  expect(await tab.title()).toBe('members.csv · BatchUpload');
  await look(tab, 'upload-faults');

  const downloading = tab.waitForEvent('download');
  await tab.getByRole('button', { name: 'Get the failed records' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe('faulty-errors.csv');
  expect((await readFile((await download.path())!)).toString()).toMatch(/^email,name,born,iban,_row,_code,_message\n/);

  await tab.getByRole('link', { name: 'Send a corrected file' }).first().click();
  await tab.waitForURL(/\/new\?schema=members$/);
  await tab.context().close();
});

test('who may not read failed records sees how many there are', async () => {
  await putLoaded('of-bob', 'oidc:bob');
  page.bench.allow(({ resourceAttributes: { subresource } }) => subresource !== 'errors');
  // What alice may do is known from the tests before.
  const tab = await open(`/page/n/${NAMESPACE}/uploads/of-bob`, { user: 'carol' });
  await tab.getByText('You may see how many records have mistakes, but not the records themselves.').waitFor();
  await tab.getByText('Tell the person who has sent the file').waitFor();
  expect(await tab.getByRole('button', { name: 'Get the failed records' }).count()).toBe(0);
  await look(tab, 'upload-faults-of-others');
  await tab.context().close();
});

test('a failed upload is tried again once it was seen as it is, and an upload is deleted', async () => {
  const failed = {
    phase: 'Failed',
    conditions: [condition('Failed', 'True', 'BackoffLimitExceeded', 'It was retried.')],
  };
  putUpload('broken', { status: failed });
  const tab = await open(`/page/n/${NAMESPACE}/uploads/broken`);
  await tab.getByRole('button', { name: 'Try again' }).click();
  await heading(tab, 'Try this upload again?');
  await look(tab, 'upload-retry');
  // Somebody else was quicker.
  putUpload('broken', { status: { phase: 'Processing' } });
  await tab.getByRole('dialog').getByRole('button', { name: 'Try again' }).click();
  await heading(tab, 'The upload was not tried again');
  await tab.keyboard.press('Escape');
  putUpload('broken', { status: failed });
  await tab.getByRole('button', { name: 'Try again' }).click();
  await tab.getByRole('dialog').getByRole('button', { name: 'Try again' }).click();
  await eventually('another attempt is asked for', () => {
    const { spec } = page.api.get('batchuploads', NAMESPACE, 'broken') as { spec?: { retryGeneration?: number } };
    return spec?.retryGeneration === 1;
  });

  await tab.getByRole('button', { name: 'Delete this upload' }).click();
  await heading(tab, 'Delete this upload?');
  await look(tab, 'upload-delete');
  await tab.getByRole('dialog').getByRole('button', { name: 'Delete this upload' }).click();
  await tab.waitForURL(`${page.origin}/page/n/${NAMESPACE}`);
  expect(page.api.all('batchuploads')).toEqual([]);
  await tab.context().close();
});

test('a type of records says what a file must look like', async () => {
  const tab = await open(`/page/n/${NAMESPACE}/templates`);
  await look(tab, 'record-types');
  await tab.getByRole('link', { name: 'members' }).click();
  await tab.getByText('A date, written as in 31.01.2025.').waitFor();
  await tab.getByText(HTML).waitFor();
  await look(tab, 'record-type');
  const downloading = tab.waitForEvent('download');
  await tab.getByRole('button', { name: 'Get a file to fill in' }).click();
  expect((await downloading).suggestedFilename()).toBe('members-template.csv');
  await tab.context().close();
});

test('a session that has ended is renewed in another tab, and the page stays as it is', async () => {
  putUpload('kept', { status: COMPLETE });
  const tab = await open(`/page/n/${NAMESPACE}`);
  await tab.getByText('kept.csv').waitFor();
  await tab.getByLabel('Search by name').fill('kep');
  await tab.context().clearCookies();
  await tab.getByLabel('Search by name').fill('kept');
  await heading(tab, 'Your session has ended');
  await look(tab, 'session-ended');

  const link = tab.getByRole('dialog').getByRole('link', { name: 'Sign in again' });
  const [other] = await Promise.all([tab.context().waitForEvent('page'), link.click()]);
  await signIn(other, 'bob');
  await tab.getByText(/has signed in, and this page belongs to/).waitFor();
  await tab.context().clearCookies();
  const [own] = await Promise.all([tab.context().waitForEvent('page'), link.click()]);
  await signIn(own, 'alice');
  await tab.getByText('1 upload is shown.').waitFor();
  await tab.getByRole('dialog').waitFor({ state: 'detached' });
  expect(await tab.getByLabel('Search by name').inputValue()).toBe('kept');
  await tab.context().close();
});

test('the page is Spanish for who wants that, by keyboard, and keeps the language that is chosen', async () => {
  putUpload('uno', { status: COMPLETE });
  const tab = await open(`/page/n/${NAMESPACE}`, { locale: 'es-MX' });
  await heading(tab, 'Cargas');
  expect(await tab.locator('html').getAttribute('lang')).toBe('es');
  await look(tab, 'uploads-spanish');
  await tab.reload();
  await tab.getByText('uno.csv').waitFor();
  await tab.keyboard.press('Tab');
  expect(await tab.evaluate('document.activeElement.textContent')).toBe('Ir al contenido principal');
  await tab.keyboard.press('Enter');
  expect(await tab.evaluate('document.activeElement.id')).toBe('main');
  await tab.getByLabel('Idioma').selectOption('en');
  await heading(tab, 'Uploads');
  await tab.reload();
  await heading(tab, 'Uploads');
  await tab.context().close();
});

test('whoever signs out is signed out', async () => {
  const tab = await open(`/page/n/${NAMESPACE}`);
  await tab.getByRole('button', { name: 'Sign out' }).click();
  await tab.waitForURL((url) => !url.pathname.startsWith(`/page/n/${NAMESPACE}`));
  await tab.goto(`${page.origin}/page/n/${NAMESPACE}`);
  await heading(tab, 'Sign in');
  await look(tab, 'sign-in');
  await tab.context().close();
});
