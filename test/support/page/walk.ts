/** A clerk's way through the whole staff page: from the sign-in to the file of failed records. */
import type { Page } from 'playwright-core';
import { runUpload, setStatus } from './run-upload.ts';
import { NAMESPACE, type TestPage } from './start-page.ts';
import { signIn } from './wizard.ts';

/** Members of a club, with columns that are called otherwise than the fields, and with two mistakes. */
export const MEMBERS_CSV = [
  'ID;Full name;Date of birth;Contact;Note',
  '1001;Ann Lee;1980-02-28;ann.lee@example.org;paid',
  '1002;;1975-11-03;j.ortiz@example.org;paid',
  '1003;Maya Singh;1999-02-30;maya@example.org;',
  '1004;Tom Baker;1962-07-14;tom.baker@example.org;paid',
  '1005;Eva Novak;1988-01-19;eva@example.org;left in 2025',
  '',
].join('\n');

export interface Walk {
  page: TestPage;
  tab: Page;
  /** The file with {@link MEMBERS_CSV}. */
  path: string;
  /** Called in each state of the page, with its name. */
  visit(name: string): Promise<void>;
}

/** @returns the name of the upload */
export async function walkPage({ page, tab, path, visit }: Walk): Promise<string> {
  await tab.goto(`${page.origin}/page/`);
  await tab.getByRole('heading', { level: 1 }).waitFor();
  await visit('sign-in');
  await tab.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await signIn(tab);
  await tab.getByRole('heading', { level: 1 }).waitFor();
  await tab.goto(`${page.origin}/page/n/${NAMESPACE}`);
  await tab.getByText('No file has been sent yet').waitFor();
  await visit('no-uploads');
  await tab.goto(`${page.origin}/page/n/${NAMESPACE}/new`);
  await tab.getByLabel('File with records').setInputFiles(path);
  await tab.getByLabel('Record type').waitFor();
  await visit('pick');
  await next(tab);
  await heading(tab, 'Say what the columns are');
  await tab.getByLabel('What is the column “Contact”?').selectOption('email');
  await visit('columns');
  await next(tab);
  await tab.getByRole('button', { name: 'Send the file' }).waitFor();
  await visit('check');
  await tab.getByRole('button', { name: 'Send the file' }).click();
  await tab.getByRole('button', { name: 'Send with mistakes' }).click();
  await tab.waitForURL(/\/uploads\/.+/);
  const name = new URL(tab.url()).pathname.split('/').at(-1)!;
  await follow({ page, tab, visit, name });
  return name;
}

/** The page shows each change of the upload without being loaded again. */
async function follow({ page, tab, visit, name }: Pick<Walk, 'page' | 'tab' | 'visit'> & { name: string }) {
  await tab.getByText('The file has arrived. It begins in a moment.').waitFor();
  const records = { total: 5, processed: 2, succeeded: 1, failed: 1, duplicate: 0 };
  setStatus(page, name, { phase: 'Processing', startTime: new Date().toISOString(), progress: '40%', records });
  await tab.getByText('The records are being checked and loaded.').waitFor();
  await visit('loading');
  await runUpload(page, name);
  await tab.getByText('2 records are not loaded, because there are mistakes in them.').waitFor();
  await tab.getByRole('heading', { name: 'A value is missing' }).waitFor();
  await visit('done');
  await tab.goto(`${page.origin}/page/n/${NAMESPACE}`);
  await tab.getByRole('link', { name: /members\.csv/ }).waitFor();
  await visit('uploads');
  await tab.goto(`${page.origin}/page/n/${NAMESPACE}/templates`);
  await tab.getByRole('heading', { level: 1 }).waitFor();
  await visit('record-types');
}

const next = (tab: Page) => tab.getByRole('button', { name: 'Continue' }).click();
const heading = (tab: Page, name: string) => tab.getByRole('heading', { name, exact: true }).waitFor();
