/** Bearer tokens of the configured OpenID Connect provider. */
import { decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Clock } from '#common/clock.ts';
import type { OidcSettings } from '#operator/config/gateway-config.ts';
import { cannotAsk, unauthenticated } from '#operator/gateway/http/refusals.ts';
import type { Identity } from '#operator/gateway/model/types.ts';
import { createProviderKeys } from './identity-provider.ts';
import { findNameFault, RESERVED_BY_ALL } from './names.ts';

/** Asymmetric ones alone: with a symmetric one the provider's public key would be the secret. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** Clocks may differ by so many seconds. */
export const TOLERANCE_SECONDS = 30;
/** The last time that a date can have, in seconds since 1970. A number in JSON may even be infinite. */
const LAST_SECOND = 8.64e12;
/** Types of tokens that are for senders. Others, such as logout tokens, are signed by the same keys. */
const TYPES = new Set([undefined, 'jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']);

/** Errors of jose that are about the token. Every other error is about the provider or its keys. */
const TOKEN_ERRORS = [
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
];

/** @returns the check of a token. The check throws a Problem: unauthenticated, unavailable. */
export function createOidcCheck({ settings, clock }: { settings: OidcSettings; clock: Clock }) {
  const keys = createProviderKeys({ issuer: settings.issuer, clock });
  return async (token: string): Promise<Identity> =>
    toIdentity(await verify(token, { settings, clock, keys }), settings);
}

/**
 * The issuer that a token claims to have, before anything of the token is checked; null where there is none. The claim
 * only decides which check the token goes to.
 */
export function claimedIssuer(token: string): string | null {
  try {
    const { iss } = decodeJwt(token);
    return typeof iss === 'string' ? iss : null;
  } catch {
    return null;
  }
}

async function verify(
  token: string,
  { settings, clock, keys }: { settings: OidcSettings; clock: Clock; keys: JWTVerifyGetKey },
): Promise<JWTPayload> {
  const { issuer, audience } = settings;
  const now = clock.now();
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      algorithms: ALGORITHMS,
      issuer,
      audience,
      clockTolerance: TOLERANCE_SECONDS,
      currentDate: new Date(now),
      requiredClaims: ['exp'],
    });
    // Who signs the token may have written any JSON there.
    const typ: unknown = protectedHeader.typ;
    if (!TYPES.has(typ === undefined ? undefined : String(typ).toLowerCase())) {
      throw unauthenticated('The token is not for requests: its header says another type. Send an access token.');
    }
    if (payload.iat !== undefined && !(payload.iat <= now / 1000 + TOLERANCE_SECONDS)) {
      throw unauthenticated('The token was issued in the future. Correct the clock of its issuer or of this cluster.');
    }
    if (payload.exp! > LAST_SECOND) {
      throw unauthenticated('The token never expires: its claim exp is no time. Let its issuer give it an end.');
    }
    return payload;
  } catch (error) {
    if (TOKEN_ERRORS.some((kind) => error instanceof kind)) throw unauthenticated(describe(error as Error, settings));
    if (!(error instanceof Error) || error.name === 'Problem') throw error;
    throw cannotAsk(`The identity provider ${issuer} cannot be asked for its keys: ${error.message}.`, error);
  }
}

function describe(error: Error, { issuer, audience }: OidcSettings): string {
  if (error instanceof errors.JWTExpired) return `The token has expired. Get a new one from ${issuer}.`;
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud')
      return `The token is for another audience. Ask ${issuer} for one with the audience ${audience}.`;
    if (error.claim === 'nbf') return 'The token is not valid yet. Send it later.';
    return `The claim ${error.claim} of the token is missing or not valid. Get another token from ${issuer}.`;
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return `The token is not signed by an algorithm that is accepted here: ${ALGORITHMS.join(', ')}.`;
  }
  if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid) return 'The token is not a valid JWT.';
  return `The token is not signed by a key of ${issuer}. Get a new one there.`;
}

/** @throws Problem unauthenticated */
export function toIdentity(claims: JWTPayload, { issuer, userClaim, groupsClaim, prefix }: OidcSettings): Identity {
  const name = Object.hasOwn(claims, userClaim) ? claims[userClaim] : undefined;
  if (typeof name !== 'string' || name === '') {
    throw unauthenticated(
      `The token has no claim ${userClaim} with a text, which names the user here. Let ${issuer} add it.`,
    );
  }
  if (userClaim === 'email' && 'email_verified' in claims && claims['email_verified'] !== true) {
    throw unauthenticated(`The email address in the token is not verified. Verify it at ${issuer}.`);
  }
  if ('cnf' in claims) {
    throw unauthenticated(
      'The token is bound to a key of its owner, and this gateway takes no such tokens. Ask for a plain bearer token.',
    );
  }
  const user = prefix + name;
  const groups = readGroups(claims, groupsClaim, issuer).map((group) => prefix + group);
  const fault = findNameFault({ user, groups }, RESERVED_BY_ALL);
  if (fault !== null) throw unauthenticated(`The token is refused, because ${fault}. Let ${issuer} give other names.`);
  return { user, groups, proof: 'OpenIDConnect', namespace: null, expiresAt: Math.floor(claims.exp! * 1000) };
}

function readGroups(claims: JWTPayload, groupsClaim: string, issuer: string): string[] {
  const elsewhere = claims['_claim_names'];
  if (typeof elsewhere === 'object' && elsewhere !== null && Object.hasOwn(elsewhere, groupsClaim)) {
    throw unauthenticated(
      `${issuer} has left the groups out of the token, because they are many. Let it add only the groups that this gateway needs.`,
    );
  }
  const value = Object.hasOwn(claims, groupsClaim) ? claims[groupsClaim] : [];
  const groups: unknown[] = Array.isArray(value) ? value : [value];
  if (!groups.every((group) => typeof group === 'string' && group !== '')) {
    throw unauthenticated(`The claim ${groupsClaim} of the token is not a list of names. Let ${issuer} change it.`);
  }
  return [...new Set(groups as string[])];
}
