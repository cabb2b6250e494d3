import { Type } from 'typebox';
import { RECORD_SCHEMAS, type RecordSchema } from '#kube/custom-resources.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { GatewayDeps } from '#operator/gateway/model/types.ts';

export const NAMESPACE = Type.String({ maxLength: 63, description: 'The namespace of the schema.' });
export const SCHEMA_NAME = Type.String({
  maxLength: 253,
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
  description: 'The name of the RecordSchema.',
});
export const PARAMS = Type.Object({ namespace: NAMESPACE, name: SCHEMA_NAME });
const FIND_MS = 10_000;

/** @throws Problem not-found */
export async function findSchema(
  { schemas, client }: Pick<GatewayDeps, 'schemas' | 'client'>,
  { namespace, name }: { namespace: string; name: string },
): Promise<RecordSchema> {
  const schema =
    schemas.get(`${namespace}/${name}`) ??
    (await client.find(RECORD_SCHEMAS, { namespace, name }, { timeoutMs: FIND_MS }));
  if (schema !== undefined) return schema;
  throw new Problem('not-found', {
    detail: `There is no RecordSchema ${name} in the namespace ${namespace}. GET schemas lists those that there are.`,
  });
}
