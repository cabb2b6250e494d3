/** What axe, a checker of the rules of WCAG, finds on a page. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** @throws an error that lists what is wrong with which element */
export async function expectAccessible(page: Page): Promise<void> {
  const hasScripts = await page.evaluate("!matchMedia('(scripting: none)').matches");
  if (hasScripts) return check(page);
  // Axe is a script: where the browser runs none, it checks a copy of the page in a context that runs scripts.
  const context = await page.context().browser()!.newContext();
  try {
    const copy = await context.newPage();
    await copy.setViewportSize(page.viewportSize()!);
    const isDark = await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches");
    await copy.emulateMedia({ colorScheme: isDark ? 'dark' : 'light' });
    const body = await page.content();
    await copy.route(page.url(), (route) => route.fulfill({ body, contentType: 'text/html; charset=utf-8' }));
    await copy.goto(page.url());
    await check(copy);
  } finally {
    await context.close();
  }
}

async function check(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  if (violations.length === 0) return;
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ target, html, failureSummary }) => `${id}: ${help}\n  ${target.join(' ')}: ${html}\n  ${failureSummary}`,
    ),
  );
  throw new Error(`${await page.title()} (${page.url()}) is not accessible:\n${found.join('\n')}`);
}
