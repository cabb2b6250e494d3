/** The browser of the tests: Debian's Chromium, without a window. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';

const SCRIPT = fileURLToPath(new URL('../../cluster/chromium-path.sh', import.meta.url));

export interface TestBrowser extends AsyncDisposable {
  browser: Browser;
  /** Opens a context of its own, without cookies of another one. English is its language unless the options say another. */
  open(options?: BrowserContextOptions): Promise<BrowserContext>;
}

/** The browser ends at the latest with this process. @throws an error that says how to install Chromium */
export async function startBrowser(): Promise<TestBrowser> {
  const browser = await chromium.launch({
    executablePath: await chromiumPath(),
    // Chromium has no sandbox for root.
    chromiumSandbox: process.getuid?.() !== 0,
    // A container has little of the shared memory that Chromium would use.
    args: ['--disable-dev-shm-usage'],
  });
  return {
    browser,
    open: (options) => browser.newContext({ locale: 'en-US', ...options }),
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

/** The path of Chromium, which is installed when it is missing and this machine lets the script do so. */
async function chromiumPath(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(SCRIPT);
    return stdout.trim();
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    throw new Error(`The tests of the staff page need Chromium. ${stderr.trim() || message}`, { cause: error });
  }
}
