/**
 * Signing in: the code flow of OpenID Connect with PKCE, state and nonce. What belongs to a sign-in that has begun stands in
 * a cookie of the same browser, so that nobody can finish in one browser what began in another.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { answerMessage, type Message } from '#operator/gateway/http/message-page.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { createRateLimiter } from '#operator/gateway/http/rate-limit.ts';
import { toIdentity } from '#operator/gateway/identity/oidc.ts';
import type { GatewayApp, Identity } from '#operator/gateway/model/types.ts';
import { clearCookie, LOGIN_COOKIE, readCookie, setCookie } from './cookies.ts';
import { returnPath } from './return-path.ts';
import type { SessionDeps } from './session-deps.ts';

/** A sign-in that has begun. */
interface BegunLogin {
  state: string;
  nonce: string;
  verifier: string;
  to: string;
  /** Epoch ms. */
  until: number;
}

const LOGIN_MS = 600_000;
/** Tabs in which one browser may sign in at the same time; the oldest gives way. */
const MOST_BEGUN = 4;
/** Each sign-in can end with a sign-out, of which the list of ended sessions has only so many. */
const SIGN_INS = { perSecond: 0.05, burst: 30 };

export function loginRoutes(app: GatewayApp, deps: SessionDeps): void {
  const { page, clock, provider, seal } = deps;
  const redirectUri = `${page.origin}/page/callback`;
  const limiter = createRateLimiter({ ...SIGN_INS, clock });
  const sealLogins = async (logins: BegunLogin[]) =>
    logins.length === 0
      ? clearCookie(LOGIN_COOKIE)
      : setCookie(LOGIN_COOKIE, await seal.seal('login', logins), { maxAgeSeconds: LOGIN_MS / 1000 })!;

  app.get('/page/login', async (request, reply) => {
    const to = returnPath((request.query as { to?: unknown }).to, page.origin);
    try {
      const configuration = await provider.configuration();
      const login: BegunLogin = {
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        verifier: oidc.randomPKCECodeVerifier(),
        to,
        until: clock.now() + LOGIN_MS,
      };
      const url = oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope: page.scopes,
        state: login.state,
        nonce: login.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(login.verifier),
        code_challenge_method: 'S256',
      });
      const begun = [...(await readLogins(request, deps)), login].slice(-MOST_BEGUN);
      return reply
        .headers({
          'set-cookie': await sealLogins(begun),
          'cache-control': 'no-store',
          'referrer-policy': 'no-referrer',
        })
        .redirect(url.href, 302);
    } catch (error) {
      return answerFailure(deps, { request, reply, error, to });
    }
  });

  app.get('/page/callback', async (request, reply) => {
    let to: string | undefined;
    try {
      const { state } = request.query as { state?: unknown };
      const logins = await readLogins(request, deps);
      const login = logins.find((each) => each.state === state);
      if (login === undefined) return answerMessage(request, reply, notSignedIn(400, 'session.notBegun'));
      to = login.to;
      // A sign-in can be finished once, whatever becomes of it.
      reply.header('set-cookie', await sealLogins(logins.filter((each) => each !== login)));
      const person = await finish(deps, { login, url: new URL(request.url, page.origin) });
      if (limiter.take(person.identity.user) > 0)
        return answerMessage(request, reply, notSignedIn(429, 'session.tooOften'));
      const cookies = await deps.sessions.begin(person);
      if (cookies === null) return answerMessage(request, reply, notSignedIn(403, 'session.tooManyNames', deps));
      await endFormer(request, deps);
      deps.log.info({ user: person.identity.user }, 'a person has signed in');
      return reply
        .headers({ 'set-cookie': cookies, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
        .redirect(login.to, 303);
    } catch (error) {
      return answerFailure(deps, { request, reply, error, to });
    }
  });
}

/** What is no cookie of ours is no sign-in that has begun. */
async function readLogins(request: FastifyRequest, { seal, clock }: SessionDeps): Promise<BegunLogin[]> {
  try {
    const text = readCookie(request.raw, LOGIN_COOKIE);
    const logins = text === null ? [] : ((await seal.open('login', text)) as BegunLogin[] | null);
    return (logins ?? []).filter(({ until }) => clock.now() < until);
  } catch {
    return [];
  }
}

/** @throws Problem unauthenticated, unavailable; errors of openid-client */
async function finish(
  { provider, oidcSettings: settings }: SessionDeps,
  { login, url }: { login: BegunLogin; url: URL },
): Promise<{ identity: Identity; displayName: string }> {
  const configuration = await provider.configuration();
  const tokens = await oidc.authorizationCodeGrant(configuration, url, {
    pkceCodeVerifier: login.verifier,
    expectedState: login.state,
    expectedNonce: login.nonce,
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

/** The browser forgets the session that it had: nobody else may go on with it. */
async function endFormer(request: FastifyRequest, { sessions, log }: SessionDeps): Promise<void> {
  try {
    const former = await sessions.read(request);
    if (former !== null) await sessions.end(former);
  } catch (err) {
    if (err instanceof Problem && err.type === 'unauthenticated') return;
    log.warn({ err }, 'the session before a new one could not be ended');
  }
}

type NotSignedIn =
  | 'session.notBegun'
  | 'session.refused'
  | 'session.notOurs'
  | 'session.noPerson'
  | 'session.tooManyNames'
  | 'session.tooOften'
  | 'session.providerAway';

function notSignedIn(
  status: number,
  key: NotSignedIn,
  deps?: SessionDeps,
  more: { to?: string | undefined; detail?: string } = {},
): Message {
  const { to, detail = '' } = more;
  const query = to === undefined ? '' : `?${new URLSearchParams({ to })}`;
  return {
    status,
    title: 'session.notSignedIn',
    paragraphs: [{ key, values: { issuer: deps === undefined ? '' : new URL(deps.oidcSettings.issuer).host, detail } }],
    links: [{ key: 'session.signIn', href: `/page/login${query}` }],
  };
}

function answerFailure(
  deps: SessionDeps,
  {
    request,
    reply,
    error,
    to,
  }: { request: FastifyRequest; reply: FastifyReply; error: unknown; to: string | undefined },
): FastifyReply {
  const { log, metrics } = deps;
  const { status, key, detail } = explain(error);
  metrics.refusals.inc({ problem: status === 503 ? 'unavailable' : 'unauthenticated' });
  log.warn({ err: error, key }, 'a person could not sign in');
  if (status === 503) reply.header('retry-after', '5');
  return answerMessage(request, reply, notSignedIn(status, key, deps, { to, ...(detail ? { detail } : {}) }));
}

/** Codes of openid-client for an answer of the provider that is not for this sign-in, or that somebody else has made. */
const NOT_OURS = /^OAUTH_(INVALID_RESPONSE|JWT_|KEY_SELECTION|UNSUPPORTED_OPERATION|PARSE_ERROR)/;

function explain(error: unknown): { status: number; key: NotSignedIn; detail?: string } {
  if (error instanceof Problem && error.type === 'unauthenticated') {
    return { status: 403, key: 'session.noPerson', detail: error.message };
  }
  if (error instanceof oidc.AuthorizationResponseError) return { status: 403, key: 'session.refused' };
  if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant') {
    return { status: 400, key: 'session.notOurs' };
  }
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && NOT_OURS.test(code)) return { status: 400, key: 'session.notOurs' };
  return { status: 503, key: 'session.providerAway' };
}
