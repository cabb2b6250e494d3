/** What holds for every request of the API, whatever its endpoint: paths, methods, origins, names of any length. */
import { describe, expect, it } from 'vitest';
import { systemClock } from '#common/clock.ts';
import { readGatewayConfig } from '#operator/config/gateway-config.ts';
import { type AppDeps, createApp } from '#operator/gateway/app.ts';
import { createGatewayMetrics } from '#operator/gateway/model/metrics.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

const ORIGIN = 'https://staff.example.com';

async function start(env: Record<string, string> = {}, metrics = createGatewayMetrics()) {
  const deps = {
    config: readGatewayConfig(env),
    clock: systemClock,
    log: createRecordingLog(),
    metrics,
    ending: AbortSignal.abort(),
    signal: AbortSignal.abort(),
  };
  return createApp(deps as unknown as AppDeps);
}

describe('a path or a method that is not there', () => {
  it('is a problem that says what there is', async () => {
    const app = await start();
    const path = await app.inject('/v1/nothing?token=secret');
    expect(path.statusCode).toBe(404);
    expect(path.headers).toMatchObject({
      'content-type': 'application/problem+json; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
    expect(path.json()).toMatchObject({
      status: 404,
      detail: 'There is no path /v1/nothing. The paths are listed at /.',
    });
    const method = await app.inject({ method: 'DELETE', url: '/openapi.json' });
    expect(method.statusCode).toBe(405);
    expect(method.headers['allow']).toBe('GET, HEAD');
    expect(method.json()).toMatchObject({ detail: '/openapi.json has no DELETE, but GET, HEAD.' });
  });
});

describe('web pages of other origins', () => {
  const preflight = (origin: string) => ({
    method: 'OPTIONS' as const,
    url: '/v1/namespaces/a/files',
    headers: { origin, 'access-control-request-method': 'POST' },
  });

  it('may call the API where their origin is allowed, without cookies', async () => {
    const app = await start({ BATCH_UPLOAD_GATEWAY_ALLOWED_ORIGINS: ORIGIN });
    const answer = await app.inject(preflight(ORIGIN));
    expect(answer.statusCode).toBe(204);
    expect(answer.headers).toMatchObject({ 'access-control-allow-origin': ORIGIN, vary: 'Origin' });
    expect(answer.headers['access-control-allow-headers']).toContain('Authorization');
    expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
    const get = await app.inject({ url: '/openapi.json', headers: { origin: ORIGIN } });
    expect(get.headers).toMatchObject({ 'access-control-allow-origin': ORIGIN, vary: 'Origin' });
  });

  it.each([
    ['another origin', ORIGIN, 'https://staff.example.com.evil.example'],
    ['an origin that is no page', ORIGIN, 'null'],
    ['the same host without TLS', ORIGIN, 'http://staff.example.com'],
    ['none is allowed', '', ORIGIN],
  ])('are refused: %s', async (_what, allowed, origin) => {
    const app = await start({ BATCH_UPLOAD_GATEWAY_ALLOWED_ORIGINS: allowed });
    for (const request of [preflight(origin), { url: '/openapi.json', headers: { origin } }]) {
      expect((await app.inject(request)).headers).not.toHaveProperty('access-control-allow-origin');
    }
  });
});

it('the time of each request is measured, and made-up paths share one label', async () => {
  const metrics = createGatewayMetrics();
  const app = await start({}, metrics);
  for (const url of ['/openapi.json', '/v1/a', '/v1/b']) await app.inject(url);
  const { values } = await metrics.requests.get();
  const counts = values.filter(({ metricName }) => metricName?.endsWith('_count'));
  expect(counts.map(({ labels, value }) => [labels, value])).toEqual([
    [{ method: 'GET', route: '/openapi.json', status: '200' }, 1],
    [{ method: 'GET', route: 'none', status: '404' }, 2],
  ]);
});
