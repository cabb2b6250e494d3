/** The staff page in Chromium with files, names and people that mean no good: what they say is text, and nothing more. */
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ANNOTATIONS } from '#api/labels.ts';
import { expectNoSidewaysScrolling } from '#support/page/shots.ts';
import { NAMESPACE } from '#support/page/start-page.ts';
import { startWizard, type WizardBench } from '#support/page/wizard.ts';

const MARKUP = `<img src=x onerror=alert(1)><script>alert(2)</script>"'><svg/onload=alert(3)>`;
const HOSTILE: Record<string, string> = {
  markup: MARKUP,
  direction: 'a\u202Egnp.exe\u2066',
  long: 'W'.repeat(10_000),
  formula: '=HYPERLINK("https://evil.example","x")',
  link: 'javascript:alert(1)',
};

let bench: WizardBench;
beforeAll(async () => {
  bench = await startWizard();
  bench.putSchema();
  bench.page.provider.people.set('alice', { name: `${MARKUP}${'W'.repeat(100)}` });
  for (const [kind, text] of Object.entries(HOSTILE)) putHostile(kind, text);
});
afterAll(async () => bench?.[Symbol.asyncDispose]());

/** A schema and an upload whose every text is the given one. */
function putHostile(kind: string, text: string): void {
  const { api } = bench.page;
  const constraints = { enum: [text, 'other'] };
  const fields = [
    { name: 'id', type: 'integer', title: text, description: text },
    { name: 'kind', type: 'string', title: `${text}2`, description: text, constraints },
  ];
  const columns = fields.map(({ name }) => ({ name, field: name }));
  const conditions = [{ type: 'Ready', status: 'False', reason: 'Checked', message: text }];
  const at = '2026-01-02T03:04:05Z';
  api.put('recordschemas', {
    metadata: { name: kind, namespace: NAMESPACE },
    spec: { fields, primaryKey: ['id'], target: { table: kind, create: true, columns } },
    status: { conditions },
  });
  api.put('batchuploads', {
    metadata: {
      name: `of-${kind}`,
      namespace: NAMESPACE,
      creationTimestamp: at,
      annotations: { [ANNOTATIONS.createdBy]: text },
    },
    spec: { schemaRef: { name: kind }, source: { type: 'API', s3: { bucket: 'files', key: text } } },
    status: {
      phase: 'Failed',
      records: { total: 5, processed: 5, succeeded: 2, failed: 3, duplicate: 0 },
      topErrors: [{ code: text, count: 3, message: text }],
      columns: [
        { name: text, field: 'id' },
        { name: `${text}3`, ignored: true },
      ],
      conditions: [{ type: 'Complete', status: 'False', reason: 'Refused', message: text, lastTransitionTime: at }],
    },
  });
}

/** Everything that a browser says of a page where something is wrong. */
function listen(tab: Page): string[] {
  const said: string[] = [];
  tab.on('console', (message) => ['error', 'warning'].includes(message.type()) && said.push(message.text()));
  tab.on('pageerror', (error) => said.push(String(error)));
  tab.on('dialog', (dialog) => {
    said.push(dialog.message());
    return dialog.dismiss();
  });
  return said;
}

async function look(tab: Page): Promise<void> {
  await expectNoSidewaysScrolling(tab);
  expect(await tab.locator('img[src=x], svg[onload], script:not([src]), a[href^=javascript]').count()).toBe(0);
}

const next = (tab: Page) => tab.getByRole('button', { name: 'Continue' }).click();

test.each(Object.entries(HOSTILE))('shows names and values as text in each step: %s', async (kind, text) => {
  const { context, tab } = await bench.open();
  tab.setDefaultTimeout(10_000);
  const said = listen(tab);
  const cell = `"${text.replaceAll('"', '""')}"`;
  // An upload can name columns of up to 1,024 characters.
  const column = text.slice(0, 1_000).replaceAll('"', '""');
  const buffer = Buffer.from(`ID,"${column}","2 ${column}","3 ${column}"\nx,${cell},${cell},${cell}\n1,\0,${cell},\n`);
  const name = `${text.replaceAll('/', '_').slice(0, 240)}.csv`;
  await tab.getByLabel('File with records').setInputFiles({ name, mimeType: 'text/csv', buffer });
  await tab.getByLabel('Record type').selectOption('people');
  await look(tab);
  await next(tab);
  await tab.getByRole('heading', { name: 'Say what the columns are' }).waitFor();
  await look(tab);
  const choices = tab.getByRole('main').getByRole('combobox');
  for (const [i, field] of ['name', 'birth_date', 'email'].entries()) await choices.nth(i).selectOption(field);
  await next(tab);
  await tab.getByRole('button', { name: 'Send the file' }).waitFor();
  await look(tab);
  await tab.getByRole('button', { name: 'Send the file' }).click();
  await tab.getByRole('button', { name: 'Send with mistakes' }).click();
  const refused = /^[=<]|\u202E/.test(text);
  await (refused ? tab.getByRole('alert').first().waitFor() : tab.waitForURL(/\/uploads\/[^/]+$/));
  await look(tab);
  expect([kind, said.filter((line) => !line.includes('status of 422'))]).toEqual([kind, []]);
  await context.close();
});

