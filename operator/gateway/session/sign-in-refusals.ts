/** Why a person could not sign in, as the browser shows it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as oidc from 'openid-client';
import { answerMessage } from '#operator/gateway/http/message-page.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { SessionDeps } from './session-deps.ts';

const STATUS = {
  'session.notBegun': 400,
  'session.notOurs': 400,
  'session.refused': 403,
  'session.noPerson': 403,
  'session.tooManyNames': 403,
  'session.tooOften': 429,
  'session.providerAway': 503,
} as const;

export class SignInRefusal extends Error {
  override readonly name = 'SignInRefusal';
  readonly key: keyof typeof STATUS;

  constructor(key: keyof typeof STATUS, options?: { detail?: string; cause?: unknown }) {
    super(options?.detail ?? '', { cause: options?.cause });
    this.key = key;
  }
}

/** @param to where the next try leads the person */
export function answerRefusal(
  { log, metrics, oidcSettings }: SessionDeps,
  {
    request,
    reply,
    error,
    to,
  }: { request: FastifyRequest; reply: FastifyReply; error: unknown; to?: string | undefined },
): FastifyReply {
  const { key, message, cause } = toRefusal(error);
  const status = STATUS[key];
  metrics.signIns.inc({ result: status === 503 ? 'unavailable' : 'refused' });
  log.warn({ err: cause, detail: message }, `a person could not sign in: ${key}`);
  if (status === 503) reply.header('retry-after', '5');
  if (status === 429) reply.header('retry-after', '60');
  const query = to === undefined ? '' : `?${new URLSearchParams({ to })}`;
  return answerMessage(request, reply, {
    status,
    title: 'session.notSignedIn',
    paragraphs: [{ key, values: { issuer: new URL(oidcSettings.issuer).host, detail: message } }],
    links: [{ key: 'session.signIn', href: `/page/login${query}` }],
  });
}

/** Codes of openid-client for an answer of the provider that is not for this sign-in, or that somebody else has made. */
const NOT_OURS = /^OAUTH_(INVALID_RESPONSE|JWT_|KEY_SELECTION|UNSUPPORTED_OPERATION)/;

function toRefusal(error: unknown): SignInRefusal {
  if (error instanceof SignInRefusal) return error;
  const cause = error;
  if (error instanceof Problem && error.type === 'unauthenticated') {
    return new SignInRefusal('session.noPerson', { detail: error.message, cause });
  }
  if (error instanceof oidc.AuthorizationResponseError) return new SignInRefusal('session.refused', { cause });
  const isUsed = error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant';
  const { code } = error as { code?: unknown };
  const isForged = typeof code === 'string' && NOT_OURS.test(code);
  return new SignInRefusal(isUsed || isForged ? 'session.notOurs' : 'session.providerAway', { cause });
}
