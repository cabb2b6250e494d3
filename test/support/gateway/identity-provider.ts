/** A real OpenID Connect provider, and tokens that its keys sign although it would never give them. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import { type Configuration, Provider } from 'oidc-provider';

export const AUDIENCE = 'https://uploads.example.com';
/** The client of the staff page, by which people sign in with a form that asks for a user's name alone. */
export const PAGE_CLIENT = { id: 'staff-page', secret: 'secret-of-the-page' };

/** What the provider knows of a person besides the name. */
export type Claims = Record<string, unknown>;

export interface IdentityProvider extends AsyncDisposable {
  issuer: string;
  /** What the provider says of people, by their names; a person who is not here has only a name. */
  people: Map<string, Claims>;
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
  /** Answers everything in this way from now on, where it does not hand on to the provider; null: as before. */
  answer(listener: Listener | null): void;
}

export type Listener = (request: IncomingMessage, response: ServerResponse, provider: () => void) => void;

const newKey = async (kid: string): Promise<JWK> => {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, use: 'sig', alg: 'RS256' };
};

/**
 * Each client is a user, whose name in tokens is that of the client. Besides, people sign in to the staff pages.
 * @param pages the origins of staff pages
 * @param inToken whether all that is known of a person stands in the ID token, as many providers have it
 */
export async function startIdentityProvider({
  clients = ['alice', 'bob'],
  pages = [],
  inToken = false,
}: {
  clients?: string[];
  pages?: string[];
  inToken?: boolean;
} = {}): Promise<IdentityProvider> {
  const people: IdentityProvider['people'] = new Map();
  let listener: Listener | null = null;
  let groups: unknown;
  let generation = 1;
  let asked = 0;
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/.well-known') || request.url?.startsWith('/jwks')) asked += 1;
    if (listener === null) callback(request, response);
    else listener(request, response, () => callback(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const create = (key: JWK): RequestListener => {
    const provider: Provider = new Provider(issuer, {
      jwks: { keys: [key as never] },
      clients: [
        ...clients.map((id) => ({
          client_id: id,
          client_secret: 'secret-of-the-client',
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
        })),
        ...describePages(pages),
      ],
      ...signInByForm(people, inToken),
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
    const answer = provider.callback();
    return (request, response) =>
      request.url?.startsWith('/login/')
        ? void answerLogin(provider, request, response)
        : void answer(request as never, response as never);
  };
  let key = await newKey('key-1');
  let callback = create(key);

  return {
    issuer,
    people,
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

const describePages = (pages: readonly string[]) =>
  pages.length === 0
    ? []
    : [
        {
          client_id: PAGE_CLIENT.id,
          client_secret: PAGE_CLIENT.secret,
          grant_types: ['authorization_code'],
          response_types: ['code' as const],
          redirect_uris: pages.map((origin) => `${origin}/page/callback`),
          post_logout_redirect_uris: pages.map((origin) => `${origin}/page/signed-out`),
        },
      ];

/** Who signs in has agreed to everything. */
function signInByForm(people: IdentityProvider['people'], inToken: boolean): Configuration {
  return {
    findAccount: (_context, accountId) => ({
      accountId,
      claims: async () => ({ sub: accountId, name: accountId, ...people.get(accountId) }),
    }),
    claims: { openid: ['sub', 'groups'], profile: ['name'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: !inToken,
    cookies: { keys: ['key-of-the-cookies'] },
    interactions: { url: (_context, { uid }) => `/login/${uid}` },
    async loadExistingGrant({ oidc }) {
      const { clientId } = oidc.client!;
      const session = oidc.session!;
      // A code is refused when its grant is not the one of the session any more.
      const known = session.grantIdFor(clientId);
      if (known) return oidc.provider.Grant.find(known);
      const grant = new oidc.provider.Grant({ clientId, accountId: session.accountId! });
      grant.addOIDCScope('openid profile email');
      await grant.save();
      return grant;
    },
  };
}

/** Asks who signs in, and believes the answer. */
async function answerLogin(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST') {
    response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end(
        '<!doctype html><html lang="en"><title>Sign in</title><form method="post"><label>User <input name="user" autofocus></label><button>Sign in</button></form></html>',
      );
    return;
  }
  const fields = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
  const user = fields.get('user');
  const result = user
    ? { login: { accountId: user } }
    : { error: 'access_denied', error_description: 'The person did not sign in.' };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}
