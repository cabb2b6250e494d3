/** Which methods a path has: a request with another one is told so, instead of that there is no such path. */
import type { GatewayApp } from '#operator/gateway/model/types.ts';

/** Collects the routes that are added from now on. @returns the methods of a path; none when there is no such path. */
export function collectMethods(app: GatewayApp): (path: string) => string[] {
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[^/.]+/g, '[^/]+')}$`);
    const route = routes.get(url) ?? { pattern, methods: new Set() };
    for (const each of [method].flat()) route.methods.add(each);
    routes.set(url, route);
  });
  return (path) => [
    ...new Set([...routes.values()].filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => [...methods])),
  ];
}
