/** The first step: which kind of records, and the name of the file. Pure. */
import { formPaths } from './form-paths.ts';
import { renderAlert, renderField, renderFrame, renderLink, type View } from './frame.ts';
import { type Html, html } from './html.ts';

export interface NewPage {
  namespace: string;
  /** Null: the person may not list the schemas, and writes the name of one. */
  schemas: readonly string[] | null;
  /** What the person has written before. */
  schema: string;
  name: string;
  errors: { schema: string | null; name: string | null };
}

export function renderNew(view: View, page: NewPage): string {
  const { t, session } = view;
  const { namespace, schemas, errors } = page;
  const title = t('forms.new', { workspace: namespace });
  const back = renderLink(formPaths.uploads(namespace), t('forms.back'));
  if (schemas !== null && schemas.length === 0) {
    return renderFrame(view, title, [renderAlert('info', { content: html`<p>${t('forms.no-schemas')}</p>` }), back]);
  }
  const content = html`${renderErrors(view, errors)}
<p>${t('forms.new-steps')}</p>
<form class="app-card" method="post" action="${formPaths.new(namespace)}" novalidate>
<input type="hidden" name="csrf" value="${session?.csrf ?? ''}">
${renderSchemaField(view, page)}
${renderField('name', {
  label: t('forms.name'),
  hint: t('forms.name-hint'),
  error: errors.name,
  control: (attributes) =>
    html`<input class="usa-input${errors.name !== null && ' usa-input--error'}" type="text" value="${page.name}" required maxlength="255" autocomplete="off"${attributes}>`,
})}
<p><button class="usa-button" type="submit">${t('forms.next')}</button></p>
</form>
${back}`;
  return renderFrame(view, title, content);
}

/** Which kind of records the file holds: a list where the person may see the schemas. */
export function renderSchemaField(
  { t }: View,
  { schemas, schema, errors }: { schemas: readonly string[] | null; schema: string; errors: { schema: string | null } },
): Html {
  const error = errors.schema;
  const isWrong = error !== null && ' usa-input--error';
  if (schemas === null) {
    return renderField('schema', {
      label: t('forms.schema'),
      hint: t('forms.schema-name-hint'),
      error,
      control: (attributes) =>
        html`<input class="usa-input${isWrong}" type="text" value="${schema}" required maxlength="253" autocomplete="off"${attributes}>`,
    });
  }
  const option = (name: string) => html`<option value="${name}"${name === schema && html` selected`}>${name}</option>`;
  return renderField('schema', {
    label: t('forms.schema'),
    hint: t('forms.schema-hint'),
    error,
    control: (attributes) =>
      html`<select class="usa-select${isWrong}" required${attributes}><option value="">${t('forms.schema-choose')}</option>${schemas.map(option)}</select>`,
  });
}

/** All mistakes above the form, each a link to its field. */
function renderErrors({ t }: View, errors: NewPage['errors']): Html | null {
  const found = (['schema', 'name'] as const).filter((field) => errors[field] !== null);
  if (found.length === 0) return null;
  const items = found.map((field) => html`<li><a class="usa-link" href="#${field}">${errors[field]}</a></li>`);
  const content = html`<ul class="usa-list">${items}</ul>`;
  return renderAlert('error', { heading: t('forms.mistakes'), content, isUrgent: true });
}
