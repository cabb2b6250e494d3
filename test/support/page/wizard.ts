/** A person at the wizard of the staff page, in Chromium. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContext, Page } from 'playwright-core';
import { build } from 'vite';
import { buildOnce } from '#support/process/build-once.ts';
import { startBrowser } from './chromium.ts';
import { NAMESPACE, type PageOptions, startPage, type TestPage } from './start-page.ts';

export interface WizardBench extends AsyncDisposable {
  page: TestPage;
  /** Opens a browser of its own, signed in as alice, at the wizard. */
  open(): Promise<{ context: BrowserContext; tab: Page }>;
  /** Opens the wizard in another tab of a browser that is signed in. */
  tab(context: BrowserContext): Promise<Page>;
  /** Writes a file to the disk. @returns its path */
  write(name: string, content: string | Buffer): Promise<string>;
  /** Puts the schema `people`, or one like it. */
  putSchema(name?: string): void;
}

/** Builds the page once for all test files. */
export function buildPage(): Promise<string> {
  const configFile = fileURLToPath(new URL('../../../page/vite.config.ts', import.meta.url));
  return buildOnce('page', (outDir) => build({ configFile, logLevel: 'error', build: { outDir } }));
}

export async function startWizard(options: PageOptions = {}): Promise<WizardBench> {
  await using made = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-wizard-'));
  made.defer(() => rm(folder, { recursive: true, force: true }));
  const page = made.use(await startPage({ filesFolder: await buildPage(), ...options }));
  const chromium = made.use(await startBrowser());
  const address = `/page/n/${NAMESPACE}/new`;
  const kept = made.move();
  const tab = async (context: BrowserContext) => {
    const opened = await context.newPage();
    await opened.goto(`${page.origin}${address}`);
    await opened.getByRole('heading', { name: 'Choose a file' }).waitFor();
    return opened;
  };
  return {
    page,
    tab,
    async open() {
      const context = await chromium.open();
      const first = await context.newPage();
      await first.goto(`${page.origin}/page/login?to=${address}`);
      await signIn(first);
      await first.getByRole('heading', { name: 'Choose a file' }).waitFor();
      return { context, tab: first };
    },
    async write(name, content) {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
    putSchema: (name = 'people') => page.api.put('recordschemas', peopleSchema(name)),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Fills in the form of the identity provider. */
export async function signIn(tab: Page): Promise<void> {
  await tab.getByRole('textbox').fill('alice');
  await tab.getByRole('button').first().click();
}

export function peopleSchema(name: string): object {
  const fields = [
    { name: 'id', type: 'integer' },
    { name: 'name', type: 'string', title: 'Full name', constraints: { required: true, maxLength: 60 } },
    { name: 'birth_date', type: 'date' },
    { name: 'email', type: 'string', format: 'email' },
  ];
  return {
    metadata: { name, namespace: NAMESPACE },
    spec: {
      fields,
      primaryKey: ['id'],
      target: { table: name, create: true, columns: fields.map((field) => ({ name: field.name, field: field.name })) },
    },
    status: { conditions: [{ type: 'Ready', status: 'True', reason: 'Checked', message: '' }] },
  };
}

/** Picks the file and goes to the check. */
export async function pickAndCheck(tab: Page, path: string): Promise<void> {
  await tab.getByLabel('File with records').setInputFiles(path);
  await tab.getByRole('button', { name: 'Continue' }).click();
  await tab.getByRole('button', { name: 'Send the file' }).waitFor();
}

export interface PutEvent {
  /** The number of the part; 0 for a file that is put whole. */
  part: number;
}

export type PutDecision = 'pass' | 'cut';

/**
 * Sees each PUT of a part before the storage does. @param decide `cut` breaks the connection; a promise holds the part
 * back
 */
export async function watchPuts(
  context: BrowserContext,
  endpoint: string,
  decide: (put: PutEvent) => PutDecision | Promise<PutDecision>,
): Promise<void> {
  await context.route(`${endpoint}/**`, async (route) => {
    const request = route.request();
    if (request.method() !== 'PUT') return route.continue();
    const part = Number(new URL(request.url()).searchParams.get('partNumber') ?? 0);
    const decision = await decide({ part });
    await (decision === 'cut' ? route.abort('connectionreset') : route.continue()).catch(() => undefined);
  });
}
