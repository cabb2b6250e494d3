/** Every error becomes a problem, and every problem the same kind of answer. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Fault } from '#common/faults.ts';
import type { Logger } from '#common/log.ts';
import { KubeError } from '#kube/errors.ts';
import type { GatewayMetrics } from '#operator/gateway/model/metrics.ts';
import { Problem } from './problem.ts';

/** The problem of anything that a handler or fastify throws. */
export function toProblem(error: unknown, { log }: { log: Logger }): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof KubeError) return fromKubeError(error);
  if (error instanceof Fault) return fromFault(error);
  const { statusCode, validation, validationContext, message } = error as {
    statusCode?: number;
    validation?: { instancePath: string; message?: string; params?: Record<string, unknown> }[];
    validationContext?: string;
    message?: string;
  };
  if (validation !== undefined) return fromValidation(validation, validationContext);
  if (statusCode === 413)
    return new Problem('too-large', { detail: 'The body has more bytes than a request may have.' });
  if (statusCode === 415) {
    return new Problem('unsupported-media-type', { detail: 'Send the body as application/json.' });
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Problem('invalid-request', { detail: message ?? 'The request cannot be read.' });
  }
  log.error({ err: error }, 'a request failed by a defect of the gateway');
  return new Problem('internal', {
    detail: 'The gateway failed. Its log has the cause; the request may be sent again.',
  });
}

function fromValidation(
  validation: { instancePath: string; message?: string; params?: Record<string, unknown> }[],
  context = 'body',
): Problem {
  const errors = validation.map(({ instancePath, message = 'is not valid', params }) => {
    const extra = params?.['additionalProperty'];
    const detail = typeof extra === 'string' ? `${message}: ${extra}` : message;
    return context === 'body'
      ? { pointer: instancePath, detail }
      : { parameter: instancePath.slice(1) || context, detail };
  });
  const first = errors[0];
  const where = first
    ? `${'pointer' in first ? first.pointer || 'the body' : first.parameter} ${first.detail}`
    : context;
  return new Problem('invalid-request', { detail: `The request does not fit the API: ${where}.`, errors });
}

function fromKubeError(error: KubeError): Problem {
  if (error.status === 404) return new Problem('not-found', { detail: error.message, cause: error });
  if (error.status === 409) return new Problem('conflict', { detail: error.message, cause: error });
  if (error.status === 400 || error.status === 422 || error.status === 403) {
    return new Problem('unprocessable', { detail: `The API server refuses this: ${error.message}`, cause: error });
  }
  return new Problem('unavailable', {
    detail: 'The API server of the cluster cannot be reached or is busy. Nothing was changed; send the request again.',
    retryAfterSeconds: error.retryAfterSeconds ?? 5,
    cause: error,
  });
}

function fromFault(fault: Fault): Problem {
  if (fault.category === 'retryable') {
    return new Problem('unavailable', { detail: fault.message, retryAfterSeconds: 5, cause: fault });
  }
  return new Problem('unprocessable', { detail: fault.message, cause: fault });
}

/** Counts a refusal, and logs what lies behind it. */
export function noteProblem(problem: Problem, { metrics, log }: { metrics: GatewayMetrics; log: Logger }): void {
  metrics.refusals.inc({ problem: problem.type });
  if (problem.cause !== undefined) log.warn({ err: problem.cause, problem: problem.type }, 'a request was refused');
}

/** Headers of an answer that is no document, so that no browser shows it as one, in a frame either. */
export const NO_DOCUMENT = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-frame-options': 'DENY',
};

/** The answer has all of its headers from here: a path that cannot be read or does not exist is refused before any hook. */
export function answerProblem(
  reply: FastifyReply,
  problem: Problem,
  { request, ...deps }: { request: FastifyRequest; metrics: GatewayMetrics; log: Logger },
): FastifyReply {
  noteProblem(problem, deps);
  const { retryAfterSeconds, headers = {} } = problem.options;
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(Math.ceil(retryAfterSeconds)));
  return reply
    .code(problem.status)
    .headers({ ...NO_DOCUMENT, ...headers })
    .header('content-type', 'application/problem+json')
    .header('cache-control', 'no-store')
    .send(JSON.stringify(problem.toJSON(request.url.split('?')[0])));
}
