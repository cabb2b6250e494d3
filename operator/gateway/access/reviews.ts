/** The two reviews by which the API server says who a token belongs to and what a user may do. */
import type { V1SubjectAccessReview, V1TokenReview } from '@kubernetes/client-node';
import type { Raw, ResourceType } from '#kube/types.ts';

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
