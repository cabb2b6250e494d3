/**
 * Message signatures of machine partners (RFC 9421, HMAC-SHA-256). The signature covers the head of a request, and the
 * head has the digest of the body: so nobody without a key can make the gateway read a body.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { cannotAsk, unauthenticated } from '#operator/gateway/http/refusals.ts';
import type { GatewayDeps, Identity, SignedRequest } from '#operator/gateway/model/types.ts';
import { createSecretReader } from '#operator/tenancy/storage-clients.ts';
import { BELIEVED_MS } from './believed.ts';
import { findKeys, findSigningKey, MIN_KEY_BYTES } from './partner-keys.ts';
import { type SignedMessage, signatureBase, toFields } from './signature-base.ts';
import { readSignature, type SignatureInput } from './signature-input.ts';
import { createNonceSpender, type NonceDeps } from './spend-nonce.ts';

export type SignatureDeps = NonceDeps & Pick<GatewayDeps, 'config' | 'client' | 'clock' | 'signal'>;

/** @returns the check of a request. Check and `confirm` throw Problems: unauthenticated, unavailable. */
export function createSignatureCheck(deps: SignatureDeps) {
  const { config, client, clock, signal } = deps;
  const spend = createNonceSpender(deps);
  // Keys may be any bytes, which UTF-8 would change.
  const secrets = createSecretReader({ client, program: 'gateway', clock, encoding: 'latin1' });

  return async (request: IncomingMessage, namespace: string): Promise<SignedRequest> => {
    const message = { method: request.method ?? '', url: request.url ?? '', fields: toFields(request.rawHeaders) };
    if (!message.url.startsWith('/')) throw unauthenticated('The target of a signed request must begin with a slash.');
    const input = readSignature(message, Math.floor(clock.now() / 1000));
    // Nothing is asked about a namespace that is not enabled; the answer is the one for an unknown key.
    const ref = { namespace, name: DEFAULT_NAMES.partnersSecret };
    const isEnabled = config.namespaces.includes(namespace);
    const data = isEnabled ? await secrets.read(ref, signal).catch(cannotReadKeys) : null;
    try {
      checkSignature(message, { input, keys: findKeys(data, input.keyId), namespace });
    } catch (error) {
      // The key may have been added a moment ago.
      secrets.distrust(ref);
      throw error;
    }
    const user = `batchupload:partner:${namespace}:${input.keyId}`;
    return {
      user,
      async confirm(body) {
        checkDigest(body ?? Buffer.alloc(0), input);
        await spend(namespace, input);
        return toIdentity(user, { namespace, expiresAt: clock.now() + BELIEVED_MS });
      },
    };
  };
}

function checkSignature(
  message: SignedMessage,
  { input, keys, namespace }: { input: SignatureInput; keys: readonly Buffer[]; namespace: string },
): void {
  // In front of the gateway a proxy ends TLS, so that it cannot know which scheme its sender has used.
  const texts = (['https', 'http'] as const).map((scheme) => signatureBase(message, { ...input, scheme }));
  const key = findSigningKey(keys, texts, input.signature);
  if (key === null) {
    throw unauthenticated(
      `The signature is not of a key with this keyid in the namespace ${namespace}, or the request was changed after it was signed. Check the key, and that every proxy passes on the path, the query and the header Host as they are.`,
    );
  }
  if (key.length < MIN_KEY_BYTES) {
    throw unauthenticated(
      `The key has only ${key.length} bytes, and needs ${MIN_KEY_BYTES}. Let the namespace's administrator give a new one: openssl rand -hex 32`,
    );
  }
}

function checkDigest(body: Buffer, { digest }: SignatureInput): void {
  if (digest === null && body.length === 0) return;
  const actual = createHash('sha256').update(body).digest();
  if (digest?.length === actual.length && timingSafeEqual(digest, actual)) return;
  throw unauthenticated('The body is not the one that was signed: its SHA-256 differs from the header content-digest.');
}

function cannotReadKeys(error: unknown): never {
  const name = DEFAULT_NAMES.partnersSecret;
  throw cannotAsk(
    `The Secret ${name} with the keys of partners cannot be read. If this lasts, check that the gateway's Role names the Secret.`,
    error,
  );
}

function toIdentity(user: string, { namespace, expiresAt }: { namespace: string; expiresAt: number }): Identity {
  return {
    user,
    groups: ['batchupload:partners', `batchupload:partners:${namespace}`],
    proof: 'MessageSignature',
    namespace,
    expiresAt,
  };
}
