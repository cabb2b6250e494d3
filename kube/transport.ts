/** HTTP calls to one API server over one reused dispatcher, with a deadline on every call and errors of one class. */
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import type { Clock } from '#common/clock.ts';
import { createDeadline, Expired } from '#common/deadline.ts';
import type { Credentials, KubeAccess, TlsMaterial } from './access.ts';
import { KubeError } from './errors.ts';
import { createRateLimit } from './rate-limit.ts';
import type { OnRequest } from './types.ts';

export interface Call {
  /** `list`, `apply`, ...: for metrics and messages. */
  verb: string;
  /** `jobs`, `batchuploads/status`, ...: for metrics and messages. */
  resource: string;
  method: Dispatcher.HttpMethod;
  /** Absolute API path with the query. */
  path: string;
  body?: { contentType: string; json: object } | undefined;
  signal?: AbortSignal | undefined;
}

export interface StreamOptions {
  /** Time limit until the answer begins. */
  openTimeoutMs: number;
  /** Time limit between two chunks. */
  idleTimeoutMs: number;
  /** Called when the answer begins, unless it is a refusal. */
  onOpen?: (() => void) | undefined;
}

export interface Transport {
  /** Returns the whole answer, parsed from JSON. */
  json(call: Call, timeoutMs: number): Promise<unknown>;
  /** Yields the answer's bytes in the chunks in which they come. */
  stream(call: Call, options: StreamOptions): AsyncGenerator<Buffer, void, void>;
  close(): Promise<void>;
}

export interface TransportDeps {
  access: KubeAccess;
  clock: Clock;
  userAgent: string;
  onRequest?: OnRequest | undefined;
  /** Limits the rate of calls other than watches; no limit when absent. */
  limit?: { perSecond: number; burst: number } | undefined;
}

