/** A page of Chromium with nothing but the check of files, built and served as the gateway serves the staff page. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { CDPSession, Page } from 'playwright-core';
import { build, type Rolldown } from 'vite';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat } from '#api/source-format.ts';
import { documentPolicy, workerPolicy } from '#operator/gateway/page/page-policy.ts';
import type { CheckEvent, CheckRequest, CheckSummary, FileFacts, WholeFault } from '#page/check/types.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { startBrowser } from '#support/page/chromium.ts';

export interface CheckPage extends AsyncDisposable {
  version: string;
  /** The document has a field of files, named File, and the global `checkClient`, a {@link CheckClient}. */
  page: Page;
  check(options: {
    path: string;
    /** The file is picked, and so many copies of it behind each other are checked. */
    copies: number;
    spec: RecordSchemaSpec;
    columnTypes: ColumnType[] | null;
    limitBytes: number | null;
  }): Promise<Measured>;
}

/** What the page imports. */
export interface CheckClient {
  startCheck(request: CheckRequest, onEvent: (event: CheckEvent) => void): { cancel(): void };
  inspectFile(file: File, declared: DeclaredFormat): Promise<FileFacts | WholeFault>;
}

export interface Measured {
  summary: CheckSummary;
  ms: number;
  /** The longest time in which the page did not answer. */
  longestPauseMs: number;
  /** Resident memory of the tab's process. */
  peakMiB: number;
  restMiB: number;
  events: number;
}

const pageFile = (name: string) => fileURLToPath(new URL(`../../../page/${name}`, import.meta.url));
const DOCUMENT =
  '<!doctype html><title>Check</title><input type="file" aria-label="File"><script type="module" src="/page/start.js"></script>';

export async function openCheckPage(): Promise<CheckPage> {
  await using stack = new AsyncDisposableStack();
  const files = await buildClient();
  const server = createServer(({ url = '/' }, response) => {
    const path = url.replace(/^\/page\//, '');
    const code = files.get(path);
    const isScript = code !== undefined;
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.setHeader('content-security-policy', (isScript ? workerPolicy(path) : null) ?? documentPolicy([]));
    response.end(code ?? DOCUMENT);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void server.close());
  const { browser, open } = stack.use(await startBrowser());
  const page = await (await open()).newPage();
  page.on('console', (message) => message.type() === 'error' && console.error(message.text()));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/page/`);
  await page.waitForFunction(() => 'checkClient' in globalThis);
  const pid = await rendererPid(await browser.newBrowserCDPSession());
  const owned = stack.move();
  return {
    version: browser.version(),
    page,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
    async check({ path, ...request }) {
      await page.getByLabel('File').setInputFiles(path);
      const restMiB = await memoryMiB(pid, 'VmRSS');
      const result = await page.getByLabel('File').evaluate(checkInPage, request);
      return { ...result, restMiB, peakMiB: await memoryMiB(pid, 'VmHWM') };
    },
  };
}

async function buildClient(): Promise<Map<string, string>> {
  const { output } = (await build({
    configFile: pageFile('vite.config.ts'),
    logLevel: 'silent',
    build: {
      write: false,
      rolldownOptions: { input: pageFile('check/client.ts'), preserveEntrySignatures: 'strict' },
    },
  })) as Rolldown.RolldownOutput;
  const files = new Map(output.map((file) => [file.fileName, file.type === 'chunk' ? file.code : String(file.source)]));
  const client = output.find((file) => file.type === 'chunk' && file.isEntry)!.fileName;
  return files.set('start.js', `import * as client from '/page/${client}'; globalThis.checkClient = client;`);
}

interface InPage {
  copies: number;
  spec: RecordSchemaSpec;
  columnTypes: ColumnType[] | null;
  limitBytes: number | null;
}

/** Runs in the page. The page looks at the clock again and again while the Worker works. */
async function checkInPage(input: unknown, { copies, ...request }: InPage) {
  const { startCheck } = (globalThis as unknown as { checkClient: CheckClient }).checkClient;
  const picked = (input as { files: File[] }).files[0]!;
  const file = copies === 1 ? picked : new File(Array(copies).fill(picked), picked.name);
  const startMs = performance.now();
  let lastMs = startMs;
  let longestPauseMs = 0;
  let events = 0;
  const tick = setInterval(() => {
    const nowMs = performance.now();
    longestPauseMs = Math.max(longestPauseMs, nowMs - lastMs);
    lastMs = nowMs;
  }, 4);
  const { promise, resolve, reject } = Promise.withResolvers<CheckSummary>();
  startCheck({ ...request, file, declared: {} }, (event) => {
    events += 1;
    if (event.type === 'done') resolve(event.summary);
    if (event.type === 'failed') reject(new Error(event.fault.message));
  });
  const summary = await promise;
  clearInterval(tick);
  return { summary, ms: performance.now() - startMs, longestPauseMs, events };
}

async function rendererPid(session: CDPSession): Promise<number> {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const renderers = processInfo.filter(({ type }) => type === 'renderer');
  return Math.max(...renderers.map(({ id }) => id));
}

/** @param what VmRSS: now; VmHWM: at most since the process began */
async function memoryMiB(pid: number, what: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(new RegExp(`${what}:\\s+(\\d+)`).exec(status)![1]) / 1024);
}
