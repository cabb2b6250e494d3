/** The two reviews by which the API server says who a token belongs to and what a user may do. */
import type { V1SubjectAccessReview, V1TokenReview } from '@kubernetes/client-node';
import { isForbidden } from '#kube/errors.ts';
import type { KubeClient, KubeObject, Raw, ResourceType } from '#kube/types.ts';
import { cannotAsk } from '#operator/gateway/http/refusals.ts';

export type SubjectAccessReview = Raw<V1SubjectAccessReview>;
export type TokenReview = Raw<V1TokenReview>;

export const SUBJECT_ACCESS_REVIEWS: ResourceType<SubjectAccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  namespaced: false,
  plural: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
};

export const TOKEN_REVIEWS: ResourceType<TokenReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  namespaced: false,
  plural: 'tokenreviews',
  kind: 'TokenReview',
};

/** @throws Problem unavailable: without an answer nobody is let through, whatever kept the API server from answering. */
export async function askReview<T extends KubeObject & { spec: unknown; status?: unknown }>(
  client: Pick<KubeClient, 'create'>,
  type: ResourceType<T>,
  spec: T['spec'],
): Promise<T['status']> {
  const review = { metadata: {}, spec } as unknown as T;
  try {
    return (await client.create(type, review, { timeoutMs: 5_000 })).status;
  } catch (error) {
    const why = isForbidden(error)
      ? `The gateway may not create ${type.plural}: its ClusterRole needs the verb create on them, in the API group ${type.group}.`
      : 'The API server of the cluster cannot be asked who this is and what he may do.';
    throw cannotAsk(why, error);
  }
}