export function createTransport({ access, clock, userAgent, onRequest, ...deps }: TransportDeps): Transport {
  const limit = deps.limit && createRateLimit(clock, deps.limit);
  const base = new URL(access.server);
  const prefix = base.pathname.replace(/\/$/, '');
  let current: { dispatcher: Dispatcher; tls: string } | undefined;

  /** The dispatcher stays the same until the TLS material changes, as with a rotated CA or client certificate. */
  const dispatcherFor = (tls: TlsMaterial): Dispatcher => {
    const fingerprint = JSON.stringify(tls);
    if (current?.tls !== fingerprint) {
      // The old dispatcher closes when its last request has ended; a watch ends within minutes.
      current?.dispatcher.close().catch(() => {});
      current = { dispatcher: createDispatcher(access, tls), tls: fingerprint };
    }
    return current.dispatcher;
  };

  const open = async (call: Call, signal: AbortSignal): Promise<Dispatcher.ResponseData> => {
    let credentials: Credentials;
    try {
      credentials = await access.credentials();
    } catch (cause) {
      throw new KubeError({ status: 0, reason: 'Credentials', message: `cannot read credentials: ${cause}`, cause });
    }
    const answer = await dispatcherFor(credentials.tls).request({
      origin: base.origin,
      path: prefix + call.path,
      method: call.method,
      headers: {
        accept: 'application/json',
        'user-agent': userAgent,
        ...(call.body === undefined ? {} : { 'content-type': call.body.contentType }),
        ...credentials.headers,
      },
      body: call.body === undefined ? null : JSON.stringify(call.body.json),
      signal,
      // The timers of `createDeadline` are the only time limits.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    if (answer.statusCode === 401) access.invalidate();
    if (answer.statusCode >= 300) throw await refusal(call, answer);
    return answer;
  };

  async function* stream(call: Call, options: StreamOptions): AsyncGenerator<Buffer, void, void> {
    const { openTimeoutMs, idleTimeoutMs, onOpen } = options;
    using deadline = createDeadline(clock, call.signal);
    const started = clock.monotonic();
    let status = 0;
    let body: Dispatcher.ResponseData['body'] | undefined;
    try {
      deadline.set(openTimeoutMs);
      const answer = await open(call, deadline.signal);
      status = answer.statusCode;
      // An abort while the consumer holds the generator makes the body emit an error that nobody else handles.
      body = answer.body.on('error', () => {});
      onOpen?.();
      deadline.set(idleTimeoutMs);
      for await (const chunk of body) {
        // The time that the consumer takes does not count as the server's silence.
        deadline.set(undefined);
        yield chunk;
        deadline.set(idleTimeoutMs);
      }
    } catch (error) {
      const failure = asKubeError(call, error);
      if (failure instanceof KubeError && status === 0) status = failure.status;
      throw failure;
    } finally {
      body?.destroy();
      report(onRequest, call, status, clock.monotonic() - started);
    }
  }

  return {
    stream,
    async json(call, timeoutMs) {
      using deadline = createDeadline(clock, call.signal);
      const started = clock.monotonic();
      let status = 0;
      try {
        // The time in the queue is not the server's.
        await limit?.(deadline.signal);
        deadline.signal.throwIfAborted();
        deadline.set(timeoutMs);
        const answer = await open(call, deadline.signal);
        const text = await answer.body.text();
        status = answer.statusCode;
        return parseJson(call, text);
      } catch (error) {
        const failure = asKubeError(call, error);
        if (failure instanceof KubeError) status = failure.status;
        throw failure;
      } finally {
        report(onRequest, call, status, clock.monotonic() - started);
      }
    },
    async close() {
      await current?.dispatcher.destroy();
      current = undefined;
    },
  };
}

function createDispatcher({ proxyUrl }: KubeAccess, tls: TlsMaterial): Dispatcher {
  const material = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
  const options = {
    // The API server closes idle connections after 90 s; closing them earlier avoids sending into a closed one.
    keepAliveTimeout: 60_000,
    // Over HTTP/2 a single dead connection would block all watches and calls together.
    allowH2: false,
    connect: { ...material, timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 },
  };
  if (proxyUrl === undefined) return new Agent(options);
  return new ProxyAgent({ ...options, uri: proxyUrl, requestTls: material });
}

/** Returns the signal's reason unchanged when the caller ended the call. */
function asKubeError(call: Call, error: unknown): unknown {
  if (call.signal?.aborted) return call.signal.reason;
  if (error instanceof KubeError) return error;
  const what = `${call.verb} ${call.resource}`;
  if (error instanceof Expired) {
    return new KubeError({ status: 0, reason: 'Timeout', message: `${what}: no answer ${error.message}` });
  }
  const { code, message } = error as { code?: string; message?: string };
  const reason = code === 'UND_ERR_CONNECT_TIMEOUT' ? 'Timeout' : 'Network';
  return new KubeError({ status: 0, reason, message: `${what}: ${message ?? 'failed'}`, cause: error });
}

export function parseJson(call: { verb: string; resource: string }, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The message leaves the text out, because the text may hold a Secret.
    const message = `${call.verb} ${call.resource}: the answer is not JSON (${text.length} characters)`;
    throw new KubeError({ status: 0, reason: 'Malformed', message });
  }
}

async function refusal(call: Call, answer: Dispatcher.ResponseData): Promise<KubeError> {
  const text = await answer.body.text();
  let status: unknown;
  try {
    status = JSON.parse(text);
  } catch {
    // The body is the page of a proxy or load balancer, which says no more than its status code.
  }
  const seconds = Number(answer.headers['retry-after'] ?? Number.NaN);
  return statusError(call, {
    ...(typeof status === 'object' ? status : {}),
    code: answer.statusCode,
    retryAfterSeconds: Number.isFinite(seconds) ? seconds : undefined,
  });
}

/** Makes an error of a `metav1.Status`, which is the body of an answer or the object of a watch's ERROR event. */
export function statusError(
  call: { verb: string; resource: string },
  status: {
    code?: number;
    reason?: string;
    message?: string;
    retryAfterSeconds?: number | undefined;
    details?: { retryAfterSeconds?: number };
  },
): KubeError {
  const reason = status.reason ?? '';
  const text = (status.message ?? `status ${status.code ?? 'unknown'}`).slice(0, 2048);
  return new KubeError({
    status: status.code ?? 500,
    reason,
    message: `${call.verb} ${call.resource}: ${text}`,
    retryAfterSeconds: status.retryAfterSeconds ?? status.details?.retryAfterSeconds,
  });
}

function report(onRequest: OnRequest | undefined, call: Call, status: number, ms: number): void {
  onRequest?.({ verb: call.verb, resource: call.resource, status, seconds: ms / 1000 });
}
