/** The identity provider as the staff page uses it: it signs people in by the code flow. */
import * as oidc from 'openid-client';
import type { Clock } from '#common/clock.ts';
import type { OidcSettings } from '#operator/config/gateway-config.ts';
import type { PageSettings } from '#operator/config/page-config.ts';
import { cannotAsk } from '#operator/gateway/http/refusals.ts';

export interface Provider {
  /** @throws Problem unavailable */
  configuration(): Promise<oidc.Configuration>;
}

const TIMEOUT_SECONDS = 10;
/** What the provider says of itself is read again after this time. */
const KEPT_MS = 600_000;
/** After a failure the provider is left in peace for this time. */
const REST_MS = 5_000;
const MAX_ANSWER_BYTES = 512 * 1024;
/** Clocks may differ by so many seconds. */
const TOLERANCE_SECONDS = 30;

export function createProvider({
  issuer,
  page,
  clientSecret,
  clock,
}: {
  issuer: OidcSettings['issuer'];
  page: Pick<PageSettings, 'clientId'>;
  clientSecret: () => string | null;
  clock: Clock;
}): Provider {
  let kept: { configuration: Promise<oidc.Configuration>; secret: string | null; until: number } | null = null;
  return {
    configuration() {
      const secret = clientSecret();
      if (kept !== null && clock.monotonic() < kept.until && kept.secret === secret) return kept.configuration;
      const configuration = discover(issuer, { clientId: page.clientId, secret });
      const entry = { configuration, secret, until: clock.monotonic() + KEPT_MS };
      kept = entry;
      configuration.catch(() => {
        entry.until = clock.monotonic() + REST_MS;
      });
      return configuration;
    },
  };
}

async function discover(
  issuer: string,
  { clientId, secret }: { clientId: string; secret: string | null },
): Promise<oidc.Configuration> {
  // Only a provider on this machine may be asked without TLS.
  const isLocal = issuer.startsWith('http:');
  try {
    const metadata = { [oidc.clockTolerance]: TOLERANCE_SECONDS };
    const found = await oidc.discovery(new URL(issuer), clientId, metadata, authenticateClient(secret), {
      timeout: TIMEOUT_SECONDS,
      [oidc.customFetch]: fetchBounded,
      // The signature of an ID token is checked, although the token comes from the provider itself.
      execute: [oidc.enableNonRepudiationChecks, ...(isLocal ? [oidc.allowInsecureRequests] : [])],
    });
    const { authorization_endpoint: authorization = '', end_session_endpoint: end } = found.serverMetadata();
    for (const endpoint of [authorization, ...(end === undefined ? [] : [end])]) {
      const protocol = URL.parse(endpoint)?.protocol;
      if (protocol !== 'https:' && !(isLocal && protocol === 'http:')) {
        throw new Error(`${issuer} has an endpoint for browsers that does not begin with https://`);
      }
    }
    return found;
  } catch (error) {
    throw providerAway(issuer, error);
  }
}

export function providerAway(issuer: string, cause: unknown) {
  return cannotAsk(`The identity provider ${issuer} does not answer, or not as OpenID Connect says.`, cause);
}

/** The way that the provider names first is taken where it takes the secret in both. */
function authenticateClient(secret: string | null): oidc.ClientAuth {
  if (secret === null) return oidc.None();
  const basic = oidc.ClientSecretBasic(secret);
  const post = oidc.ClientSecretPost(secret);
  return (server, ...rest) => {
    // OpenID Connect Discovery says client_secret_basic where the provider says nothing.
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return (methods.includes('client_secret_basic') ? basic : post)(server, ...rest);
  };
}

async function fetchBounded(...[url, options]: Parameters<oidc.CustomFetch>): Promise<Response> {
  const response = await fetch(url, options as RequestInit);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    length += piece.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`${url} answers with more than ${MAX_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  const { status, statusText, headers } = response;
  const body = length === 0 ? null : Buffer.concat(pieces);
  return new Response(body, { status, statusText, headers });
}
