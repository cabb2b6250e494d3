/** What every page without JavaScript has around its content. Pure. */
import type { Session } from '#operator/gateway/model/types.ts';
import { formatBytes, formatMoment } from '#page/texts/format.ts';
import { type Language, type TextKey, text, type ValuesOf } from '#page/texts/text.ts';
import { FORMS } from './form-paths.ts';
import { type Html, html, type Shown } from './html.ts';

/** What a page is shown with. */
export interface View {
  language: Language;
  /** Null where nobody is signed in. */
  session: Pick<Session, 'displayName' | 'csrf'> | null;
  /** The address of the style sheet; null when the page was not built. */
  styleSheet: string | null;
  t<K extends TextKey>(key: K, ...values: ValuesOf<K> extends Record<string, never> ? [] : [ValuesOf<K>]): string;
  /** @param at ISO 8601. @returns it with its time zone: the gateway does not know that of the person */
  moment(at: string): string;
  bytes(count: number): string;
}

export function createView(view: Pick<View, 'language' | 'session' | 'styleSheet'>): View {
  const { language } = view;
  return {
    ...view,
    t: (key, ...[values]) => text(key, (values ?? {}) as never, language),
    moment: (at) => `${formatMoment(language, at, 'UTC')} UTC`,
    bytes: (count) => formatBytes(language, count),
  };
}

export function renderFrame({ language, session, styleSheet, t }: View, title: string, content: Shown): string {
  const page = html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · BatchUpload</title>
${styleSheet !== null && html`<link rel="stylesheet" href="${styleSheet}">`}
</head>
<body class="app-page">
<a class="usa-skipnav" href="#main">${t('shell.skip')}</a>
<header class="app-header">
<div class="app-header__bar">
<a class="app-title" href="${FORMS}">${t('shell.title')}</a>
${session !== null && renderPerson(session, t)}
</div>
</header>
<main class="app-main" id="main" tabindex="-1">
<div class="app-stack">
<h1 class="app-heading">${title}</h1>
${content}
</div>
</main>
</body>
</html>
`;
  return page.markup;
}

function renderPerson({ displayName, csrf }: NonNullable<View['session']>, t: View['t']): Html {
  return html`<form class="app-header__tools" method="post" action="/page/logout">
<input type="hidden" name="csrf" value="${csrf}">
<span class="app-user">${t('forms.signed-in', { name: displayName })}</span>
<button class="usa-button usa-button--unstyled" type="submit">${t('shell.sign-out')}</button>
</form>`;
}

/** @param role `alert` is read out at once */
export function renderAlert(
  tone: 'info' | 'success' | 'warning' | 'error',
  { heading, content, isUrgent = false }: { heading?: string; content: Shown; isUrgent?: boolean },
): Html {
  return html`<div class="usa-alert usa-alert--${tone}"${isUrgent && html` role="alert"`}>
<div class="usa-alert__body">
${heading !== undefined && html`<h2 class="usa-alert__heading">${heading}</h2>`}
<div class="usa-alert__text">${content}</div>
</div>
</div>`;
}

export const renderLink = (href: string, label: string) => html`<p><a class="usa-link" href="${href}">${label}</a></p>`;
export const renderButtonLink = (href: string, label: string) =>
  html`<p><a class="usa-button" href="${href}">${label}</a></p>`;

/** One field of a form: its label, its hint, what is wrong with it. */
export function renderField(
  id: string,
  {
    label,
    hint,
    error,
    control,
  }: { label: string; hint: string; error: string | null; control: (attributes: Html) => Html },
): Html {
  const described = `${id}-hint${error === null ? '' : ` ${id}-error`}`;
  const attributes = html` id="${id}" name="${id}" aria-describedby="${described}"${error !== null && html` aria-invalid="true"`}`;
  return html`<div class="usa-form-group${error !== null && ' usa-form-group--error'}">
<label class="usa-label" for="${id}">${label}</label>
<div class="usa-hint" id="${id}-hint">${hint}</div>
${error !== null && html`<div class="usa-error-message" id="${id}-error">${error}</div>`}
${control(attributes)}
</div>`;
}
