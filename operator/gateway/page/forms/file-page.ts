/** The second and the third step: send the file to the storage, and have its records loaded. Pure. */
import { formPaths } from './form-paths.ts';
import { renderAlert, renderButtonLink, renderFrame, renderLink, type View } from './frame.ts';
import { type Html, html } from './html.ts';
import { renderSchemaField } from './new-page.ts';

export interface FilePage {
  namespace: string;
  id: string;
  fileName: string;
  /** The most bytes of the file. */
  maxBytes: number;
  /** What went wrong before; null: nothing. `detail` is what the gateway says. */
  notice: { text: string; detail: string | null } | null;
}

export interface SignedForm {
  url: string;
  fields: Record<string, string>;
  /** ISO 8601. */
  expiresAt: string;
}

/** Sends the file straight to the storage, which sends the browser back here. */
export function renderSend(view: View, page: FilePage, { url, fields, expiresAt }: SignedForm): string {
  const { t, bytes, moment } = view;
  const size = bytes(page.maxBytes);
  const hidden = Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">
`,
  );
  const content = html`${renderNotice(view, page)}
<p>${t('forms.send-text', { size })}</p>
<p>${t('forms.send-until', { time: moment(expiresAt) })}</p>
<form class="app-card" method="post" action="${url}" enctype="multipart/form-data">
${hidden}<div class="usa-form-group">
<label class="usa-label" for="file">${t('forms.choose')}</label>
<input class="usa-input app-file" id="file" type="file" name="file" required>
</div>
<p><button class="usa-button" type="submit">${t('forms.send-button')}</button></p>
</form>
<h2>${t('forms.send-failed')}</h2>
<p>${t('forms.send-failed-text', { size })}</p>
${renderLink(formPaths.uploads(page.namespace), t('forms.back'))}`;
  return renderFrame(view, t('forms.send', { file: page.fileName }), content);
}

export interface Arrived {
  size: number;
  /** Without quotes. */
  eTag: string;
  /** ISO 8601. */
  at: string;
}

export interface SchemaChoice {
  /** Null: the person may not list the schemas. */
  schemas: readonly string[] | null;
  schema: string;
  error: string | null;
}

export function renderArrived(
  view: View,
  page: FilePage,
  { arrived, choice }: { arrived: Arrived; choice: SchemaChoice },
) {
  const { t, bytes, moment, session } = view;
  const { namespace, id } = page;
  const content = html`${renderNotice(view, page)}
<p>${t('forms.arrived-text', { size: bytes(arrived.size), time: moment(arrived.at) })}</p>
<p>${t('forms.arrived-check')}</p>
<form class="app-card" method="post" action="${formPaths.file(namespace, id)}" novalidate>
<input type="hidden" name="csrf" value="${session?.csrf ?? ''}">
<input type="hidden" name="etag" value="${arrived.eTag}">
${renderSchemaField(view, { ...choice, errors: { schema: choice.error } })}
<p><button class="usa-button" type="submit">${t('forms.load')}</button></p>
</form>
${renderLink(formPaths.new(namespace, { schema: choice.schema, name: page.fileName }), t('forms.wrong-file'))}
${renderLink(formPaths.uploads(namespace), t('forms.back'))}`;
  return renderFrame(view, t('forms.arrived', { file: page.fileName }), content);
}

export function renderGone(view: View, { namespace, fileName }: FilePage): string {
  const { t } = view;
  const content = [
    html`<p>${t('forms.gone-text')}</p>`,
    renderButtonLink(formPaths.new(namespace, { name: fileName }), t('uploads.send')),
    renderLink(formPaths.uploads(namespace), t('forms.back')),
  ];
  return renderFrame(view, t('forms.gone', { file: fileName }), content);
}

function renderNotice({ t }: View, { notice }: FilePage): Html | null {
  if (notice === null) return null;
  const content = html`<p>${notice.text}</p>${notice.detail !== null && renderDetail(t('problem.details'), notice.detail)}`;
  return renderAlert('error', { heading: t('forms.not-loaded'), content, isUrgent: true });
}

/** What the gateway says of a problem, which is English in every language. */
export function renderDetail(label: string, detail: string): Html {
  return html`<details class="app-details"><summary>${label}</summary><p lang="en">${detail}</p></details>`;
}
