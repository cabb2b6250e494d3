/** A clerk at the staff page, on the real cluster: from signing in to rows in PostgreSQL and the file of failed records. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createE2e, type E2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';
import { schemaManifest } from '#support/cluster/manifests.ts';
import { findGateway } from '#support/gateway/origin.ts';
import { expectAccessible } from '#support/page/axe.ts';
import { type ClusterPage, startClusterPage } from '#support/page/cluster-page.ts';
import { expectNoSidewaysScrolling } from '#support/page/shots.ts';
import { watchPuts } from '#support/page/wizard.ts';

let e2e: E2e;
let page: ClusterPage;
beforeAll(async () => {
  e2e = await createE2e();
  page = await startClusterPage(e2e);
});
afterAll(async () => {
  await page?.[Symbol.asyncDispose]();
  await e2e?.close();
});

const NEW = `/page/n/${NAMESPACE}/new`;
/** So many records with cells of so many characters are more than 100 MB, which are sent in parts. */
const LARGE = 11_000;
const CELL = 10_000;

/** A schema whose table the operator makes; both go at the end, with the uploads. */
async function createMembers(stack: AsyncDisposableStack, { nameLength = 20 } = {}) {
  const schema = e2e.unique('members');
  const table = schema.replaceAll('-', '_');
  const spec = {
    fields: [
      { name: 'number', type: 'integer' },
      { name: 'name', type: 'string', constraints: { required: true, maxLength: nameLength } },
      { name: 'since', type: 'date' },
    ],
    primaryKey: ['number'],
    target: {
      table,
      create: true,
      columns: ['number', 'name', 'since'].map((name) => ({ name, field: name })),
    },
  };
  stack.defer(async () => {
    for (const upload of await uploadsOf(schema)) {
      await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', upload.metadata.name, '--ignore-not-found');
    }
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'recordschema', schema, '--ignore-not-found');
    await e2e.db.query(`DROP TABLE IF EXISTS ${table}`);
  });
  await e2e.cluster.apply(schemaManifest(NAMESPACE, schema, spec));
  return {
    schema,
    async rows(): Promise<string[]> {
      const { rows } = await e2e.db.query<{ row: string }>(
        `SELECT concat_ws('|', number, name, since) AS row FROM ${table} ORDER BY number`,
      );
      return rows.map(({ row }) => row);
    },
    async count(): Promise<number> {
      const { rows } = await e2e.db.query<{ count: number }>(`SELECT count(*)::int FROM ${table}`);
      return rows[0]!.count;
    },
  };
}

interface UploadOf {
  metadata: { name: string; annotations?: Record<string, string> };
  spec: { schemaRef: { name: string }; source: { type: string } };
}

async function uploadsOf(schema: string): Promise<UploadOf[]> {
  const all = JSON.parse(await e2e.cluster.kubectl('-n', NAMESPACE, 'get', 'batchuploads', '-o', 'json'));
  return (all as { items: UploadOf[] }).items.filter(({ spec }) => spec.schemaRef.name === schema);
}

const heading = (tab: Page, name: string | RegExp) => tab.getByRole('heading', { name }).first().waitFor();

/** The integration tests look at every state; here are those of a real upload. */
async function expectGood(tab: Page): Promise<void> {
  await expectAccessible(tab);
  await expectNoSidewaysScrolling(tab);
}

/** Chooses the schema where more than one fits the header, as others in the namespace may. */
async function pick(tab: Page, path: string, schema: string): Promise<void> {
  await tab.getByLabel('File with records').setInputFiles(path);
  const select = tab.getByLabel('Record type');
  await select.waitFor();
  await select.selectOption({ label: schema }).catch(() => select.selectOption(schema));
  await tab.getByRole('button', { name: 'Continue' }).click();
}

const FILE = 'No;Full name;Member since\n1;Ada Lovelace;1970-01-31\n2;;1999-12-01\n3;Bo;1999-02-30\n4;Cy;2001-05-06\n';

