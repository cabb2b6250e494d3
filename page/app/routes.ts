/** The addresses of the page's views. Pure. */

export type Route =
  | { view: 'home' | 'signed-in' | 'unknown' }
  | { view: 'uploads' | 'new' | 'templates'; namespace: string }
  | { view: 'upload' | 'template'; namespace: string; name: string };

/** No namespace stands where a path of the page itself does: each may be called `forms`, `login` or `assets`, too. */
const NAMESPACES = 'n';

const path = (...segments: string[]) => `/page/${[NAMESPACES, ...segments].map(encodeURIComponent).join('/')}`;

export const routes = {
  home: () => '/page/',
  uploads: (namespace: string) => path(namespace),
  /** @param schema is chosen already */
  new: (namespace: string, schema?: string) =>
    schema === undefined ? path(namespace, 'new') : `${path(namespace, 'new')}?schema=${encodeURIComponent(schema)}`,
  upload: (namespace: string, name: string) => path(namespace, 'uploads', name),
  templates: (namespace: string) => path(namespace, 'templates'),
  template: (namespace: string, name: string) => path(namespace, 'templates', name),
};

export function parseRoute(pathname: string): Route {
  const segments = readSegments(pathname);
  if (segments?.length === 0) return { view: 'home' };
  const [root, namespace, second, name] = segments ?? [];
  if (segments?.length === 1 && root === 'signed-in') return { view: 'signed-in' };
  if (segments === null || segments.length > 4 || root !== NAMESPACES) return { view: 'unknown' };
  if (namespace === undefined) return { view: 'home' };
  if (second === undefined) return { view: 'uploads', namespace };
  if (name === undefined) {
    if (second === 'new' || second === 'templates') return { view: second, namespace };
    return second === 'uploads' ? { view: 'uploads', namespace } : { view: 'unknown' };
  }
  if (second === 'uploads') return { view: 'upload', namespace, name };
  return second === 'templates' ? { view: 'template', namespace, name } : { view: 'unknown' };
}

/** @returns null for what is no path of the page */
function readSegments(pathname: string): string[] | null {
  const [root, ...rest] = pathname.split('/').filter((segment) => segment !== '');
  try {
    return root === 'page' ? rest.map(decodeURIComponent) : null;
  } catch {
    return null;
  }
}

/** Where a person signs in. @param to the path of the page to which the person comes back */
export const signInPath = (to: string) => `/page/login?to=${encodeURIComponent(to)}`;

/** Where a person signs in again in another tab. */
export const SIGN_IN_AGAIN = signInPath('/page/signed-in');
