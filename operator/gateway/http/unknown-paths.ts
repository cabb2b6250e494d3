/** Requests to a path that does not exist, or with a method that the path does not have, end before their body is read. */
import type { FastifyRequest } from 'fastify';
import type { GatewayApp } from '#operator/gateway/model/types.ts';
import { Problem } from './problem.ts';

interface Route {
  pattern: RegExp;
  methods: Set<string>;
}

/** Must be called before the routes are added, whose paths it collects. */
export function refuseUnknownPaths(app: GatewayApp): void {
  const routes = new Map<string, Route>();
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = new RegExp(
      `^${url
        .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
        .replace(/:[^/.]+/g, '[^/]+')
        .replace(/\\\*$/, '.*')}$`,
    );
    const route = routes.get(url) ?? { pattern, methods: new Set() };
    for (const each of [method].flat()) route.methods.add(each);
    routes.set(url, route);
  });
  app.addHook('onRequest', async (request) => {
    if (request.is404) throw toProblem(request, [...routes.values()]);
  });
}

function toProblem({ url, method }: FastifyRequest, routes: readonly Route[]): Problem {
  const path = url.split('?')[0]!;
  const methods = new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => [...route.methods]));
  if (methods.size === 0)
    return new Problem('not-found', { detail: `There is no path ${path}. The paths are listed at /.` });
  const allow = [...methods].join(', ');
  return new Problem('method-not-allowed', { detail: `${path} has no ${method}, but ${allow}.`, headers: { allow } });
}
