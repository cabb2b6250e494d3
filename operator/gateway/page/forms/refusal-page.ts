/** What a person reads when a page cannot be shown or a step was refused: what happened, and what to do. Pure. */
import type { Problem } from '#operator/gateway/http/problem.ts';
import { renderDetail } from './file-page.ts';
import { FORMS, signInPath } from './form-paths.ts';
import { renderAlert, renderButtonLink, renderFrame, renderLink, type View } from './frame.ts';
import { html } from './html.ts';

/** @param hadSession false: the browser has no cookie of a session, so that the person has not signed in before */
export function renderSignIn(view: View, { to, hadSession }: { to: string; hadSession: boolean }): string {
  const { t } = view;
  const content = [
    html`<p>${t(hadSession ? 'forms.signed-out-text' : 'forms.sign-in-first-text')}</p>`,
    renderButtonLink(signInPath(to), t('forms.sign-in')),
  ];
  return renderFrame(view, t(hadSession ? 'forms.signed-out' : 'forms.sign-in-first'), content);
}

/** @param back where the person can go on; null: only from the start */
export function renderRefusal(view: View, { type, options }: Problem, back: string | null): string {
  const { t } = view;
  const { detail, retryAfterSeconds } = options;
  const text = html`<p>${t(`problem.${type}`)}</p>
${retryAfterSeconds !== undefined && html`<p>${t('problem.wait', { count: Math.ceil(retryAfterSeconds) })}</p>`}
${renderDetail(t('problem.details'), detail)}`;
  const content = [
    renderAlert('error', { content: text, isUrgent: true }),
    back !== null && renderLink(back, t('shell.try-again')),
    renderLink(FORMS, t('shell.to-start')),
  ];
  return renderFrame(view, t('forms.refusal'), content);
}

export function renderUnknown(view: View): string {
  const { t } = view;
  return renderFrame(view, t('shell.not-found'), [
    html`<p>${t('shell.no-such-page')}</p>`,
    renderLink(FORMS, t('shell.to-start')),
  ]);
}
