/** A real OpenID Connect provider, and tokens that its keys sign although it would never give them. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import { Provider } from 'oidc-provider';

export const AUDIENCE = 'https://uploads.example.com';

export interface IdentityProvider extends AsyncDisposable {
  issuer: string;
  /** The number of requests for the keys or for the discovery document. */
  readonly asked: number;
  /** The public key, as the provider shows it. */
  publicKey(): Promise<JWK>;
  /** An access token as a client gets it from the token endpoint. */
  token(options?: { client?: string; groups?: unknown; audience?: string }): Promise<string>;
  /** A token with these claims, signed by the provider's own key. */
  forge(claims?: JWTPayload, header?: { alg?: string; kid?: string; typ?: string }): Promise<string>;
  /** Takes a new key, as a provider does from time to time. */
  rotate(): Promise<void>;
  /** Answers everything in this way from now on; null: as before. */
  answer(listener: RequestListener | null): void;
}

const newKey = async (kid: string): Promise<JWK> => {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, use: 'sig', alg: 'RS256' };
};

/** Each client is a user, whose name in tokens is that of the client. */
export async function startIdentityProvider({ clients = ['alice', 'bob'] } = {}): Promise<IdentityProvider> {
  let listener: RequestListener | null = null;
  let groups: unknown;
  let generation = 1;
  let asked = 0;
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/.well-known') || request.url?.startsWith('/jwks')) asked += 1;
    (listener ?? callback)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const create = (key: JWK): RequestListener => {
    const provider = new Provider(issuer, {
      jwks: { keys: [key as never] },
      clients: clients.map((id) => ({
        client_id: id,
        client_secret: 'secret-of-the-client',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      })),
      extraTokenClaims: () => (groups === undefined ? {} : { groups }) as never,
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_context, audience) => ({
            scope: '',
            audience,
            accessTokenFormat: 'jwt' as const,
            jwt: { sign: { alg: 'RS256' as const } },
          }),
        },
      },
    });
    return provider.callback();
  };
  let key = await newKey('key-1');
  let callback = create(key);

  return {
    issuer,
    get asked() {
      return asked;
    },
    async publicKey() {
      const { kty, n, e, kid, alg, use } = key;
      return { kty, n, e, kid, alg, use } as JWK;
    },
    async token({ client = 'alice', groups: given, audience = AUDIENCE } = {}) {
      groups = given;
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${client}:secret-of-the-client`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource: audience }),
      });
      const { access_token: token } = (await response.json()) as { access_token?: string };
      if (token === undefined) throw new Error(`the provider gave no token: ${response.status}`);
      return token;
    },
    async forge(claims = {}, { alg = 'RS256', kid = key.kid!, typ } = {}) {
      const all = { iss: issuer, aud: AUDIENCE, sub: 'alice', exp: Math.floor(Date.now() / 1000) + 600, ...claims };
      const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
      return new SignJWT(given)
        .setProtectedHeader({ alg, kid, ...(typ === undefined ? {} : { typ }) })
        .sign(await importJWK({ ...key, alg }));
    },
    async rotate() {
      generation += 1;
      key = await newKey(`key-${generation}`);
      callback = create(key);
    },
    answer(given) {
      listener = given;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