test('shows what an upload and a schema say as text in each view, with JavaScript and without', async () => {
  const { context, tab } = await bench.open();
  tab.setDefaultTimeout(10_000);
  const said = listen(tab);
  const views = Object.keys(HOSTILE).flatMap((kind) => [`/uploads/of-${kind}`, `/templates/${kind}`]);
  const at = new URL(tab.url()).pathname.replace(/\/new$/, '');
  for (const path of ['', '/templates', ...views]) {
    await tab.goto(`${bench.page.origin}${at}${path}`);
    await tab.getByRole('heading', { level: 1 }).waitFor();
    await look(tab);
    expect(await tab.getByText('Something on this page went wrong').count()).toBe(0);
  }
  expect(said).toEqual([]);
  for (const locale of ['en-US', 'es-ES']) await lookAtForms(context, locale);
  await context.close();
});

async function lookAtForms(context: BrowserContext, locale: string): Promise<void> {
  const storageState = await context.storageState();
  const plain = await context.browser()!.newContext({ javaScriptEnabled: false, locale, storageState });
  const tab = await plain.newPage();
  const uploads = Object.keys(HOSTILE).map((kind) => `/uploads/of-${kind}`);
  const asked = `/new?${new URLSearchParams({ schema: 'people', name: MARKUP })}`;
  for (const path of ['', asked, `/${encodeURIComponent(MARKUP)}/x/y`, ...uploads]) {
    await tab.goto(`${bench.page.origin}/page/forms/${NAMESPACE}${path}`);
    await look(tab);
  }
  await plain.close();
}

test('shows the file that was picked last, however long the one before takes', async () => {
  const { context, tab } = await bench.open();
  const first = Promise.withResolvers<void>();
  let scripts = 0;
  await context.route(/\/assets\/(check-)?worker-/, async (route) => {
    scripts += 1;
    if (scripts === 1) await first.promise;
    await route.continue().catch(() => undefined);
  });
  const input = tab.getByLabel('File with records');
  await input.setInputFiles(await bench.write('slow.csv', 'id,name\n1,Ann\n'));
  await tab.getByText('slow.csv').first().waitFor();
  await input.setInputFiles(await bench.write('second.csv', 'id,name,birth_date,email\n1,Ann,,\n'));
  await tab.getByText('“second.csv” (').waitFor();
  first.resolve();
  await tab.waitForTimeout(1_000);
  expect(await tab.getByText('slow.csv').count()).toBe(0);
  await tab.getByText('“second.csv” (').waitFor();
  await context.close();
});

test('leaves nothing of a person who signs out to the next one, in any tab', async () => {
  const { context, tab } = await bench.open();
  const kept = { user: 'oidc:alice', namespace: NAMESPACE, id: 'x', schema: 'people', columns: [] };
  const mark = { name: 'salaries.csv', sizeBytes: 9, lastModified: 1, ends: 1 };
  const text = JSON.stringify([{ ...kept, mark, expiresAt: Date.now() + 3_600_000 }]);
  await tab.evaluate(`localStorage.setItem('batch-upload.unfinished', ${JSON.stringify(text)})`);
  const other = await bench.tab(context);
  await other.getByText('salaries.csv').first().waitFor();
  await tab.getByRole('button', { name: 'Sign out' }).click();
  await other.getByRole('main').getByRole('link', { name: 'Sign in' }).waitFor();
  expect(await other.getByText(/salaries|onerror/).count()).toBe(0);
  expect(await other.evaluate('JSON.stringify(localStorage)')).not.toContain('salaries');
  await context.close();
});

test('tells a tab of one person when another one has signed in', async () => {
  const { context, tab } = await bench.open();
  const other = await context.newPage();
  const bob = await bench.page.signIn('bob');
  const { hostname } = new URL(bench.page.origin);
  const cookies = [...bob.jar.of(hostname)].filter(([, value]) => value !== '');
  await context.addCookies(
    cookies.map(([name, value]) => ({ name, value, url: `https://${hostname}`, secure: true, httpOnly: true })),
  );
  await other.goto(`${bench.page.origin}/page/`);
  await other.getByText('bob').first().waitFor();
  await tab.getByRole('dialog').getByText('bob has signed in').waitFor();
  await context.close();
});

test('does not blame a file for a network that is away', async () => {
  const { context, tab } = await bench.open();
  const path = await bench.write('good.csv', 'id,name,birth_date,email\n1,Ann,,\n');
  await context.setOffline(true);
  await tab.getByLabel('File with records').setInputFiles(path);
  await tab.getByRole('heading', { name: 'The file could not be checked' }).waitFor();
  await context.setOffline(false);
  await tab.getByLabel('File with records').setInputFiles(path);
  await tab.getByText('“good.csv” (').waitFor();
  await context.close();
});
