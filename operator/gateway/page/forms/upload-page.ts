/** What became of a file: how it stands, what to do next, its counts, and why records were refused. Pure. */
import type { UploadView } from '#operator/gateway/uploads/upload-schemas.ts';
import { formatNumber } from '#page/texts/format.ts';
import { explainCode } from '#page/views/explain-code.ts';
import { explainUpload } from '#page/views/explain-upload.ts';
import { type FaultGroup, groupFaults } from '#page/views/fault-groups.ts';
import { isRunning } from '#page/views/upload-state.ts';
import { formPaths } from './form-paths.ts';
import { renderAlert, renderButtonLink, renderFrame, renderLink, type View } from './frame.ts';
import { type Html, html, type Shown } from './html.ts';

export interface Faults {
  /** By the code of their first fault. */
  codes: { code: string; count: number; message?: string }[];
  /** The first failed records. */
  records: { row: number; faults: { code: string; message: string }[] }[];
  mayRead: boolean;
}

export interface UploadPage {
  upload: UploadView;
  /** Do records of the schema have a key? Null: that is not known. */
  hasKey: boolean | null;
  faults: Faults;
  mayUpload: boolean;
  /** Does the browser load the page again by itself? */
  refreshes: boolean;
  /** ISO 8601. */
  now: string;
}

export function renderUpload(view: View, page: UploadPage): string {
  const { t } = view;
  const { upload, mayUpload } = page;
  const { namespace, schema } = upload;
  const { maySendAgain } = explainUpload(upload, page.hasKey, page.faults.mayRead);
  const content = html`${renderState(view, page)}
${renderRefresh(view, page)}
${renderCounts(view, upload)}
${renderFaults(view, page)}
${maySendAgain && mayUpload && renderButtonLink(formPaths.new(namespace, { schema }), t('upload.send-again'))}
${renderLink(formPaths.uploads(namespace), t('forms.back'))}`;
  return renderFrame(view, t('forms.status', { file: upload.file.name }), content);
}

function renderState({ t }: View, { upload, hasKey, faults }: UploadPage): Html {
  const { tone, now, count, next, message } = explainUpload(upload, hasKey, faults.mayRead);
  const content = html`<p>${t(now, { count } as never)}</p>
<p><strong>${t('upload.next')}:</strong> ${t(next)}</p>
${message !== null && message.text !== '' && renderMessage(t(message.isForPerson ? 'upload.message-person' : 'upload.message-administrator'), message.text)}`;
  return renderAlert(tone, { content });
}

/** The operator's own words are English. */
const renderMessage = (label: string, text: string) => html`<p>${label}:</p><blockquote lang="en">${text}</blockquote>`;

/** A page that loads itself anew interrupts a screen reader, so that the person decides. */
function renderRefresh({ t, moment }: View, { upload, refreshes, now }: UploadPage): Html | null {
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

function renderCounts({ t, language }: View, { records = {}, mode, progress }: UploadView): Html {
  const number = (value: number | undefined) => formatNumber(language, value ?? 0);
  const { total, succeeded, failed, duplicate } = records;
  const succeededText = t(mode === 'Validate' ? 'upload.succeeded-validate' : 'upload.succeeded');
  const counts: [label: string, value: string, tone?: string][] = [
    ...(total === undefined ? [] : [[t('upload.total'), number(total)] as [string, string]]),
    [succeededText, number(succeeded), 'is-success'],
    [t('upload.failed'), number(failed), failed ? 'is-error' : ''],
    [t('upload.duplicate'), number(duplicate)],
  ];
  const items = counts.map(
    ([label, value, tone = '']) => html`<div class="${tone}"><dt>${label}</dt><dd>${value}</dd></div>
`,
  );
  return html`<section class="app-card">
<h2>${t('uploads.column-records')}</h2>
${progress !== undefined && html`<p>${t('upload.progress')}: ${progress}</p>`}
<dl class="app-counts">${items}</dl>
</section>`;
}

function renderFaults(view: View, { upload, faults }: UploadPage): Shown {
  const { t } = view;
  const { codes, records, mayRead } = faults;
  const failed = upload.records?.failed ?? 0;
  if (failed === 0) return null;
  const groups = groupFaults({ failed, codes }, records);
  const file = formPaths.errors(upload.namespace, upload.name);
  return html`<section class="app-card">
<h2>${t('faults.heading')}</h2>
<p>${t(upload.mode === 'Validate' ? 'faults.lead-validate' : 'faults.lead', { count: failed })}</p>
${!mayRead && html`<p>${t('faults.may-not')} ${t('faults.may-not-what-to-do')}</p>`}
<ul class="app-list">${groups.map((group) => renderGroup(view, group))}</ul>
${mayRead && [renderButtonLink(file, t('faults.download')), html`<p>${t('faults.download-hint')}</p>`, renderHowToMend(view)]}
</section>`;
}

function renderGroup({ t, language }: View, group: FaultGroup): Html {
  const { what, mend, isForeign } = explainCode(group, language);
  const samples = group.samples.map(
    ({ row, faults }) => html`<li><strong>${t('faults.row', { row: formatNumber(language, row) })}</strong>
${faults.map(({ message }) => html`<p lang="en">${message}</p>`)}</li>
`,
  );
  return html`<li class="app-stack app-stack--close">
<h3${isForeign && html` lang=""`}>${what}</h3>
<p>${t('faults.count', { count: group.count })}. ${mend}</p>
${samples.length > 0 && html`<p>${t('faults.samples')}:</p><ul class="usa-list">${samples}</ul>`}
<p class="app-small">${t('faults.code', { code: group.code })}</p>
</li>
`;
}

function renderHowToMend({ t }: View): Html {
  const steps = (['faults.how-1', 'faults.how-2', 'faults.how-3', 'faults.how-4'] as const).map(
    (key) => html`<li>${t(key)}</li>`,
  );
  return html`<h3>${t('faults.how-heading')}</h3>
<ol class="usa-list">${steps}</ol>`;
}