describe('a clerk', () => {
  it('signs in, sees what is wrong, says what the columns are, sends, and gets the failed records back', async () => {
    await using stack = new AsyncDisposableStack();
    const { schema, rows } = await createMembers(stack);
    const clerk = await page.addPerson('batch-upload-uploader');
    const { context, tab } = await page.open(clerk, NEW);
    stack.defer(() => context.close());

    await pick(tab, await page.write('members.csv', FILE), schema);
    await heading(tab, 'Say what the columns are');
    for (const [column, field] of [
      ['No', 'number'],
      ['Full name', 'name'],
      ['Member since', 'since'],
    ] as const) {
      await tab.getByLabel(`What is the column “${column}”?`).selectOption(field);
    }
    await tab.getByRole('button', { name: 'Continue' }).click();
    await heading(tab, '2 records have mistakes');
    await tab.getByText('Row 3: name is required').waitFor();
    await tab.getByRole('button', { name: 'Send the file' }).click();
    await tab.getByRole('button', { name: 'Send with mistakes' }).click();

    await tab.waitForURL(/\/uploads\/.+/);
    await heading(tab, 'Mistakes in the records');
    await tab.getByText('2 records are not loaded').first().waitFor({ timeout: 60_000 });
    await expectGood(tab);
    expect(await rows()).toEqual(['1|Ada Lovelace|1970-01-31', '4|Cy|2001-05-06']);
    const [upload] = await uploadsOf(schema);
    expect(upload).toMatchObject({
      spec: { source: { type: 'UI' } },
      metadata: { annotations: { 'batchupload.dev/created-by': `oidc:${clerk}` } },
    });

    const downloading = tab.waitForEvent('download');
    await tab.getByText('Get the failed records').click();
    const failed = await readFile(await (await downloading).path(), 'utf8');
    expect(
      failed
        .replace(/^\ufeff/, '')
        .split(/\r?\n/)
        .slice(0, 3),
    ).toEqual([
      'No;Full name;Member since;_row;_code;_message',
      expect.stringMatching(/^2;;1999-12-01;3;VAL_001;/),
      expect.stringMatching(/^3;Bo;1999-02-30;4;VAL_002;/),
    ]);

    // The next file of this kind needs no question, and the list shows both.
    await tab.goto(`${page.origin}${NEW}`);
    await pick(tab, await page.write('more.csv', 'No;Full name;Member since\n5;Di;2010-10-10\n'), schema);
    await heading(tab, 'No mistakes were found');
    await tab.getByRole('button', { name: 'Send the file' }).click();
    await tab.waitForURL(/\/uploads\/.+/);
    await tab.getByText('The record of the file is loaded.').first().waitFor({ timeout: 60_000 });
    expect((await rows()).at(-1)).toBe('5|Di|2010-10-10');
    await tab.goto(`${page.origin}/page/n/${NAMESPACE}`);
    await tab.getByRole('link', { name: 'members.csv' }).waitFor();
    await tab.getByRole('link', { name: 'more.csv' }).waitFor();

    // Somebody else with the same role sees neither.
    const other = await page.addPerson('batch-upload-uploader');
    const others = await page.open(other, `/page/n/${NAMESPACE}`);
    stack.defer(() => others.context.close());
    await heading(others.tab, 'No file has been sent yet');
  });

  it('goes on with a large file where it stopped, when the same file is picked in another tab', async () => {
    await using stack = new AsyncDisposableStack();
    const { schema, count } = await createMembers(stack, { nameLength: CELL });
    const clerk = await page.addPerson('batch-upload-uploader');
    const { context, tab } = await page.open(clerk, NEW);
    stack.defer(() => context.close());
    const lines = Array.from({ length: LARGE }, (_, i) => `${i},${String(i).padEnd(CELL, 'x')},2020-02-29\n`);
    const path = await page.write('large.csv', `number,name,since\n${lines.join('')}`);
    const endpoint = e2e.cluster.env.AWS_ENDPOINT_URL_S3!;
    const sent: number[] = [];
    await watchPuts(context, endpoint, ({ part }) => {
      if (part > 2) return 'cut';
      sent.push(part);
      return 'pass';
    });
    await pick(tab, path, schema);
    await tab.getByRole('button', { name: 'Send the file' }).click();
    // The storage has answered both parts when the bar says so.
    await tab.getByText(/3[0-9](\.\d)? MB of/).waitFor();
    await tab.close();
    await context.unrouteAll({ behavior: 'ignoreErrors' });

    const other = await context.newPage();
    await watchPuts(context, endpoint, ({ part }) => {
      sent.push(part);
      return 'pass';
    });
    await other.goto(`${page.origin}${NEW}`);
    await heading(other, 'Files that are not sent completely');
    await other.getByLabel('File with records').setInputFiles(path);
    await other.getByRole('button', { name: 'Go on with sending' }).click();
    await other.waitForURL(/\/uploads\/.+/, { timeout: 120_000 });
    await other
      .getByText(/All 11,000 records of the file are loaded/)
      .first()
      .waitFor({ timeout: 180_000 });
    expect(await count()).toBe(LARGE);
    // Seven parts of 16 MiB, of which those that had arrived were not sent again.
    expect(sent.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('does the same by keyboard alone, on a phone, in the dark', async () => {
    await using stack = new AsyncDisposableStack();
    const { schema, rows } = await createMembers(stack);
    const clerk = await page.addPerson('batch-upload-uploader');
    const { context, tab } = await page.open(clerk, NEW, {
      viewport: { width: 320, height: 640 },
      colorScheme: 'dark',
    });
    stack.defer(() => context.close());
    const press = async (name: string | RegExp) => {
      for (let i = 0; i < 60; i += 1) {
        const focused = tab.locator(':focus');
        const label = (await focused.count()) ? `${await focused.textContent().catch(() => '')}` : '';
        if (typeof name === 'string' ? label.trim() === name : name.test(label)) return tab.keyboard.press('Enter');
        await tab.keyboard.press('Tab');
      }
      throw new Error(`nobody gets to ${name} by the key Tab`);
    };
    // The dialog of the system, in which a file is picked, belongs to the browser.
    await tab
      .getByLabel('File with records')
      .setInputFiles(await page.write('phone.csv', 'number,name,since\n7,Ed,2020-02-29\n'));
    const select = tab.getByLabel('Record type');
    await select.waitFor();
    await select.focus();
    await tab.keyboard.type(schema);
    await press('Continue');
    await heading(tab, 'No mistakes were found');
    await expectGood(tab);
    await press('Send the file');
    await tab.waitForURL(/\/uploads\/.+/);
    await tab.getByText('The record of the file is loaded.').first().waitFor({ timeout: 60_000 });
    await expectGood(tab);
    expect(await rows()).toEqual(['7|Ed|2020-02-29']);
    const cookies = await context.cookies(page.origin);
    await press('Sign out');
    // The provider asks whether the person signs out there, too.
    await tab.waitForURL((url) => url.origin !== page.origin);
    await context.addCookies(cookies);
    const kept = await context.request.get(`${page.origin}/page/session`);
    expect(kept.status()).toBe(401);
  });
});

it('the gateways of the cluster serve the page of the image, which asks everybody to sign in', async () => {
  const origin = await findGateway(e2e.cluster);
  const html = await fetch(`${origin}/page/n/${NAMESPACE}`);
  expect(html.status).toBe(200);
  const text = await html.text();
  expect(html.headers.get('content-security-policy')).toContain("script-src 'self'");
  const [, script] = /<script type="module"[^>]* src="([^"]+)"/.exec(text) ?? [];
  const answer = await fetch(new URL(script!, origin));
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringContaining('javascript')]);
  // The entry that both gateways watch is there, so that the answer is not that something is missing.
  expect((await fetch(`${origin}/page/session`)).status).toBe(401);
  await eventuallyTrue(async () => (await fetch(`${origin}/page/session`)).status === 401, 'a gateway cannot answer');
});
