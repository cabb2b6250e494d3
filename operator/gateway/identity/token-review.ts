/** Tokens of Kubernetes, which the API server alone can check. */
import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { Clock } from '#common/clock.ts';
import type { KubeClient } from '#kube/types.ts';
import { askReview, TOKEN_REVIEWS, type TokenReview } from '#operator/gateway/access/reviews.ts';
import { unauthenticated } from '#operator/gateway/http/refusals.ts';
import type { Identity } from '#operator/gateway/model/types.ts';
import { BELIEVED_MS } from './believed.ts';
import { findNameFault, RESERVED_BY_GATEWAY } from './names.ts';

/** A token that is revoked is refused after this time, in ms. */
export const REUSE_MS = 10_000;
const MAX_TOKENS = 2_000;

export interface TokenReviewer {
  /** Was the token found right a moment ago? Then a question about it is no guess. */
  knows(token: string): boolean;
  /** @throws Problem unauthenticated, unavailable */
  review(token: string): Promise<Identity>;
}

export function createTokenReviewer({
  client,
  clock,
  audience,
}: {
  client: Pick<KubeClient, 'create'>;
  clock: Clock;
  audience: string;
}): TokenReviewer {
  // The keys are hashes, so that no dump of the memory shows tokens. The oldest answers come first in the Map.
  const known = new Map<string, { identity: Promise<Identity>; until: number }>();
  const hashOf = (token: string) => createHash('sha256').update(token).digest('base64');

  const ask = async (token: string): Promise<Identity> => {
    const status = await askReview(client, TOKEN_REVIEWS, { token, audiences: [audience] });
    return toIdentity(status, { audience, expiresAt: Math.min(readExpiry(token), clock.now() + BELIEVED_MS) });
  };

  return {
    knows: (token) => known.has(hashOf(token)),
    async review(token) {
      const hash = hashOf(token);
      const entry = known.get(hash);
      if (entry !== undefined && clock.monotonic() < entry.until) return checkExpiry(await entry.identity, clock);
      const fresh = { identity: ask(token), until: clock.monotonic() + REUSE_MS };
      known.delete(hash);
      known.set(hash, fresh);
      if (known.size > MAX_TOKENS) known.delete(known.keys().next().value!);
      try {
        return checkExpiry(await fresh.identity, clock);
      } catch (error) {
        if (known.get(hash) === fresh) known.delete(hash);
        throw error;
      }
    },
  };
}

/** @throws Problem unauthenticated: an answer of before must not outlive its token. */
function checkExpiry(identity: Identity, clock: Clock): Identity {
  if (identity.expiresAt === null || clock.now() < identity.expiresAt) return identity;
  throw unauthenticated('The token has expired. Create a new one.');
}

/** When the token itself says that it ends, in epoch ms. */
function readExpiry(token: string): number {
  try {
    const { exp } = decodeJwt(token);
    return typeof exp === 'number' ? exp * 1000 : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function toIdentity(
  status: TokenReview['status'],
  { audience, expiresAt }: { audience: string; expiresAt: number },
): Identity {
  const { username: user, groups = [], uid, extra } = status?.user ?? {};
  // An authenticator that knows no audiences leaves them out: the token is then for the API server, and not for us.
  if (status?.authenticated !== true || !status.audiences?.includes(audience) || !user) {
    throw unauthenticated(
      `The API server does not know this token, or not for the audience ${audience}. Create one: kubectl create token SERVICE-ACCOUNT --audience ${audience}`,
    );
  }
  const fault = findNameFault({ user, groups }, RESERVED_BY_GATEWAY);
  if (fault !== null) throw unauthenticated(`The token is refused, because ${fault}.`);
  return { user, groups, uid, extra, proof: 'TokenReview', namespace: null, expiresAt };
}
