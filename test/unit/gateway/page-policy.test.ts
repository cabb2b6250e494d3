import fastify from 'fastify';
import { expect, it } from 'vitest';
import { chooseLanguage, renderMessage } from '#operator/gateway/http/message-page.ts';
import type { GatewayApp } from '#operator/gateway/model/types.ts';
import { documentPolicy, workerPolicy } from '#operator/gateway/page/page-policy.ts';
import { protectPage } from '#operator/gateway/page/page-routes.ts';

it.each([
  ['assets/worker-1a2b.js', 'wasm'],
  ['assets/worker-1a-2b_.js', 'wasm'],
  ['assets/check-worker-1a2b.js', 'wasm'],
  ['assets/check.worker-1a2b.js', 'wasm'],
  ['assets/checksum-worker-1a2b.js', 'scripts'],
  ['assets/main-1a2b.js', null],
  ['assets/coworker-1a2b.js', null],
  ['assets/worker-1a2b.css', null],
  ['assets/worker.js', null],
  ['worker-1a2b.js', null],
])('the script %s may have as a worker: %s', (path, may) => {
  const policy = workerPolicy(path);
  if (may === null) expect(policy).toBeNull();
  else expect(policy!.includes("'wasm-unsafe-eval'")).toBe(may === 'wasm');
});

it('a page without storage sends nothing anywhere but to its own origin', () => {
  expect(documentPolicy([])).toContain("connect-src 'self';");
  expect(documentPolicy([])).toContain("form-action 'self';");
});

it.each([true, false])('the gateway asks browsers for TLS only where it ends TLS itself (%s)', async (isTls) => {
  const app = fastify() as unknown as GatewayApp;
  protectPage(app, { isTls });
  app.get('/', async () => 'a');
  const { headers } = await app.inject('/');
  expect(headers['strict-transport-security']).toBe(isTls ? 'max-age=31536000' : undefined);
});

it.each([
  [undefined, 'en'],
  ['', 'en'],
  ['es', 'es'],
  ['es-MX,es;q=0.9,en;q=0.8', 'es'],
  ['en-US,es;q=0.9', 'en'],
  ['de-DE, es;q=0.5, en;q=0.3', 'es'],
  ['fr', 'en'],
  ['es;q=0, fr', 'en'],
  ['*', 'en'],
  ['constructor', 'en'],
  ['es;q=x', 'es'],
])('the languages %j make %s', (header, language) => expect(chooseLanguage(header)).toBe(language));

it('a message shows what somebody else has said as text', () => {
  const html = renderMessage(
    {
      status: 403,
      title: 'session.notSignedIn',
      paragraphs: [{ key: 'session.noPerson', values: { issuer: 'id', detail: '<img src=x onerror=alert(1)>' } }],
      links: [{ key: 'session.signIn', href: '/page/login?to="><script>' }],
    },
    'en',
  );
  expect(html).toContain('&lt;img src=x');
  expect(html).not.toMatch(/<img|<script/);
});
