/** The groups of a person, and the files that the person has sent to one of them. Pure. */
import type { UploadView } from '#operator/gateway/uploads/upload-schemas.ts';
import { formPaths } from './form-paths.ts';
import { renderAlert, renderButtonLink, renderFrame, renderLink, type View } from './frame.ts';
import { html } from './html.ts';

export function renderGroups(view: View, groups: readonly string[], maxBytes: number): string {
  const { t, bytes } = view;
  if (groups.length === 0) {
    const alert = renderAlert('info', { content: html`<p>${t('forms.no-groups')}</p>` });
    return renderFrame(view, t('forms.groups'), alert);
  }
  const items = groups.map((name) => html`<li><a class="usa-link" href="${formPaths.uploads(name)}">${name}</a></li>`);
  const content = html`<p>${t('forms.groups-text')}</p>
<ul class="usa-list">${items}</ul>
<p>${t('forms.full-page', { size: bytes(maxBytes) })}</p>`;
  return renderFrame(view, t('forms.groups'), content);
}

export interface UploadsPage {
  namespace: string;
  uploads: readonly UploadView[];
  nextCursor: string | null;
  mayUpload: boolean;
}

export function renderUploads(view: View, { namespace, uploads, nextCursor, mayUpload }: UploadsPage): string {
  const { t } = view;
  const content = html`${mayUpload && renderButtonLink(formPaths.new(namespace), t('forms.send-file'))}
${uploads.length === 0 ? html`<p>${t('forms.uploads-empty')}</p>` : renderTable(view, uploads)}
${nextCursor !== null && renderLink(formPaths.uploads(namespace, nextCursor), t('forms.older'))}
${renderLink(formPaths.groups(), t('forms.other-group'))}`;
  return renderFrame(view, t('forms.uploads', { group: namespace }), content);
}

/** The roles are said again, because a narrow screen shows each row as a card. */
function renderTable(view: View, uploads: readonly UploadView[]) {
  const { t } = view;
  const headings = [t('forms.file'), t('forms.schema'), t('forms.state'), t('forms.sent')] as const;
  const rows = uploads.map(
    (upload) => html`<tr role="row">
<th role="rowheader" scope="row" data-label="${headings[0]}"><a class="usa-link" href="${formPaths.upload(upload.namespace, upload.name)}">${upload.file.name}</a></th>
<td role="cell" data-label="${headings[1]}">${upload.schema}</td>
<td role="cell" data-label="${headings[2]}">${describeState(view, upload)}</td>
<td role="cell" data-label="${headings[3]}">${view.moment(upload.createdAt)}</td>
</tr>`,
  );
  return html`<table class="usa-table usa-table--borderless app-table app-table--cards" role="table">
<caption class="usa-sr-only">${t('forms.uploads', { group: uploads[0]!.namespace })}</caption>
<thead role="rowgroup"><tr role="row">${headings.map((heading) => html`<th role="columnheader" scope="col">${heading}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows}</tbody>
</table>`;
}

function describeState({ t }: View, { phase, records = {} }: UploadView): string {
  const { failed = 0 } = records;
  const state = t(`forms.state.${phase}`);
  return failed === 0 ? state : `${state}, ${t('forms.refused-count', { count: failed })}`;
}
