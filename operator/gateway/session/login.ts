/**
 * Signing in: the code flow of OpenID Connect with PKCE, state and nonce. What belongs to a sign-in that has begun stands in
 * a cookie of the same browser, so that nobody can finish in one browser what began in another.
 */
import type { FastifyRequest } from 'fastify';
import * as oidc from 'openid-client';
import { Problem } from '#operator/gateway/http/problem.ts';
import { addressKey, createRateLimiter } from '#operator/gateway/http/rate-limit.ts';
import type { GatewayApp } from '#operator/gateway/model/types.ts';
import { clearCookie, LOGIN_COOKIE, readCookie, setCookie } from './cookies.ts';
import { finishSignIn, type SignInSecrets } from './finish-sign-in.ts';
import { returnPath } from './return-path.ts';
import type { SessionDeps } from './session-deps.ts';
import { answerRefusal, SignInRefusal } from './sign-in-refusals.ts';

/** A sign-in that has begun. */
interface BegunLogin extends SignInSecrets {
  to: string;
  /** Epoch ms. */
  until: number;
}

const LOGIN_MS = 600_000;
/** Tabs in which one browser may sign in at the same time; the oldest gives way. */
const MOST_BEGUN = 4;
/** Each sign-in can end with a sign-out, of which the list of ended sessions has only so many. */
const SIGN_INS = { perSecond: 0.05, burst: 30 };
/** Answers of the provider from one address, each of which costs the provider a request. All behind a proxy share it. */
const CALLBACKS = { perSecond: 10, burst: 200 };

const NO_STORE = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' };
const CALLBACK = '/page/callback';

export function loginRoutes(app: GatewayApp, deps: SessionDeps): void {
  const { page, clock, provider, log, metrics } = deps;
  const signIns = createRateLimiter({ ...SIGN_INS, clock });
  const callbacks = createRateLimiter({ ...CALLBACKS, clock });

  app.get('/page/login', async (request, reply) => {
    const to = returnPath((request.query as { to?: unknown }).to, page.origin);
    try {
      const configuration = await provider.configuration();
      const login = { ...createSecrets(), to, until: clock.now() + LOGIN_MS };
      const url = await authorizationUrl(configuration, { login, page });
      const begun = [...(await readLogins(request, deps)), login].slice(-MOST_BEGUN);
      return reply.headers({ ...NO_STORE, 'set-cookie': await writeLogins(begun, deps) }).redirect(url, 302);
    } catch (error) {
      return answerRefusal(deps, { request, reply, error, to });
    }
  });

  app.get(CALLBACK, async (request, reply) => {
    let login: BegunLogin | undefined;
    try {
      const { state } = request.query as { state?: unknown };
      const logins = await readLogins(request, deps);
      login = logins.find((each) => each.state === state);
      if (login === undefined) throw new SignInRefusal('session.notBegun');
      if (callbacks.take(addressKey(request.raw.socket.remoteAddress)) > 0) throw new SignInRefusal('session.tooOften');
      // A sign-in can be finished once, whatever becomes of it.
      const others = logins.filter((each) => each !== login);
      reply.header('set-cookie', await writeLogins(others, deps));
      const callback = new URL(CALLBACK + request.url.slice(request.url.indexOf('?')), page.origin);
      const settings = deps.oidcSettings;
      const configuration = await provider.configuration();
      const person = await finishSignIn(configuration, { callback, secrets: login, settings });
      if (signIns.take(person.identity.user) > 0) throw new SignInRefusal('session.tooOften');
      const cookies = await deps.sessions.begin(person);
      if (cookies === null) throw new SignInRefusal('session.tooManyNames');
      await endFormer(request, deps);
      metrics.signIns.inc({ result: 'signed_in' });
      log.info({ user: person.identity.user }, 'a person has signed in');
      return reply.headers({ ...NO_STORE, 'set-cookie': cookies }).redirect(login.to, 303);
    } catch (error) {
      return answerRefusal(deps, { request, reply, error, to: login?.to });
    }
  });
}

const createSecrets = (): SignInSecrets => ({
  state: oidc.randomState(),
  nonce: oidc.randomNonce(),
  verifier: oidc.randomPKCECodeVerifier(),
});

async function authorizationUrl(
  configuration: oidc.Configuration,
  { login, page }: { login: SignInSecrets; page: SessionDeps['page'] },
): Promise<string> {
  return oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: page.origin + CALLBACK,
    scope: page.scopes,
    state: login.state,
    nonce: login.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(login.verifier),
    code_challenge_method: 'S256',
  }).href;
}

async function writeLogins(logins: readonly BegunLogin[], { seal }: SessionDeps): Promise<string[]> {
  if (logins.length === 0) return clearCookie(LOGIN_COOKIE);
  // So few sign-ins, whose paths are short, always fit.
  return setCookie(LOGIN_COOKIE, await seal.seal('login', logins), { maxAgeSeconds: LOGIN_MS / 1000 })!;
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

/** The browser forgets the session that it had: nobody else may go on with it. */
async function endFormer(request: FastifyRequest, { sessions, log }: SessionDeps): Promise<void> {
  try {
    const former = await sessions.read(request);
    if (former !== null) await sessions.end(former);
  } catch (err) {
    if (err instanceof Problem && err.type === 'unauthenticated') return;
    log.warn(
      { err },
      'the session that a new sign-in replaces could not be ended: it stays valid until its hours are over',
    );
  }
}
