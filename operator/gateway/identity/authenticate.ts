/** Who sends a request: the first kind of proof that the request has is checked, and no other. */
import type { FastifyRequest } from 'fastify';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { GatewayDeps, Identity } from '#operator/gateway/model/types.ts';

/** @throws Problem unauthenticated, unavailable */
export type Authenticate = (request: FastifyRequest, namespace: string) => Promise<Identity>;

export function createAuthenticator(_deps: GatewayDeps): Authenticate {
  return async () => {
    throw new Problem('unauthenticated', { detail: 'No way to prove an identity is configured.' });
  };
}
