/** HTML as a tagged template: every value is text unless it is HTML of another template. */
import { escapeHtml } from '#operator/gateway/http/api-page.ts';

/** HTML in which every text is escaped. Only {@link html} makes it. */
export class Html {
  readonly markup: string;

  /** @param markup where every value is escaped already */
  constructor(markup: string) {
    this.markup = markup;
  }
}

/** Null and false show nothing. */
export type Shown = string | number | Html | null | false | readonly Shown[];

/** Values stand between tags, or in attributes with double quotes, and nowhere else. */
export function html(pieces: TemplateStringsArray, ...values: Shown[]): Html {
  return new Html(pieces.map((piece, i) => (i === 0 ? piece : markupOf(values[i - 1]!) + piece)).join(''));
}

function markupOf(value: Shown): string {
  if (value === null || value === false) return '';
  if (value instanceof Html) return value.markup;
  if (typeof value === 'string' || typeof value === 'number') return escapeHtml(String(value));
  return value.map(markupOf).join('');
}
