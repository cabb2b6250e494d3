/**
 * Servers and services post events here: POST /v1/namespaces/<namespace>/uploadsources/<name>/events.
 *
 * | answer | when |
 * |---|---|
 * | 200 | each object of the event has its upload, or is ignored on purpose; test events are ignored, too |
 * | 400 | the body cannot be understood; sending it again changes nothing |
 * | 401 | the source does not exist, or the secret is wrong: the answer does not say which |
 * | 404, 405, 415 | another path, another method, a compressed body |
 * | 408, 413 | the body came too slowly, or is too large |
 * | 503 | not all is done, or too many requests came at once: the sender repeats it, or a list finds the object |
 */
import { isUtf8 } from 'node:buffer';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Clock, systemClock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import type { AdmitNotices, Outcome, SourceRecorder } from '#operator/bridge/model/types.ts';
import { MAX_BODY_BYTES, parseEvents } from './parse-events.ts';
import { type BodyFault, readBody } from './read-body.ts';
import { readCredentials, signatureIsRight, tokenIsRight, type WebhookSecret } from './webhook-auth.ts';

/** A source to which events are posted. */
export interface WebhookSource {
  /** `{}` when the Secret does not exist. A thrown error is answered with 503. */
  secret(): Promise<WebhookSecret>;
  admit: AdmitNotices;
  recorder: Pick<SourceRecorder, 'event' | 'ignored'>;
  /** Called when an authenticated sender posts an event that cannot be understood. */
  onRejected(reason: string): void;
}

export interface WebhookDeps {
  lookup(namespace: string, name: string): WebhookSource | undefined;
  log: Logger;
  /** Aborts when the bridge ends: events that are not admitted by then are answered with 503. */
  signal: AbortSignal;
  clock?: Clock;
}

const PATH = /^\/v1\/namespaces\/([a-z0-9.-]{1,253})\/uploadsources\/([a-z0-9.-]{1,253})\/events$/;
const BODY_TIMEOUT_MS = 10_000;
/** The rest of a refused body is discarded for this time: a sender whose connection broke would not read the answer. */
const LINGER_MS = 2_000;
const RETRY_AFTER_SECONDS = 30;
/** Requests that are handled at the same time. The limit bounds the memory, since each request can hold a body. */
const MAX_REQUESTS = 256;
/** Requests without authentication have places of their own, so that they cannot displace authenticated ones. */
const MAX_UNAUTHENTICATED_REQUESTS = 32;
/** Requests of one source are slow when its storage does not answer, and must leave places for other sources. */
const MAX_REQUESTS_PER_SOURCE = 64;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Creates a server that does not listen yet. Its time limits protect it from senders that are slow on purpose. */
export function createWebhookServer(deps: WebhookDeps): Server {
  const handler = createWebhookHandler(deps);
  const limits = { headersTimeout: 10_000, requestTimeout: 20_000, connectionsCheckingInterval: 5_000 };
  const server = createServer({ ...limits, keepAliveTimeout: 60_000, maxHeaderSize: 16_384 }, handler);
  // A sender that asks with `Expect: 100-continue` is refused before it sends the body.
  server.on('checkContinue', handler);
  server.maxConnections = 1_000;
  return server;
}

export function createWebhookHandler(deps: WebhookDeps): Handler {
  const clock = deps.clock ?? systemClock;
  const places = {
    authenticated: createPlaces(MAX_REQUESTS),
    unauthenticated: createPlaces(MAX_UNAUTHENTICATED_REQUESTS),
    bySource: new WeakMap<WebhookSource, Places>(),
  };
  const onRefused = createRefusalLog(deps.log, clock);
  return (request, response) => {
    void handle(request, { ...deps, clock, places, response, onRefused })
      .catch((err: unknown): Answer => {
        deps.log.error({ err }, 'a posted event could not be handled, its sender is asked to send it again');
        return later();
      })
      .then((answer) => send(request, response, { answer, clock }));
  };
}

interface Context extends WebhookDeps {
  clock: Clock;
  places: { authenticated: Places; unauthenticated: Places; bySource: WeakMap<WebhookSource, Places> };
  response: ServerResponse;
  onRefused(source: { namespace: string; name: string }): void;
}

interface Answer {
  status: number;
  body: Record<string, string | number>;
  headers?: Record<string, string>;
  /** The connection is closed: senders without authentication could otherwise hold all connections. */
  last?: boolean;
}

const refuse = (status: number, error: string, headers?: Record<string, string>): Answer => ({
  status,
  body: { error },
  last: true,
  ...(headers && { headers }),
});
const later = (body: Answer['body'] = { error: 'not now, send it again' }): Answer => ({
  status: 503,
  body,
  headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
});

