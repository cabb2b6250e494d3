/** Which methods a path has, so that a wrong one is answered 405 and not 404. */

export interface KnownMethods {
  /** @param pattern the URL of a route, with `:name` for its parameters. */
  add(pattern: string, methods: string | readonly string[]): void;
  /** The methods of a path; none when there is no such path. */
  find(path: string): string[];
}

export function createKnownMethods(): KnownMethods {
  const routes = new Map<string, { path: RegExp; methods: Set<string> }>();
  return {
    add(pattern, methods) {
      const known = routes.get(pattern) ?? { path: toRegExp(pattern), methods: new Set() };
      routes.set(pattern, known);
      for (const method of [methods].flat()) known.methods.add(method);
    },
    find: (wanted) => [...routes.values()].flatMap(({ path, methods }) => (path.test(wanted) ? [...methods] : [])),
  };
}

/** In the patterns of fastify a double colon stands for a colon. */
function toRegExp(pattern: string): RegExp {
  const parts = pattern.split(/(::|:\w+)/).map((part) => {
    if (part === '::') return ':';
    return part.startsWith(':') ? '[^/]+' : RegExp.escape(part);
  });
  return new RegExp(`^${parts.join('')}$`);
}
