/** The description of the API as a page without scripts: a document of OpenAPI becomes HTML. Pure. */
import type { OpenAPIV3_1 } from 'openapi-types';
import { type ApiDocument, type ListedOperation, listOperations } from './api-document.ts';

type Schema = OpenAPIV3_1.SchemaObject;
type Referenced<T> = T | OpenAPIV3_1.ReferenceObject;

export const PAGE_STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
h2 { margin-top: 3rem; border-bottom: 1px solid #d5dae1; } h4 { margin-bottom: 0; }
code, pre { font: 14px/1.4 ui-monospace, monospace; background: #f3f5f8; border-radius: 4px; }
code { padding: 0 .2em; } pre { padding: .6em; overflow-x: auto; }
details { border: 1px solid #d5dae1; border-radius: 6px; margin: .6rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; } summary b { display: inline-block; width: 4.5em; }
li { margin: .2rem 0; } .note { color: #5b6675; }
@media (prefers-color-scheme: dark) {
  body { background: #14181f; color: #e3e7ed; } code, pre { background: #222935; }
  details, h2 { border-color: #39424f; } .note { color: #9aa5b3; } a { color: #8ab4ff; }
}`;

/** @param hasPage whether the gateway has the staff page, to which people are led who came for it */
export function renderPage(document: ApiDocument, { hasPage = false }: { hasPage?: boolean } = {}): string {
  const operations = listOperations(document);
  const sections = (document.tags ?? []).map(({ name, description = '' }) => {
    const own = operations.filter(({ operation }) => operation.tags?.includes(name));
    if (own.length === 0) return '';
    return `<h2 id="${escapeHtml(name)}">${escapeHtml(name)}</h2>${prose(description)}${own.map((each) => renderOperation(each, document)).join('')}`;
  });
  const { title, description = '' } = document.info;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}: API</title><style>${PAGE_STYLE}</style></head>
<body><h1>${escapeHtml(title)}: API</h1>${prose(description)}
${hasPage ? '<p>People upload files with a browser at <a href="/page/">/page/</a>.</p>\n' : ''}<p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>
${sections.join('\n')}
${renderProblems(document)}
</body></html>
`;
}

function renderProblems(document: ApiDocument): string {
  const { schemas = {}, responses = {} } = document.components ?? {};
  if (schemas['Problem'] === undefined) return '';
  const examples = Object.values(responses).flatMap((response) =>
    Object.entries(resolve(response, document)?.content?.['application/problem+json']?.examples ?? {}),
  );
  const kinds = examples.map(([type, example]) => {
    const { value } = example as { value: { status: number; title: string } };
    return `<li><code>${value.status}</code> <code>${escapeHtml(type)}</code> ${escapeHtml(value.title)}.</li>`;
  });
  const schema = renderSchema(schemas['Problem'] as Schema, document, 0);
  return `<h2 id="problems">problems</h2>${prose('Every answer that refuses a request has this form, as application/problem+json:')}
${schema}<h4>Kinds</h4><ul>${kinds.join('')}</ul>`;
}

function renderOperation({ method, path, operation }: ListedOperation, document: ApiDocument): string {
  const { summary = '', description = '', parameters = [], requestBody, responses = {} } = operation;
  const body = resolve(requestBody, document);
  const answers = Object.entries(responses).map(([status, response]) =>
    renderResponse(status, resolve(response, document), document),
  );
  return `<details><summary><b>${method}</b> <code>${escapeHtml(path)}</code> ${escapeHtml(summary)}</summary>
${prose(description)}
${parameters.length === 0 ? '' : `<h4>Parameters</h4><ul>${parameters.map((each) => renderParameter(each, document)).join('')}</ul>`}
${body === undefined ? '' : `<h4>Body</h4>${renderContent(body.content, document)}`}
<h4>Answers</h4><ul>${answers.join('')}</ul></details>`;
}

function renderParameter(given: Referenced<OpenAPIV3_1.ParameterObject>, document: ApiDocument): string {
  const parameter = resolve(given, document);
  if (parameter === undefined) return '';
  const { name, in: place, required, description = '', schema = {} } = parameter;
  const notes = [place, required ? 'required' : '', describeType(schema as Schema, document)].filter(Boolean);
  return `<li><code>${escapeHtml(name)}</code> <span class="note">${escapeHtml(notes.join(', '))}</span> ${inline(description)}</li>`;
}

function renderResponse(
  status: string,
  response: OpenAPIV3_1.ResponseObject | undefined,
  document: ApiDocument,
): string {
  if (response === undefined) return '';
  // A problem has always the same form, which is shown at the end of the page.
  const isProblem = response.content?.['application/problem+json'] !== undefined;
  const content = isProblem ? '' : renderContent(response.content, document);
  return `<li><code>${escapeHtml(status)}</code> ${inline(response.description ?? '')}${content}</li>`;
}

function renderContent(content: OpenAPIV3_1.ResponseObject['content'], document: ApiDocument): string {
  return Object.entries(content ?? {})
    .map(([type, { schema, example, examples }]) => {
      const shown = example ?? resolve(Object.values(examples ?? {})[0], document)?.value;
      const text = shown === undefined ? '' : `<pre>${escapeHtml(JSON.stringify(shown, null, 2))}</pre>`;
      return `<p class="note">${escapeHtml(type)}</p>${schema ? renderSchema(schema, document, 0) : ''}${text}`;
    })
    .join('');
}

/** Deeper schemas are cut off: a page must end where a schema refers to itself. */
const MAX_DEPTH = 6;

function renderSchema(given: Referenced<Schema>, document: ApiDocument, depth: number): string {
  const schema = resolve(given, document) ?? {};
  const inner =
    'items' in schema && schema.items ? (resolve(schema.items as Referenced<Schema>, document) ?? {}) : schema;
  const fields = Object.entries(inner.properties ?? {});
  if (fields.length === 0 || depth > MAX_DEPTH) return '';
  const items = fields.map(([name, each]) => {
    const field = (resolve(each as Referenced<Schema>, document) ?? {}) as Schema;
    const notes = [inner.required?.includes(name) ? 'required' : '', describeType(field, document)].filter(Boolean);
    return `<li><code>${escapeHtml(name)}</code> <span class="note">${escapeHtml(notes.join(', '))}</span> ${inline(field.description ?? '')}${renderSchema(field, document, depth + 1)}</li>`;
  });
  return `<ul>${items.join('')}</ul>`;
}

function describeType(given: Referenced<Schema>, document: ApiDocument): string {
  const schema = (resolve(given, document) ?? {}) as Schema;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((each) => describeType(each as Referenced<Schema>, document)).join(' or ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  const type = [schema.type ?? ''].flat().join(' or ');
  const limits = (['format', 'minLength', 'maxLength', 'minimum', 'maximum', 'pattern', 'default'] as const)
    .filter((name) => schema[name] !== undefined)
    .map((name) => `${name} ${JSON.stringify(schema[name])}`);
  const of =
    'items' in schema && schema.items ? ` of ${describeType(schema.items as Referenced<Schema>, document)}` : '';
  return [`${type}${of}`, ...limits].filter(Boolean).join(', ');
}

/** What a reference of the document itself stands for. */
function resolve<T extends object>(
  value: T | OpenAPIV3_1.ReferenceObject | undefined,
  document: ApiDocument,
): T | undefined {
  if (value === undefined || !('$ref' in value) || typeof value.$ref !== 'string') return value as T | undefined;
  const parts = value.$ref.split('/').slice(1);
  return parts.reduce<unknown>((found, part) => (found as Record<string, unknown> | undefined)?.[part], document) as
    | T
    | undefined;
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
export const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (found) => ESCAPES[found]!);
/** Text with `code` in backticks. */
const inline = (text: string) => escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');
const prose = (text: string) =>
  text
    .split(/\n{2,}/)
    .map((paragraph) => `<p>${inline(paragraph)}</p>`)
    .join('');
