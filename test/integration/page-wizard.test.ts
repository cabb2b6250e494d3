/** The wizard of the staff page in Chromium, on a real gateway and S3 server: from a file to a registered upload. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { expectAccessible } from '#support/page/axe.ts';
import { expectNoSidewaysScrolling, takeShots } from '#support/page/shots.ts';
import { NAMESPACE } from '#support/page/start-page.ts';
import { pickAndCheck, startWizard, type WizardBench } from '#support/page/wizard.ts';

/** With this variable, the steps are written as pictures into the folder that it names. */
const SHOTS = process.env['BATCH_UPLOAD_SHOTS'];

let bench: WizardBench;
beforeAll(async () => {
  bench = await startWizard();
});
afterAll(async () => bench?.[Symbol.asyncDispose]());
beforeEach(() => {
  for (const name of ['people', 'persons', 'a-first']) bench.page.api.remove('recordschemas', NAMESPACE, name);
  bench.putSchema();
});

async function look(tab: Page, name: string): Promise<void> {
  await expectAccessible(tab);
  await expectNoSidewaysScrolling(tab);
  if (SHOTS !== undefined) await takeShots(tab, { folder: SHOTS, name });
}

const uploads = () => bench.page.api.all('batchuploads');
const goOn = (tab: Page) => tab.getByRole('button', { name: 'Continue' }).click();
const heading = (tab: Page, name: string) => tab.getByRole('heading', { name, exact: true }).waitFor();

const OTHER_NAMES =
  'ID;Full name;Date of birth;Contact;Note\n1;Ann Lee;1980-02-28;a@example.org;x\n2;;1999-02-30;b;y\n';

test('asks what columns are, shows faults, sends, and knows the columns the next time', async () => {
  const { context, tab } = await bench.open();
  await look(tab, '1-pick');
  await tab.getByLabel('File with records').setInputFiles(await bench.write('staff.csv', OTHER_NAMES));
  await tab.getByLabel('Record type').waitFor();
  await look(tab, '2-schema');
  await goOn(tab);

  await heading(tab, 'Say what the columns are');
  expect(
    await tab.getByRole('heading', { name: 'Say what' }).evaluate((it) => it === it.ownerDocument.activeElement),
  ).toBe(true);
  expect(await tab.getByLabel('What is the column “Date of birth”?').inputValue()).toBe('birth_date');
  await goOn(tab);
  await heading(tab, 'The columns do not fit yet');
  await look(tab, '3-columns');
  await tab.getByLabel('What is the column “Contact”?').selectOption('email');
  await goOn(tab);

  await heading(tab, '1 record has mistakes');
  await tab.getByText('Row 3: name is required').waitFor();
  await tab.getByText('a semicolon').waitFor();
  await look(tab, '4-check');
  await tab.getByRole('button', { name: 'Send the file' }).click();
  await heading(tab, 'Send the file with its mistakes?');
  await tab.getByRole('button', { name: 'Send with mistakes' }).click();
  await tab.waitForURL(/\/uploads\/.+/);

  const [upload] = uploads();
  expect(upload).toMatchObject({
    spec: {
      schemaRef: { name: 'people' },
      source: { type: 'UI' },
      format: {
        columns: [
          { name: 'Full name', field: 'name' },
          { name: 'Date of birth', field: 'birth_date' },
          { name: 'Contact', field: 'email' },
          { name: 'Note', ignore: true },
        ],
      },
    },
  });

  const again = await bench.tab(context);
  await pickAndCheck(again, await bench.write('staff-2.csv', OTHER_NAMES.replace('1999-02-30', '1999-02-28')));
  await again.getByRole('button', { name: 'Change the columns' }).click();
  await again.getByText('You or somebody else chose this for such a file before.').first().waitFor();
  await context.close();
});

test('suggests the schema whose columns fit, and needs no question for a good file', async () => {
  bench.page.api.put('recordschemas', {
    metadata: { name: 'a-first', namespace: NAMESPACE },
    spec: {
      fields: [{ name: 'other', type: 'string' }],
      target: { table: 't', columns: [{ name: 'other', field: 'other' }] },
    },
    status: { conditions: [{ type: 'Ready', status: 'True', reason: 'Checked', message: '' }] },
  });
  const before = uploads().length;
  const { context, tab } = await bench.open();
  await pickAndCheck(tab, await bench.write('good.csv', 'id,name,birth_date,email\n1,Ann,1980-02-28,a@example.org\n'));
  await heading(tab, 'No mistakes were found');
  await tab.getByText('The 1 record of the file was checked.').waitFor();
  await tab.getByRole('button', { name: 'Send the file' }).click();
  await tab.waitForURL(/\/uploads\/.+/);
  expect(uploads().length).toBe(before + 1);
  await context.close();
});

test('says what is wrong with what was picked', async () => {
  const { context, tab } = await bench.open();
  const input = tab.getByLabel('File with records');
  await input.setInputFiles(await bench.write('empty.csv', ''));
  await tab.getByText('“empty.csv” is empty: it has 0 bytes.').waitFor();
  await look(tab, '5-empty');
  await input.setInputFiles(await bench.write('cut.csv.gz', Buffer.from('1f8b0800000000000003cb48cdc9', 'hex')));
  await heading(tab, 'This file cannot be loaded');
  await input.setInputFiles(await bench.write('no-records.csv', 'id,name,birth_date,email\n'));
  await goOn(tab);
  await heading(tab, 'The file has no records');
  expect(await tab.getByRole('button', { name: 'Send the file' }).count()).toBe(0);
  await context.close();
});

test('reads a dropped folder or several files as what they are', async () => {
  const { context, tab } = await bench.open();
  await tab.evaluate(`(() => {
    const drop = (files) => {
      const data = new DataTransfer();
      for (const name of files) data.items.add(new File(['id\\n1\\n'], name));
      const event = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data });
      document.querySelector('#wizard-file').dispatchEvent(event);
    };
    drop(['a.csv', 'b.csv']);
  })()`);
  await tab.getByText('You dropped 2 files.').waitFor();
  await context.close();
});

test('keeps a file that was sent when its schema is gone, and registers it under another one', async () => {
  const { context, tab } = await bench.open();
  const puts: string[] = [];
  tab.on(
    'request',
    (request) => request.method() === 'PUT' && request.url().includes('/files/') && puts.push(request.url()),
  );
  await pickAndCheck(tab, await bench.write('late.csv', 'id,name,birth_date,email\n1,Ann,1980-02-28,a@example.org\n'));
  bench.page.api.remove('recordschemas', NAMESPACE, 'people');
  await tab.getByRole('button', { name: 'Send the file' }).click();
  await heading(tab, 'The file was sent, but cannot be loaded yet');
  await tab.getByText('The record type “people” was deleted').waitFor();
  await look(tab, '6-schema-gone');
  bench.putSchema('persons');
  await tab.getByRole('button', { name: 'Choose another record type' }).click();
  await goOn(tab);
  await tab.getByRole('button', { name: 'Send the file' }).click();
  await tab.waitForURL(/\/uploads\/.+/);
  expect(puts).toHaveLength(1);
  expect(uploads().at(-1)).toMatchObject({ spec: { schemaRef: { name: 'persons' } } });
  await context.close();
});
