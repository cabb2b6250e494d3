/** The schemas of a namespace, with as much of their fields as a suggestion needs. */
import { call } from '#page/api/api.ts';
import { apiPath } from '#page/api/client.ts';
import type { Schema, SchemaName } from '#page/api/types.ts';

/** A request for each schema would take long where there are very many; the others are only listed. */
const MOST_DETAILS = 60;
const AT_A_TIME = 6;

/** @throws ProblemError when the schemas cannot be listed; one that cannot be read has no details */
export async function loadSchemas(
  namespace: string,
  signal: AbortSignal,
): Promise<{ names: SchemaName[]; details: Map<string, Schema> }> {
  const { items } = await call<{ items: SchemaName[] }>('GET', apiPath(namespace, 'schemas'), undefined, { signal });
  const details = new Map<string, Schema>();
  const wanted = items.filter(({ ready }) => ready).slice(0, MOST_DETAILS);
  const next = async (): Promise<void> => {
    for (let one = wanted.shift(); one !== undefined; one = wanted.shift()) {
      const path = apiPath(namespace, 'schemas', one.name);
      const schema = await call<Schema>('GET', path, undefined, { signal }).catch(() => null);
      if (schema !== null) details.set(one.name, schema);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, next));
  signal.throwIfAborted();
  return { names: items, details };
}
