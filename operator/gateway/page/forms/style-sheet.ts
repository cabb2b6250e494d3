/** The style sheet of the staff page, which the pages without JavaScript share. Pure. */
import type { PageFiles } from '#operator/gateway/page/page-files.ts';

/** @returns the address of the style sheet; null when the page was not built: then a browser shows plain HTML. */
export function findStyleSheet({ index }: Pick<PageFiles, 'index'>): string | null {
  const link = /<link rel="stylesheet"[^>]* href="(\/page\/assets\/[\w.-]+\.css)"/.exec(index?.bytes.toString() ?? '');
  return link?.[1] ?? null;
}
