/** Kubernetes' RBAC decides what an identity may do; the answers are kept for some seconds. */
import type { Clock } from '#common/clock.ts';
import { API_GROUP } from '#kube/custom-resources.ts';
import type { KubeClient } from '#kube/types.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { createRateLimiter } from '#operator/gateway/http/rate-limit.ts';
import type { Access, Identity } from '#operator/gateway/model/types.ts';
import { askReview, SUBJECT_ACCESS_REVIEWS } from './reviews.ts';

/** A right that is taken away ends after this time, in ms. */
export const REUSE_MS = 5_000;
const MAX_ANSWERS = 10_000;
/**
 * Reviews of rights to single names that one user may cause. The gateway may send the API server 50 requests in a second,
 * and a user who asks for names that he makes up must leave most of them for the others.
 */
const NAMED = { perSecond: 20, burst: 100 };

export interface AccessQuestion extends Access {
  namespace: string;
  /** The object's name; absent for a collection. */
  name?: string | undefined;
  /** True: the identity is known to have created the object, so that no right to its name is needed. */
  isOwn?: boolean;
}

export interface Authorizer {
  /**
   * @returns `Own` when only the uploads that the identity created are open to it.
   * @throws Problem forbidden, with the rule that is missing; unavailable; too-many-requests for too many names.
   */
  authorize(identity: Identity, question: AccessQuestion): Promise<'All' | 'Own'>;
}

export function createAuthorizer({ client, clock }: { client: Pick<KubeClient, 'create'>; clock: Clock }): Authorizer {
  const answers = new Map<string, { allowed: Promise<boolean>; until: number }>();
  const named = createRateLimiter({ ...NAMED, clock });

  const ask = async (identity: Identity, { namespace, verb, resource, subresource, name }: AccessQuestion) => {
    const attributes = {
      namespace,
      verb,
      group: API_GROUP,
      resource,
      ...(subresource === undefined ? {} : { subresource }),
      ...(name === undefined ? {} : { name }),
    };
    const { user, groups, uid, extra } = identity;
    const subject = { user, groups: [...groups], ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
    const key = JSON.stringify([subject, attributes]);
    const known = answers.get(key);
    if (known && clock.monotonic() < known.until) return known.allowed;
    const seconds = name === undefined ? 0 : named.take(user);
    if (seconds > 0) throw tooManyNames(user, seconds);
    // The oldest answers come first in a Map.
    if (answers.size >= MAX_ANSWERS)
      for (const old of [...answers.keys()].slice(0, MAX_ANSWERS / 2)) answers.delete(old);
    const spec = { ...subject, resourceAttributes: attributes };
    const allowed = askReview(client, SUBJECT_ACCESS_REVIEWS, spec).then((status) => status?.allowed === true);
    const entry = { allowed, until: clock.monotonic() + REUSE_MS };
    answers.delete(key);
    answers.set(key, entry);
    // A failed question is asked again.
    allowed.catch(() => answers.get(key) === entry && answers.delete(key));
    return allowed;
  };

  return {
    async authorize(identity, question) {
      const { namespace, verb, resource, subresource, own = false, isOwn = false } = question;
      const mayCreate = () => ask(identity, { namespace, resource: 'batchuploads', verb: 'create' });
      if (identity.namespace === null || identity.namespace === namespace) {
        // Most rights hold for every name, so that a sender who asks for many uploads costs one review.
        if (await ask(identity, { ...question, name: undefined })) return 'All';
        if (own && isOwn && (await mayCreate())) return 'Own';
        if (question.name !== undefined && (await ask(identity, question))) return 'All';
        if (own && (await mayCreate())) return 'Own';
      }
      const object = subresource === undefined ? resource : `${resource}/${subresource}`;
      throw new Problem('forbidden', {
        detail: `${identity.user} may not ${verb} ${object} in the namespace ${namespace}. Ask its administrator for a Role with this rule: apiGroups [${API_GROUP}], resources [${object}], verbs [${verb}].`,
      });
    },
  };
}

function tooManyNames(user: string, retryAfterSeconds: number): Problem {
  return new Problem('too-many-requests', {
    detail: `${user} asks for too many single uploads or schemas without a right to all of them. Send the request again later, list or watch them in one request, or ask the namespace's administrator for a Role without resourceNames.`,
    retryAfterSeconds,
  });
}
