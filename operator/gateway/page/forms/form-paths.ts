/** The paths of the pages without JavaScript. Pure. */

export const FORMS = '/page/forms';

const path = (...segments: string[]) => [FORMS, ...segments.map(encodeURIComponent)].join('/');
const query = (values: Record<string, string | null | undefined>) => {
  const given = Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
};

export interface Asked {
  schema?: string | null | undefined;
  name?: string | null | undefined;
}

export const formPaths = {
  workspaces: () => FORMS,
  uploads: (namespace: string, cursor?: string) => path(namespace) + query({ cursor }),
  new: (namespace: string, { schema, name }: Asked = {}) => path(namespace, 'new') + query({ schema, name }),
  file: (namespace: string, id: string, schema?: string | null) => path(namespace, 'files', id) + query({ schema }),
  upload: (namespace: string, name: string, refresh?: string) => path(namespace, 'uploads', name) + query({ refresh }),
  errors: (namespace: string, name: string) => path(namespace, 'uploads', name, 'errors.csv'),
};

/** Where a person signs in, and comes back from. */
export const signInPath = (to: string) => `/page/login?to=${encodeURIComponent(to)}`;
