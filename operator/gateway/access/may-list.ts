import type { Access, Identity } from '#operator/gateway/model/types.ts';
import type { Authorizer } from './authorize.ts';

/** May the identity list all objects of the resource? False, too, when nobody can say so now. */
export function mayList(
  authorizer: Authorizer,
  identity: Identity,
  question: { resource: Access['resource']; namespace: string },
): Promise<boolean> {
  return authorizer.authorize(identity, { ...question, verb: 'list' }).then(
    () => true,
    () => false,
  );
}
