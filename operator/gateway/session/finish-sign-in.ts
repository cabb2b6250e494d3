/** From the answer of the provider to a person. */
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import type { OidcSettings } from '#operator/config/gateway-config.ts';
import { toIdentity } from '#operator/gateway/identity/oidc.ts';
import type { Identity } from '#operator/gateway/model/types.ts';

/** What belongs to a sign-in that has begun, and nobody else can know. */
export interface SignInSecrets {
  state: string;
  nonce: string;
  verifier: string;
}

export interface Person {
  identity: Identity;
  displayName: string;
}

/**
 * @param callback the address with the provider's answer
 * @throws Problem unauthenticated for claims that name nobody; errors of openid-client
 */
export async function finishSignIn(
  configuration: oidc.Configuration,
  { callback, secrets, settings }: { callback: URL; secrets: SignInSecrets; settings: OidcSettings },
): Promise<Person> {
  const tokens = await oidc.authorizationCodeGrant(configuration, callback, {
    pkceCodeVerifier: secrets.verifier,
    expectedState: secrets.state,
    expectedNonce: secrets.nonce,
    idTokenExpected: true,
  });
  const token = decodeJwt(tokens.id_token!);
  const lacks = [settings.userClaim, settings.groupsClaim, 'name'].some((claim) => !Object.hasOwn(token, claim));
  // A provider may keep claims about a person for this endpoint, by OpenID Connect Core 5.4.
  const hasMore = configuration.serverMetadata().userinfo_endpoint !== undefined;
  const more =
    lacks && hasMore ? await oidc.fetchUserInfo(configuration, tokens.access_token, tokens.claims()!.sub) : {};
  const claims = { ...more, ...token };
  const identity = toIdentity(claims, settings);
  return { identity, displayName: displayNameOf(claims) ?? identity.user };
}

const MOST_NAME_CHARACTERS = 100;

function displayNameOf(claims: Record<string, unknown>): string | null {
  for (const claim of ['name', 'preferred_username', 'email']) {
    const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
    if (typeof value !== 'string') continue;
    const shown = [...value.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '').trim()];
    if (shown.length > 0) return shown.slice(0, MOST_NAME_CHARACTERS).join('');
  }
  return null;
}
