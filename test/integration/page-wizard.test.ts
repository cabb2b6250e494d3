/** The wizard of the staff page in Chromium, on a real gateway, PostgreSQL and S3 server. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { expectAccessible } from '#support/page/axe.ts';
import { startBrowser, type TestBrowser } from '#support/page/chromium.ts';
import { expectNoSidewaysScrolling, takeShots } from '#support/page/shots.ts';
import { NAMESPACE, startPage, type TestPage } from '#support/page/start-page.ts';

const MIB = 1024 ** 2;
const SHOTS = process.env['SHOTS'];

let page: TestPage;
let chromium: TestBrowser;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-wizard-'));
  page = await startPage({
    gateway: { fileLimits: { onePutBytes: 6 * MIB, partBytes: 5 * MIB, unregistered: 100 } },
  });
  chromium = await startBrowser();
});
afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]();
  await page?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => putSchema('people'));

function putSchema(name: string) {
  page.api.put('recordschemas', {
    metadata: { name, namespace: NAMESPACE },
    spec: {
      fields: [
        { name: 'id', type: 'integer' },
        { name: 'name', type: 'string', title: 'Full name', constraints: { required: true, maxLength: 60 } },
        { name: 'birth_date', type: 'date' },
        { name: 'email', type: 'string', format: 'email' },
      ],
      primaryKey: ['id'],
      target: {
        table: 'people',
        create: true,
        columns: ['id', 'name', 'birth_date', 'email'].map((field) => ({ name: field, field })),
      },
    },
    status: { conditions: [{ type: 'Ready', status: 'True', reason: 'Checked', message: '' }] },
  });
}

async function signedIn(context: BrowserContext): Promise<Page> {
  const tab = await context.newPage();
  if (process.env['DEBUG']) {
    tab.on('console', (m) => console.log('console', m.text()));
    tab.on('response', (r) => r.status() >= 400 && void r.text().then((x) => console.log(r.status(), r.url(), x.slice(0, 600))));
    tab.on('pageerror', (e) => console.log('pageerror', e));
    tab.on('requestfailed', (r) => console.log('failed', r.method(), r.url(), r.failure()?.errorText));
  }
  await tab.goto(`${page.origin}/page/login?to=/page/${NAMESPACE}/new`);
  await tab.getByRole('textbox').fill('alice');
  await tab.getByRole('button').first().click();
  await tab.getByRole('heading', { name: 'Choose a file' }).waitFor();
  return tab;
}

async function shoot(tab: Page, name: string) {
  await expectAccessible(tab);
  await expectNoSidewaysScrolling(tab);
  if (SHOTS) await takeShots(tab, { folder: SHOTS, name });
}

const file = async (name: string, content: string) => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};

test('leads a file through columns and check to an upload', async () => {
  await using context = await chromium.open();
  const tab = await signedIn(context);
  await shoot(tab, 'pick');
  const path = await file(
    'staff.csv',
    'ID;Full name;Date of birth;Kontakt;Note\n1;Ann Lee;1980-02-28;ann@example.org;x\n2;;1999-02-30;nobody;y\n',
  );
  await tab.getByLabel('File with records').setInputFiles(path);
  await tab.getByLabel('Record type').waitFor();
  await shoot(tab, 'schema');
  await tab.getByRole('button', { name: 'Continue' }).click();
  await tab.getByRole('heading', { name: 'Say what the columns are' }).waitFor();
  await shoot(tab, 'columns');
  await tab.getByRole('button', { name: 'Continue' }).click();
  await tab.getByRole('heading', { name: 'The columns do not fit yet' }).waitFor();
  await tab.getByLabel('What is the column “Kontakt”?').selectOption('email');
  await tab.getByRole('button', { name: 'Continue' }).click();
  await tab.getByRole('heading', { name: '1 record has faults' }).waitFor({timeout:8000}).catch(async (e) => { await tab.screenshot({path:'/tmp/shots/fail.png',fullPage:true}); throw e;});
  await shoot(tab, 'check');
  await tab.getByRole('button', { name: 'Send the file' }).click();
  await tab.getByRole('heading', { name: 'Send the file with its faults?' }).waitFor();
  await shoot(tab, 'ask');
  await tab.getByRole('button', { name: 'Send with faults' }).click();
  await tab.waitForURL(/\/uploads\/upload-/, { timeout: 20_000 });
  const [upload] = page.api.all('batchuploads');
  expect(upload).toMatchObject({ spec: { sourceType: 'UI' } });
});
