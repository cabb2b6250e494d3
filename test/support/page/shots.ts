/** Pictures of a page as different people see it, and the check that nothing makes them scroll sideways. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

export interface View {
  name: string;
  /** In CSS pixels. */
  width: number;
  height: number;
  isDark?: boolean;
}

export const VIEWS: readonly View[] = [
  { name: 'wide', width: 1280, height: 800 },
  // A window of 1280 pixels at 200 % has as many CSS pixels.
  { name: 'zoomed', width: 640, height: 800 },
  { name: 'phone', width: 320, height: 640 },
  { name: 'dark', width: 1280, height: 800, isDark: true },
];

/** Shows the page in each view, and leaves it in the first one. */
export async function inViews(page: Page, work: (view: View) => Promise<unknown>, views = VIEWS): Promise<void> {
  for (const view of views) {
    await show(page, view);
    await work(view);
  }
  await show(page, views[0]!);
}

/** Writes `<folder>/<name>-<view>.png` of the whole page for each view. */
export async function takeShots(page: Page, { folder, name }: { folder: string; name: string }): Promise<void> {
  await mkdir(folder, { recursive: true });
  await inViews(page, (view) => page.screenshot({ path: join(folder, `${name}-${view.name}.png`), fullPage: true }));
}

/** @throws an error that names the elements that reach over the right edge, in any of the views */
export async function expectNoSidewaysScrolling(page: Page): Promise<void> {
  await inViews(page, async ({ name, width }) => {
    const found = await page.evaluate(findWide);
    if (found.scrollWidth > width) {
      throw new Error(`${page.url()} scrolls sideways in the view ${name} (${found.scrollWidth} px): ${found.wide}`);
    }
  });
}

async function show(page: Page, { width, height, isDark = false }: View): Promise<void> {
  await page.emulateMedia({ colorScheme: isDark ? 'dark' : 'light' });
  await page.setViewportSize({ width, height });
}

/** This function runs in the browser. The compiler of the tests knows no DOM, hence the types. */
function findWide(): { scrollWidth: number; wide: string } {
  const { document } = globalThis as unknown as {
    document: {
      documentElement: { scrollWidth: number; clientWidth: number };
      querySelectorAll(selector: string): Iterable<{ outerHTML: string; getBoundingClientRect(): { right: number } }>;
    };
  };
  const { scrollWidth, clientWidth } = document.documentElement;
  const wide = [...document.querySelectorAll('body *')]
    .filter((element) => element.getBoundingClientRect().right > clientWidth + 1)
    .map((element) => element.outerHTML.slice(0, 100));
  return { scrollWidth, wide: wide.slice(0, 5).join('\n') };
}
