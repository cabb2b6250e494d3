/** The keys of an OpenID Connect provider: discovered, read again when they change, and kept for some minutes. */
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '#common/clock.ts';
import { networkCode } from '#common/network-code.ts';
import { isSafeUrl } from '#operator/config/safe-url.ts';

const TIMEOUT_MS = 5_000;
/** A key that the provider withdraws is refused after this time. */
const KEPT_MS = 600_000;
/** Tokens with unknown keys make the gateway ask again at most this often: a new key is known after this time. */
const ASK_AGAIN_MS = 10_000;
/** After a failure the provider is left in peace for this time. */
const REST_MS = 5_000;
/** The largest providers publish some 30 kB of keys. */
const MAX_ANSWER_BYTES = 512 * 1024;

/** The provider cannot be asked, or gives an answer that cannot be used. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
}

/** @returns the key of a token. The function throws a {@link ProviderError} when the provider is away. */
export function createProviderKeys({ issuer, clock }: { issuer: string; clock: Clock }): JWTVerifyGetKey {
  const discovery = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  let failed: { error: ProviderError; until: number } | null = null;

  const load = async (signal: AbortSignal): Promise<Response> => {
    if (failed !== null && clock.monotonic() < failed.until) throw failed.error;
    try {
      const answer = await readJson(discovery, signal);
      if (answer['issuer'] !== issuer) throw new ProviderError(`${discovery} does not name the issuer ${issuer}`);
      const uri = String(answer['jwks_uri']);
      // Only a provider on this machine may have its keys there, too.
      const isSafe = isSafeUrl(uri) && (uri.startsWith('https:') || issuer.startsWith('http:'));
      if (!isSafe) throw new ProviderError(`${discovery} has no jwks_uri that begins with https://`);
      const keys = await readJson(uri, signal);
      failed = null;
      return Response.json(keys);
    } catch (cause) {
      const error = cause instanceof ProviderError ? cause : new ProviderError(describe(cause), { cause });
      failed = { error, until: clock.monotonic() + REST_MS };
      throw error;
    }
  };
  return createRemoteJWKSet(new URL(discovery), {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: ASK_AGAIN_MS,
    cacheMaxAge: KEPT_MS,
    [customFetch]: (_url, { signal }) => load(signal),
  });
}

function describe(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  // fetch hides what happened behind "fetch failed".
  return networkCode(error instanceof TypeError && error.cause !== undefined ? error.cause : error);
}

async function readJson(url: string, signal: AbortSignal): Promise<Record<string, unknown>> {
  const response = await fetch(url, { signal, redirect: 'manual', headers: { accept: 'application/json' } });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new ProviderError(`${url} answers with the status ${response.status}`);
  }
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    length += piece.length;
    if (length > MAX_ANSWER_BYTES) throw new ProviderError(`${url} answers with more than ${MAX_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(pieces).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // The error below says it.
  }
  throw new ProviderError(`${url} does not answer with a JSON object`);
}
