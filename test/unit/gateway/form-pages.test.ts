/** The pages without JavaScript: what their HTML is made of. */
import { describe, expect, it } from 'vitest';
import { formPaths, signInPath } from '#operator/gateway/page/forms/form-paths.ts';
import { createView, renderFrame } from '#operator/gateway/page/forms/frame.ts';
import { html } from '#operator/gateway/page/forms/html.ts';
import { findStyleSheet } from '#operator/gateway/page/forms/style-sheet.ts';
import { renderUploads } from '#operator/gateway/page/forms/uploads-page.ts';
import type { PageFile } from '#operator/gateway/page/page-files.ts';

const EVIL = `"><script>alert('&')</script>`;
const SAFE = '&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;';

describe('html', () => {
  it('takes every value for text, in elements, in attributes and in lists', () => {
    expect(html`<a href="${EVIL}">${[EVIL, [EVIL]]}</a>`.markup).toBe(`<a href="${SAFE}">${SAFE}${SAFE}</a>`);
  });

  it('keeps what another template has made, and leaves out what is not shown', () => {
    expect(html`<p>${html`<b>${1}</b>`}${null}${false}${''}</p>`.markup).toBe('<p><b>1</b></p>');
  });
});

it('paths hold any name as one segment, and no empty query', () => {
  expect(formPaths.upload('a/b', '../c?d')).toBe('/page/forms/a%2Fb/uploads/..%2Fc%3Fd');
  expect(formPaths.new('n', { schema: '', name: 'a&b=c.csv' })).toBe('/page/forms/n/new?name=a%26b%3Dc.csv');
  expect(formPaths.new('n')).toBe('/page/forms/n/new');
  expect(signInPath('/page/forms/n?a=b&c')).toBe('/page/login?to=%2Fpage%2Fforms%2Fn%3Fa%3Db%26c');
});

it('a page has the name of the person as text, and loads nothing but the style sheet', () => {
  const session = { displayName: EVIL, csrf: EVIL };
  const view = createView({ language: 'en', session, styleSheet: '/page/assets/a.css' });
  const text = renderFrame(view, EVIL, EVIL);
  expect(text).not.toContain('<script');
  expect(text.match(/(?:src|href)="[^"]*"/g)).toEqual([
    'href="/page/assets/a.css"',
    'href="#main"',
    'href="/page/forms"',
  ]);
  expect(text).not.toMatch(/style=| on\w+=/);
});

it('the names of files, workspaces and schemas are text in the list', () => {
  const view = createView({ language: 'es', session: null, styleSheet: null });
  const upload = {
    name: 'u',
    namespace: 'n',
    uid: '1',
    schema: EVIL,
    file: { name: EVIL, bucket: 'b', key: 'k' },
    sourceType: 'UI' as const,
    mode: 'Commit' as const,
    phase: 'Complete' as const,
    conditions: [],
    retryGeneration: 0,
    createdAt: 'no time',
  };
  const page = { namespace: EVIL, uploads: [upload], nextCursor: EVIL, mayUpload: true, maxBytes: 1 };
  const text = renderUploads(view, page);
  expect(text).toContain('<html lang="es">');
  expect(text).not.toContain('<script');
  expect(text.split(SAFE).length).toBeGreaterThan(3);
});

it('the style sheet is that of the built page, and none where nothing was built', () => {
  const index = (text: string) => ({ index: { bytes: Buffer.from(text) } as PageFile });
  const link = '<link rel="stylesheet" crossorigin href="/page/assets/index-Cq_1.css">';
  expect(findStyleSheet(index(`<head>${link}</head>`))).toBe('/page/assets/index-Cq_1.css');
  expect(findStyleSheet(index(link.replace('/page/', 'https://evil.example/')))).toBeNull();
  expect(findStyleSheet({ index: undefined })).toBeNull();
});
