/** Who is signed in and what the person may do, and signing out. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as oidc from 'openid-client';
import { createSemaphore } from '#common/semaphore.ts';
import { formField } from '#operator/gateway/http/form-body.ts';
import { answerMessage } from '#operator/gateway/http/message-page.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { createRateLimiter } from '#operator/gateway/http/rate-limit.ts';
import type { Access, GatewayApp, Identity } from '#operator/gateway/model/types.ts';
import { clearCookie, SESSION_COOKIE } from './cookies.ts';
import type { SessionDeps } from './session-deps.ts';

export interface SessionNamespace {
  name: string;
  mayUpload: boolean;
  mayList: boolean;
  mayReadErrors: boolean;
}

/** The answer of GET /page/session. */
export interface SessionAnswer {
  user: string;
  displayName: string;
  csrf: string;
  /** ISO 8601. */
  expiresAt: string;
  /** Those in which the person may upload or see uploads. */
  namespaces: SessionNamespace[];
}

export const SIGNED_OUT = '/page/signed-out';
/** An answer may cost three reviews for each namespace. */
const ANSWERS = { perSecond: 1, burst: 20 };
/** Questions about rights at the same time, for one answer. */
const QUESTIONS = 10;

export function sessionRoutes(app: GatewayApp, deps: SessionDeps): void {
  const limiter = createRateLimiter({ ...ANSWERS, clock: deps.clock });

  app.get('/page/session', async (request, reply): Promise<SessionAnswer> => {
    reply.header('cache-control', 'no-store');
    // The answer has the token, which no page of another site may get.
    await deps.sessions.identify(request);
    const session = (await deps.sessions.read(request))!;
    const { identity, displayName, csrf, expiresAt } = session;
    const seconds = limiter.take(identity.user);
    if (seconds > 0) {
      throw new Problem('too-many-requests', {
        detail: `${identity.user} has asked for the session very often. Send the request again later.`,
        retryAfterSeconds: seconds,
      });
    }
    const namespaces = await listNamespaces(deps, identity);
    return { user: identity.user, displayName, csrf, expiresAt: new Date(expiresAt).toISOString(), namespaces };
  });

  app.post('/page/logout', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const isForm = request.body instanceof URLSearchParams;
    try {
      await endSession(request, deps);
    } catch (error) {
      if (isForm) return answerNotSignedOut({ request, reply, error });
      throw error;
    }
    reply.header('set-cookie', clearCookie(SESSION_COOKIE));
    // A form may not lead to another site (form-action), so that the page behind it has the link there.
    if (isForm) return reply.redirect(SIGNED_OUT, 303);
    return reply.send({ to: (await endAtProvider(deps)) ?? SIGNED_OUT });
  });

  app.get(SIGNED_OUT, async (request, reply) => {
    const there = await endAtProvider(deps);
    return answerMessage(request, reply, {
      status: 200,
      title: 'session.signedOut',
      paragraphs: [{ key: 'session.signedOutHere' }],
      links: [
        { key: 'session.signIn', href: '/page/login' },
        ...(there === null ? [] : [{ key: 'session.signOutThere' as const, href: there }]),
      ],
    });
  });
}

/** @throws Problem forbidden, unavailable: the session goes on then */
async function endSession(request: FastifyRequest, { sessions, log }: SessionDeps): Promise<void> {
  // Without a session there is nothing to end, but the answer takes the cookie out of the browser.
  sessions.assertOwnOrigin(request);
  const session = await sessions.read(request).catch((error: unknown) => {
    // Who signs out twice is signed out.
    if (error instanceof Problem && error.type === 'unauthenticated') return null;
    throw error;
  });
  if (session === null) return;
  sessions.assertFromPage(request, session, formField(request.body, 'csrf') ?? request.headers['x-csrf-token']);
  await sessions.end(session);
  log.info({ user: session.identity.user }, 'a person has signed out');
}

/** @throws what is no refusal */
function answerNotSignedOut({
  request,
  reply,
  error,
}: {
  request: FastifyRequest;
  reply: FastifyReply;
  error: unknown;
}): FastifyReply {
  if (!(error instanceof Problem)) throw error;
  const key = error.type === 'forbidden' ? 'session.formOfAnother' : 'session.notSignedOut';
  return answerMessage(request, reply, {
    status: error.status,
    title: 'session.stillSignedIn',
    paragraphs: [{ key }],
  });
}

/** Where the browser ends the session of the provider; null where the provider has no such place or is away. */
async function endAtProvider({ provider, page }: SessionDeps): Promise<string | null> {
  try {
    const configuration = await provider.configuration();
    if (configuration.serverMetadata().end_session_endpoint === undefined) return null;
    return oidc.buildEndSessionUrl(configuration, { post_logout_redirect_uri: `${page.origin}${SIGNED_OUT}` }).href;
  } catch {
    return null;
  }
}

/** The namespaces in which the person may upload or see uploads. */
export async function listNamespaces(
  { authorizer, namespaces }: Pick<SessionDeps, 'authorizer' | 'namespaces'>,
  identity: Identity,
): Promise<SessionNamespace[]> {
  const questions = createSemaphore(QUESTIONS);
  const may = (namespace: string, access: Access) =>
    questions.run(() =>
      authorizer.authorize(identity, { ...access, namespace }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof Problem && error.type === 'forbidden') return false;
          throw error;
        },
      ),
    );
  const found = await Promise.all(
    namespaces.map(async (name) => {
      const [mayUpload, mayList] = await Promise.all([
        may(name, { verb: 'create', resource: 'batchuploads' }),
        may(name, { verb: 'list', resource: 'batchuploads' }),
      ]);
      const isOpen = mayUpload || mayList;
      const mayReadErrors =
        isOpen && (await may(name, { verb: 'get', resource: 'batchuploads', subresource: 'errors' }));
      return { name, mayUpload, mayList, mayReadErrors };
    }),
  );
  return found.filter(({ mayUpload, mayList }) => mayUpload || mayList);
}
