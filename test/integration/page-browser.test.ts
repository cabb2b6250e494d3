/** The browser of the tests: it shows a page, also without JavaScript, and the checks find what they are for. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectAccessible } from '#support/page/axe.ts';
import { startBrowser, type TestBrowser } from '#support/page/chromium.ts';
import { expectNoSidewaysScrolling } from '#support/page/shots.ts';

let chromium: TestBrowser;
beforeAll(async () => {
  chromium = await startBrowser();
});
afterAll(async () => chromium?.[Symbol.asyncDispose]());

const BAD = '<main><h1>Files</h1><input><p style="width: 700px">wide</p></main>';
const GOOD = '<main><h1>Files</h1><p>Text.</p></main>';

test.each([{ javaScriptEnabled: true }, { javaScriptEnabled: false }])('checks a page (%o)', async (options) => {
  await using context = await chromium.open(options);
  await context.route('http://page.test/**', (route) => {
    const body = route.request().url().endsWith('/good') ? GOOD : BAD;
    return route.fulfill({
      contentType: 'text/html',
      body: `<!doctype html><html lang="en"><title>Files</title><body>${body}</body></html>`,
    });
  });
  const page = await context.newPage();
  await page.goto('http://page.test/good');
  await expectAccessible(page);
  await expectNoSidewaysScrolling(page);
  await page.goto('http://page.test/bad');
  await expect(expectAccessible(page)).rejects.toThrow(/label: .*\n.*<input>/);
  await expect(expectNoSidewaysScrolling(page)).rejects.toThrow(/zoomed .*700px/s);
});
