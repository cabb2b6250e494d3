/** What became of a file: its state, its counts, and why records were refused. Pure. */
import type { UploadView } from '#operator/gateway/uploads/upload-schemas.ts';
import { formatNumber } from '#page/texts/format.ts';
import { formPaths } from './form-paths.ts';
import { renderAlert, renderButtonLink, renderFrame, renderLink, type View } from './frame.ts';
import { type Html, html, type Shown } from './html.ts';

export interface Faults {
  codes: readonly { code: string; count: number; message?: string | null }[];
  /** The first failed records. */
  records: readonly { rowNumber: number; messages: readonly string[] }[];
  mayDownload: boolean;
}

export interface UploadPage {
  upload: UploadView;
  faults: Faults;
  /** Does the browser load the page again by itself? */
  refreshes: boolean;
  /** ISO 8601. */
  now: string;
}

export function isRunning({ phase }: Pick<UploadView, 'phase'>): boolean {
  return phase !== 'Complete' && phase !== 'Failed';
}

export function renderUpload(view: View, page: UploadPage): string {
  const { t } = view;
  const { upload, faults } = page;
  const content = html`${renderState(view, upload)}
${renderRefresh(view, page)}
${renderCounts(view, upload)}
${renderFaults(view, page)}
${faults.mayDownload && (upload.records?.failed ?? 0) > 0 && renderDownload(view, upload)}
${renderLink(formPaths.uploads(upload.namespace), t('forms.back'))}`;
  return renderFrame(view, t('forms.status', { file: upload.file.name }), content);
}

function renderState({ t }: View, { phase, message, deletedAt, records = {} }: UploadView): Html {
  const { failed = 0 } = records;
  const isGood = phase === 'Complete' && failed === 0;
  const tone = phase === 'Failed' ? 'error' : isGood ? 'success' : phase === 'Complete' ? 'warning' : 'info';
  const state =
    phase !== 'Complete'
      ? t(`forms.phase.${phase}`)
      : failed === 0
        ? t('forms.phase.Complete-all')
        : t('forms.phase.Complete', { count: failed });
  const content = html`<p>${state}</p>
${message !== undefined && !isGood && html`<p lang="en">${message}</p>`}
${deletedAt !== undefined && html`<p>${t('forms.deleting')}</p>`}`;
  return renderAlert(tone, { content });
}

/** A page that loads itself anew interrupts a screen reader, so that the person decides. */
function renderRefresh(view: View, { upload, refreshes, now }: UploadPage): Html | null {
  const { t, moment } = view;
  if (!isRunning(upload)) return null;
  const { namespace, name } = upload;
  return html`<p>${t('forms.looked', { time: moment(now) })}</p>
${renderButtonLink(formPaths.upload(namespace, name, refreshes ? 'on' : undefined), t('forms.refresh'))}
${
  refreshes
    ? renderLink(formPaths.upload(namespace, name), t('forms.refresh-off'))
    : renderLink(formPaths.upload(namespace, name, 'on'), t('forms.refresh-on'))
}`;
}

function renderCounts({ t, language }: View, { records = {}, progress }: UploadView): Html {
  const number = (value: number | undefined) => formatNumber(language, value ?? 0);
  const { total, succeeded, failed, duplicate } = records;
  const rows: [string, string][] = [
    [t('forms.total'), total === undefined ? t('forms.total-open') : number(total)],
    [t('forms.succeeded'), number(succeeded)],
    [t('forms.failed'), number(failed)],
    [t('forms.duplicate'), number(duplicate)],
    ...(progress === undefined ? [] : [[t('forms.progress'), progress] as [string, string]]),
  ];
  return renderTable(t('forms.counts'), {
    headings: null,
    rows: rows.map(([label, value]) => [
      html`<th scope="row">${label}</th>`,
      html`<td class="app-table__number">${value}</td>`,
    ]),
  });
}

function renderFaults({ t, language }: View, { faults: { codes, records } }: UploadPage): Shown {
  if (codes.length === 0) return null;
  return [
    renderTable(t('forms.faults'), {
      headings: [t('forms.meaning'), t('forms.code'), t('forms.count')],
      rows: codes.map(({ code, count, message }) => [
        html`<th scope="row" lang="en">${message ?? code}</th>`,
        html`<td>${code}</td>`,
        html`<td class="app-table__number">${formatNumber(language, count)}</td>`,
      ]),
    }),
    records.length > 0 &&
      renderTable(t('forms.first-faults'), {
        headings: [t('forms.row'), t('forms.meaning')],
        rows: records.map(({ rowNumber, messages }) => [
          html`<th scope="row">${formatNumber(language, rowNumber)}</th>`,
          html`<td lang="en">${messages.map((message) => html`<p>${message}</p>`)}</td>`,
        ]),
      }),
  ];
}

function renderTable(caption: string, { headings, rows }: { headings: string[] | null; rows: Html[][] }): Html {
  const head =
    headings !== null &&
    html`<thead><tr>${headings.map((heading) => html`<th scope="col">${heading}</th>`)}</tr></thead>`;
  return html`<h2>${caption}</h2>
<div class="app-scroll" role="region" tabindex="0" aria-label="${caption}">
<table class="usa-table usa-table--borderless app-table">
<caption class="usa-sr-only">${caption}</caption>
${head}
<tbody>${rows.map(
    (cells) => html`<tr>${cells}</tr>
`,
  )}</tbody>
</table>
</div>`;
}

function renderDownload({ t }: View, { namespace, name }: UploadView): Html {
  return html`${renderButtonLink(formPaths.errors(namespace, name), t('forms.download'))}
<p>${t('forms.download-text')}</p>`;
}
