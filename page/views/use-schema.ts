import { apiPath } from '#page/api/client.ts';
import type { Schema } from '#page/api/types.ts';
import { useFetched } from './use-fetched.ts';

/** A schema where it only adds to what is shown: null until it is there, and when it cannot be had. */
export function useSchema(namespace: string, name: string): Schema | null {
  return useFetched<Schema>(apiPath(namespace, 'schemas', name)).data;
}
