/** Who sends a request: the kind of proof that the request carries decides which check it goes to, and no other is tried. */
import type { FastifyRequest } from 'fastify';
import { Problem } from '#operator/gateway/http/problem.ts';
import { addressKey, createRateLimiter } from '#operator/gateway/http/rate-limit.ts';
import { unauthenticated } from '#operator/gateway/http/refusals.ts';
import type { GatewayDeps, Identity, SignedRequest } from '#operator/gateway/model/types.ts';
import { createSignatureCheck } from './message-signature.ts';
import { claimedIssuer, createOidcCheck } from './oidc.ts';
import { createTokenReviewer } from './token-review.ts';

/**
 * Called before the body is read. The identity of a signed request is known only when its body has come.
 * @throws Problem unauthenticated, unavailable, too-many-requests
 */
export type Authenticate = (request: FastifyRequest, namespace: string) => Promise<Identity | SignedRequest>;

/** Requests from one address that prove nothing. All senders behind a proxy share its address, so that these are many. */
const FAILURES = { perSecond: 5, burst: 100 };
/**
 * Tokens that the API server is asked about for the first time, from all addresses together. The gateway may send it 50
 * requests in a second, and most of them must be left for tokens that are known, and for rights.
 */
const NEW_TOKENS = { perSecond: 20, burst: 200 };

export function createAuthenticator(deps: Omit<GatewayDeps, 'uploads' | 'schemas' | 'storage'>): Authenticate {
  const { config, clock, client } = deps;
  const { oidc, tokenAudience } = config;
  const failures = createRateLimiter({ ...FAILURES, clock });
  const newTokens = createRateLimiter({ ...NEW_TOKENS, clock });
  const checkOidc = oidc && createOidcCheck({ settings: oidc, clock });
  const reviewer = tokenAudience === null ? null : createTokenReviewer({ client, clock, audience: tokenAudience });
  const checkSignature = createSignatureCheck(deps);
  const { ways, challenge } = describeWays(config);

  const checkToken = async (token: string, address: string): Promise<Identity> => {
    if (oidc && checkOidc && claimedIssuer(token) === oidc.issuer) return checkOidc(token);
    if (reviewer === null) throw unauthenticated(`The token is not one that this gateway takes. It takes ${ways}.`);
    if (!reviewer.knows(token)) {
      const seconds = failures.wait(address);
      if (seconds > 0) throw tooManyFailures(seconds);
      const others = newTokens.take('all addresses');
      if (others > 0) throw tooManyNewTokens(others);
    }
    return reviewer.review(token);
  };

  const check: Authenticate = async (request, namespace) => {
    const hasSession = deps.sessions?.claims(request) ?? false;
    const found = findProof(request.raw.rawHeaders, { ways, hasSession });
    if (found.proof === 'Session') return deps.sessions!.identify(request);
    if (found.proof === 'Signature') return checkSignature(request.raw, namespace);
    return checkToken(found.token, addressKey(request.raw.socket.remoteAddress));
  };

  /** Counts a failure, and says in which ways the gateway can be convinced. */
  const refuse = (error: unknown, request: FastifyRequest): never => {
    if (!(error instanceof Problem) || error.type !== 'unauthenticated') throw error;
    const seconds = failures.take(addressKey(request.raw.socket.remoteAddress));
    if (seconds > 0) throw tooManyFailures(seconds);
    throw new Problem('unauthenticated', { ...error.options, headers: { 'www-authenticate': challenge } });
  };

  return async (request, namespace) => {
    const proved = await check(request, namespace).catch((error) => refuse(error, request));
    if (!('confirm' in proved)) return proved;
    return { ...proved, confirm: (body) => proved.confirm(body).catch((error) => refuse(error, request)) };
  };
}

function tooManyFailures(seconds: number): Problem {
  return new Problem('too-many-requests', {
    detail: 'Too many requests from this address did not prove who sends them. Correct the proof before you send more.',
    retryAfterSeconds: seconds,
  });
}

function tooManyNewTokens(seconds: number): Problem {
  return new Problem('unavailable', {
    detail:
      'Too many tokens are new at the moment, and each must be checked. Nothing was changed; send the request again.',
    retryAfterSeconds: seconds,
  });
}

type Proof = { proof: 'Token'; token: string } | { proof: 'Signature' } | { proof: 'Session' };

/** @throws Problem unauthenticated for no proof, and for more than one: which one counts could be disputed. */
function findProof(rawHeaders: readonly string[], { ways, hasSession }: { ways: string; hasSession: boolean }): Proof {
  const valuesOf = (name: string) =>
    rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name);
  const authorizations = valuesOf('authorization');
  const isSigned = valuesOf('signature').length + valuesOf('signature-input').length > 0;
  if (authorizations.length + (isSigned ? 1 : 0) + (hasSession ? 1 : 0) > 1) {
    const cookie = hasSession ? ', and no cookie of a session beside it' : '';
    throw unauthenticated(
      `The request has more than one proof of who sends it. Send either one bearer token or one signature${cookie}.`,
    );
  }
  if (hasSession) return { proof: 'Session' };
  if (isSigned) return { proof: 'Signature' };
  const [authorization] = authorizations;
  if (authorization === undefined) throw unauthenticated(`The request does not say who sends it. Send ${ways}.`);
  const token = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization)?.[1];
  if (token === undefined) throw unauthenticated(`The header Authorization has no bearer token. Send ${ways}.`);
  return { proof: 'Token', token };
}

function describeWays({ oidc, tokenAudience, page }: GatewayDeps['config']): { ways: string; challenge: string } {
  const ways = [
    ...(oidc ? [`a bearer token of ${oidc.issuer} with the audience ${oidc.audience}`] : []),
    ...(tokenAudience === null ? [] : [`a bearer token of Kubernetes with the audience ${tokenAudience}`]),
    ...(page ? [`the session of a person who has signed in at ${page.origin}/page/`] : []),
    'a message signature (RFC 9421) by a key of the namespace',
  ];
  return {
    ways: ways.join(', or '),
    challenge: oidc || tokenAudience !== null ? 'Bearer realm="batch-upload"' : 'Signature realm="batch-upload"',
  };
}
