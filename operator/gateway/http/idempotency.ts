/**
 * Requests that change something once, however often they are sent: a sender repeats a POST under the same
 * Idempotency-Key until it has an answer. The ledger keeps the answer of a success for a day. A refusal is not kept: it
 * has changed nothing, and the same request may succeed later.
 */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { toAscii } from '#common/ascii-json.ts';
import type { StoredAnswer } from '#ledger/gateway/requests.ts';
import type { GatewayApp, GatewayDeps } from '#operator/gateway/model/types.ts';
import { openLedger } from '#operator/tenancy/open-ledger.ts';
import { type HeldClaim, holdRequest } from './held-claim.ts';
import { Problem } from './problem.ts';

/** The headers of every POST, for the document of the API. */
export const IDEMPOTENCY_HEADERS = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[!-~]{1,128}$',
      description:
        'A text of the sender’s choice, such as a UUID, that is the same in each repetition of this request. A repetition within 24 hours gets the answer of the first success, with the header Idempotent-Replayed, and changes nothing.',
    }),
  ),
});

declare module 'fastify' {
  interface FastifyRequest {
    /** The key that this request has claimed in the ledger; null: there is none. */
    claim: HeldClaim | null;
  }
}

const KEY = /^[!-~]{1,128}$/;
const RETRY_AFTER_SECONDS = 2;
/** The headers of an answer that are kept; the others are of the connection or of the moment. */
const KEPT_HEADERS = ['content-type', 'location', 'etag', 'cache-control'];
/** A longer answer is not kept, so that its request is carried out again when it comes again. */
const MAX_BODY = 256 * 1024;

type Deps = Pick<GatewayDeps, 'clusterId' | 'clock' | 'databases' | 'log'>;

/** Must be called before the routes are added. */
export function addIdempotency(app: GatewayApp, deps: Deps): void {
  app.decorateRequest('claim', null);
  app.addHook('preHandler', (request, reply) => claim(request, reply, deps));
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.claim !== null) await conclude(request, toAnswer(reply, payload), deps);
    return payload;
  });
}

/** @throws Problem, and Fault when the ledger cannot be used: nothing is done then */
async function claim(request: FastifyRequest, reply: FastifyReply, { clusterId, clock, databases }: Deps) {
  const key = request.headers['idempotency-key'];
  if (request.method !== 'POST' || key === undefined || request.routeOptions.config.access === undefined) return;
  if (typeof key !== 'string' || !KEY.test(key)) {
    const detail = 'Idempotency-Key must have 1 to 128 printable ASCII characters without spaces.';
    throw new Problem('invalid-request', { detail, errors: [{ header: 'Idempotency-Key', detail }] });
  }
  const { namespace } = request.params as { namespace: string };
  const id = { clusterId, namespace, sender: request.identity.user, key };
  const database = await openLedger(databases, { namespace, name: DEFAULT_NAMES.databaseSecret });
  const found = await holdRequest({ database, clock }, id, hashOf(request));
  switch (found.kind) {
    case 'held':
      request.claim = found.claim;
      return;
    case 'answered': {
      const { status, headers, body } = found.answer;
      return reply.code(status).headers(headers).header('idempotent-replayed', 'true').send(body);
    }
    case 'running':
      throw new Problem('conflict', {
        detail: 'The request with this Idempotency-Key is being carried out. Send it again to get its answer.',
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    case 'other':
      throw new Problem('key-reused', {
        detail:
          'This Idempotency-Key was used for a request with another path or body, or with other rights, in the last 24 hours. Choose a new key for each new request.',
        errors: [{ header: 'Idempotency-Key', detail: 'was used for another request' }],
      });
    default:
      throw new Error(found satisfies never);
  }
}

/**
 * The body counts byte by byte: whoever repeats a request sends the same bytes. So does the scope: who may see only
 * uploads of his own by now gets no answer about an upload of somebody else.
 */
function hashOf({ method, url, rawBody, scope }: FastifyRequest): string {
  return createHash('sha256')
    .update(`${method} ${url}${scope === 'Own' ? ' Own' : ''}\n`)
    .update(rawBody ?? '')
    .digest('hex');
}

/** Null for an answer that is not kept. */
function toAnswer(reply: FastifyReply, payload: unknown): StoredAnswer | null {
  const body = payload ?? '';
  if (reply.statusCode >= 400 || typeof body !== 'string' || body.length > MAX_BODY) return null;
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = reply.getHeader(name);
    return value === undefined ? [] : [[name, String(value)]];
  });
  return { status: reply.statusCode, headers: Object.fromEntries(headers), body: toAscii(body) };
}

/** The request is done: its sender gets the answer also where the ledger cannot keep it. */
async function conclude(request: FastifyRequest, answer: StoredAnswer | null, { log }: Deps): Promise<void> {
  try {
    await request.claim?.conclude(answer);
  } catch (err) {
    const { namespace } = request.params as { namespace: string };
    log.warn({ err, namespace }, 'the answer of a request with an Idempotency-Key could not be kept');
  }
}