const BODY_ANSWERS: Record<BodyFault, Answer> = {
  TooLarge: refuse(413, `an event has at most ${MAX_BODY_BYTES} bytes`),
  TooSlow: refuse(408, 'the body came too slowly'),
  Disconnected: refuse(400, 'the body did not come to its end'),
};

/** Refuses as early as possible: without authentication no body is parsed, and where possible no body is read. */
async function handle(request: IncomingMessage, context: Context): Promise<Answer> {
  const [, namespace, name] = PATH.exec(request.url?.split('?')[0] ?? '') ?? [];
  if (!namespace || !name) return refuse(404, 'not found');
  if (request.method !== 'POST') return refuse(405, 'post events here', { allow: 'POST' });
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return BODY_ANSWERS.TooLarge;
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') return refuse(415, 'send it uncompressed');
  if (context.signal.aborted) return later();

  const source = context.lookup(namespace, name);
  // When the Secret cannot be read, the source's status says why.
  const secret = source ? await source.secret().catch(() => null) : {};
  if (secret === null) return later();
  const { token, signature } = readCredentials(request.headers);
  const hasToken = token !== null && tokenIsRight(token, secret);
  const refuseSender = () => {
    context.onRefused({ namespace, name });
    return refuse(401, 'unauthorized', { 'www-authenticate': 'Bearer' });
  };
  if (!hasToken && signature === null) return refuseSender();

  const { authenticated, unauthenticated, bySource } = context.places;
  return (hasToken ? authenticated : unauthenticated).take(async () => {
    if (request.headers.expect) context.response.writeContinue();
    const body = await readBody(request, { limit: MAX_BODY_BYTES, timeoutMs: BODY_TIMEOUT_MS, clock: context.clock });
    if (!Buffer.isBuffer(body)) return BODY_ANSWERS[body];
    const isKnown = hasToken || (signature !== null && signatureIsRight(body, signature, secret));
    if (!isKnown || !source) return refuseSender();
    const work = () => placesOf(source, bySource).take(() => accept(source, body, context.signal));
    return hasToken ? work() : authenticated.take(work);
  });
}

async function accept(source: WebhookSource, body: Buffer, signal: AbortSignal): Promise<Answer> {
  const parsed = isUtf8(body) ? parseEvents(body.toString()) : { rejected: 'The event is not UTF-8.' };
  if ('rejected' in parsed) {
    source.onRejected(parsed.rejected);
    return refuse(400, parsed.rejected);
  }
  source.recorder.event();
  for (const { key, ...why } of parsed.ignored) source.recorder.ignored(key ?? 'event', why);
  const outcomes = parsed.notices.length > 0 ? await source.admit(parsed.notices, signal) : [];
  const count = (kind: Outcome['kind']) => outcomes.filter((outcome) => outcome.kind === kind).length;
  const waiting = count('Waiting');
  const done = {
    created: count('Created'),
    known: count('Known'),
    ...(waiting > 0 ? { waiting } : {}),
    ignored: count('Ignored') + parsed.ignored.length,
  };
  const postponed = count('Later');
  return postponed > 0 ? later({ ...done, later: postponed }) : { status: 200, body: done };
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { answer, clock }: { answer: Answer; clock: Clock },
): void {
  const { status, body, headers, last = false } = answer;
  // The sender may have disconnected: versitygw waits only three seconds for an answer.
  if (response.destroyed) return;
  response
    .writeHead(status, {
      'content-type': 'application/json',
      ...headers,
      ...(last && request.complete && { connection: 'close' }),
    })
    .end(`${JSON.stringify(body)}\n`);
  if (request.complete) return;
  const cancel = clock.schedule(LINGER_MS, () => request.destroy());
  request.once('close', () => {
    cancel();
    if (last) request.socket.end();
  });
  request.resume();
}

/** Writes at most one line a second, since anybody can send requests that are refused. */
function createRefusalLog(log: Logger, clock: Clock): Context['onRefused'] {
  let refused = 0;
  let loggedAt = Number.NEGATIVE_INFINITY;
  return (source) => {
    refused += 1;
    if (clock.monotonic() - loggedAt < 1_000) return;
    log.warn(
      { ...source, refused },
      'posted events were refused: the source does not exist, or the sender did not show its secret',
    );
    loggedAt = clock.monotonic();
    refused = 0;
  };
}

function placesOf(source: WebhookSource, known: WeakMap<WebhookSource, Places>): Places {
  const places = known.get(source) ?? createPlaces(MAX_REQUESTS_PER_SOURCE);
  known.set(source, places);
  return places;
}

interface Places {
  /** Does the work when a place is free; otherwise answers 503 at once. */
  take(work: () => Promise<Answer>): Promise<Answer>;
}

function createPlaces(limit: number): Places {
  let occupied = 0;
  return {
    async take(work) {
      if (occupied >= limit) return later();
      occupied += 1;
      try {
        return await work();
      } finally {
        occupied -= 1;
      }
    },
  };
}
