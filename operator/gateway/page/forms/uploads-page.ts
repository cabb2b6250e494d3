/** The workspaces of a person, and the files that the person has sent to one of them. Pure. */
import type { UploadView } from '#operator/gateway/uploads/upload-schemas.ts';
import { stateOf } from '#page/views/upload-state.ts';
import { formPaths } from './form-paths.ts';
import { renderAlert, renderButtonLink, renderFrame, renderLink, type View } from './frame.ts';
import { type Html, html } from './html.ts';

/** @param user the person's name in Kubernetes */
export function renderWorkspaces(view: View, names: readonly string[], user: string): string {
  const { t } = view;
  if (names.length === 0) {
    const content = html`<p>${t('workspaces.none-what-to-do', { user })}</p>`;
    return renderFrame(view, t('workspaces.none'), renderAlert('info', { content }));
  }
  const items = names.map((name) => html`<li><a class="usa-link" href="${formPaths.uploads(name)}">${name}</a></li>`);
  const content = html`<p>${t('workspaces.lead')}</p>
<ul class="usa-list">${items}</ul>`;
  return renderFrame(view, t('workspaces.heading'), content);
}

export interface UploadsPage {
  namespace: string;
  uploads: readonly UploadView[];
  nextCursor: string | null;
  mayUpload: boolean;
  /** The most bytes of a file that the pages without JavaScript take. */
  maxBytes: number;
}

export function renderUploads(view: View, page: UploadsPage): string {
  const { t, bytes } = view;
  const { namespace, uploads, nextCursor, mayUpload, maxBytes } = page;
  const content = html`${mayUpload && renderButtonLink(formPaths.new(namespace), t('uploads.send'))}
${uploads.length === 0 ? html`<p>${t('forms.uploads-empty')}</p>` : renderTable(view, uploads)}
${nextCursor !== null && renderLink(formPaths.uploads(namespace, nextCursor), t('forms.older'))}
<p>${t('forms.plain', { size: bytes(maxBytes) })}</p>
${renderLink(formPaths.workspaces(), t('workspaces.heading'))}`;
  return renderFrame(view, t('forms.uploads', { workspace: namespace }), content);
}

/** The roles are said again, because a narrow screen shows each row as a card. */
function renderTable(view: View, uploads: readonly UploadView[]): Html {
  const { t } = view;
  const headings = [
    t('uploads.column-file'),
    t('upload.fact-schema'),
    t('uploads.column-state'),
    t('uploads.column-sent'),
  ] as const;
  const rows = uploads.map((upload) => {
    const cells = [upload.schema, t(`state.${stateOf(upload)}`), view.moment(upload.createdAt)];
    const path = formPaths.upload(upload.namespace, upload.name);
    return html`<tr role="row">
<th role="rowheader" scope="row" data-label="${headings[0]}"><a class="usa-link" href="${path}">${upload.file.name}</a></th>
${cells.map(
  (cell, i) => html`<td role="cell" data-label="${headings[i + 1]!}">${cell}</td>
`,
)}</tr>
`;
  });
  const columns = headings.map((heading) => html`<th role="columnheader" scope="col">${heading}</th>`);
  return html`<table class="usa-table usa-table--borderless app-table app-table--cards" role="table">
<caption class="usa-sr-only">${t('uploads.heading')}</caption>
<thead role="rowgroup"><tr role="row">${columns}</tr></thead>
<tbody role="rowgroup">${rows}</tbody>
</table>`;
}
