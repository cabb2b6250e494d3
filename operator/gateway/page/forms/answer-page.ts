/** Answers of the pages without JavaScript: the page in the person's language, and what browsers may do with it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { noteProblem, toProblem } from '#operator/gateway/http/answer-problem.ts';
import { formField } from '#operator/gateway/http/form-body.ts';
import { chooseLanguage } from '#operator/gateway/http/message-page.ts';
import type { FormDeps } from './form-deps.ts';
import { FORMS, formPaths } from './form-paths.ts';
import { createView, type View } from './frame.ts';
import { renderRefusal, renderSignIn } from './refusal-page.ts';

/** A way back that is longer is not kept by the sign-in. */
const MOST_CHARACTERS = 256;

export function viewOf({ headers, session }: FastifyRequest, { styleSheet }: Pick<FormDeps, 'styleSheet'>): View {
  return createView({ language: chooseLanguage(headers['accept-language']), session, styleSheet });
}

/** @param formTarget the origin besides the gateway's own that the page's form is sent to */
export function answerPage(
  reply: FastifyReply,
  markup: string,
  { status = 200, formTarget }: { status?: number; formTarget?: string } = {},
): FastifyReply {
  return reply
    .code(status)
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policyOf(formTarget),
      'cache-control': 'no-store',
      vary: 'Accept-Language, Cookie',
    })
    .send(markup);
}

function policyOf(formTarget: string | undefined): string {
  return [
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self' data:",
    `form-action 'self'${formTarget === undefined ? '' : ` ${formTarget}`}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}

/**
 * A person without a session is asked to sign in by a link, and not sent there: after a form, browsers follow no redirect to
 * the identity provider (form-action), and where a browser keeps no cookie a redirect would never end.
 */
export function answerRefusal(
  error: unknown,
  { request, reply, deps }: { request: FastifyRequest; reply: FastifyReply; deps: FormDeps },
): FastifyReply {
  const problem = toProblem(error, deps);
  noteProblem(problem, deps);
  const view = viewOf(request, deps);
  const { status, type, options } = problem;
  const back = wayBack(request);
  if (options.retryAfterSeconds !== undefined)
    reply.header('retry-after', String(Math.ceil(options.retryAfterSeconds)));
  if (type === 'unauthenticated') {
    const signIn = { to: back ?? FORMS, hadSession: deps.sessions.claims(request) };
    return answerPage(reply, renderSignIn({ ...view, session: null }, signIn), { status });
  }
  return answerPage(reply, renderRefusal(view, problem, back), { status });
}

/** Where the same page is shown again, with what the person has written; null for a path that is none of ours. */
function wayBack({ method, url, body, params }: FastifyRequest): string | null {
  const { namespace, id } = (params ?? {}) as { namespace?: string; id?: string };
  const [path = '', query] = url.split('?');
  if (!/^\/page\/forms[!-$&-~]*$/.test(path)) return null;
  const schema = formField(body, 'schema');
  const there =
    method !== 'POST' || namespace === undefined
      ? path + (query === undefined ? '' : `?${query}`)
      : id === undefined
        ? formPaths.new(namespace, { schema, name: formField(body, 'name') })
        : formPaths.file(namespace, id, schema);
  return there.length > MOST_CHARACTERS ? path : there;
}
