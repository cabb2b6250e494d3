/**
 * Ranges of an object over HTTP/1.1, their bytes straight from the socket into a buffer of the caller's. Node's own client
 * makes a new buffer of every 64 KiB and passes it through its parser and two streams: a third of what a plan costs.
 *
 * Only the plain answer is understood here: one with a Content-Length. Whatever else comes (chunks, HTTP/1.0, an answer
 * before the answer) is asked for again by the handler that the SDK has for everything.
 */
import net from 'node:net';
import { Readable } from 'node:stream';
import tls from 'node:tls';
import type { S3Client } from '@aws-sdk/client-s3';

type Handler = S3Client['config']['requestHandler'];

/** As the SDK has signed it. */
interface Request {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
}

/** Of a command. */
export interface RangeOptions {
  abortSignal?: AbortSignal;
  /** The body of the answer is a {@link RangeBody} where that goes. */
  asRange?: boolean;
}

/** Of an answer's head. */
const MOST_HEAD_BYTES = 64 * 1024;
/** Of what an error says about itself. */
const MOST_ERROR_BYTES = 1024 * 1024;
const HEAD_END = '\r\n\r\n';

/** The body of an answer, still in its connection. Of the stream that the SDK asks for it has the name and destroy(). */
export class RangeBody extends Readable {
  readonly length: number;
  /** Null when it is no longer this body's. */
  #connection: Connection | null;

  constructor(connection: Connection, length: number) {
    super({ read() {} });
    this.length = length;
    this.#connection = connection;
  }

  /**
   * Fills the start of `into`, which is as long at least. Called once.
   * @param onBytes told how many bytes are there, whenever some have come
   * @throws what ends the connection before
   */
  async fill(into: Buffer, onBytes: (filled: number) => void): Promise<void> {
    const connection = this.#connection;
    if (!connection) throw lost();
    this.#connection = null;
    await connection.fill(into.subarray(0, this.length), onBytes);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#connection?.close();
    callback(error);
  }
}

interface Head {
  status: number;
  headers: Record<string, string>;
}

/** One connection that answers one request after the other. */
class Connection {
  readonly #socket: net.Socket;
  readonly #onIdle: () => void;
  /** The answer's head, with what has come of the body behind it; later what comes while nobody fills a buffer. */
  readonly #scratch = Buffer.allocUnsafeSlow(MOST_HEAD_BYTES);
  #state: 'idle' | 'head' | 'held' | 'body' | 'ended' = 'idle';
  #length = 0;
  #bodyStart = 0;
  #keepAlive = true;
  #into: Buffer = this.#scratch;
  #filled = 0;
  #onBytes: (filled: number) => void = () => {};
  #settle: { resolve(): void; reject(error: unknown): void } | null = null;
  #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.#end(this.#signal?.reason);

  constructor(request: Request, onIdle: () => void) {
    this.#onIdle = onIdle;
    const { protocol, hostname } = request;
    const host = hostname.replace(/^\[|\]$/g, '');
    const options = {
      host,
      port: request.port ?? (protocol === 'https:' ? 443 : 80),
      noDelay: true,
      onread: { buffer: () => this.#target(), callback: (length: number, from: Buffer) => this.#onRead(length, from) },
    };
    this.#socket =
      protocol === 'https:'
        ? tls.connect({ ...options, ALPNProtocols: ['http/1.1'], ...(net.isIP(host) ? {} : { servername: host }) })
        : net.connect(options);
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('end', () => this.#end(lost()));
    this.#socket.on('close', () => this.#end(lost()));
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** Has anything come of the answer? */
  get answered(): boolean {
    return this.#length > 0;
  }

  async request(head: string, signal: AbortSignal | undefined): Promise<Head> {
    signal?.throwIfAborted();
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    [this.#state, this.#length] = ['head', 0];
    this.#socket.ref();
    const come = this.#wait();
    this.#socket.write(head, 'latin1');
    await come;
    return this.#readHead();
  }

  async fill(into: Buffer, onBytes: (filled: number) => void): Promise<void> {
    if (this.#state !== 'held') throw lost();
    [this.#state, this.#into, this.#filled, this.#onBytes] = ['body', into, 0, onBytes];
    const filled = this.#wait();
    this.#take(this.#scratch.subarray(this.#bodyStart, this.#length));
    // Also to hear of its end, while it waits for the next request.
    if (!this.ended) this.#socket.resume();
    await filled;
  }

  /** Nobody wants more of it. */
  close(): void {
    this.#end(lost());
  }

  #wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  /** Where the next bytes go to. */
  #target(): Buffer {
    if (this.#state === 'body') return this.#into.subarray(this.#filled);
    return this.#state === 'head' ? this.#scratch.subarray(this.#length) : this.#scratch;
  }

  /** @returns whether to read on */
  #onRead(length: number, from: Buffer): boolean {
    const bytes = from.subarray(0, length);
    switch (this.#state) {
      case 'head': {
        this.#length += length;
        const end = this.#scratch.subarray(0, this.#length).indexOf(HEAD_END, Math.max(0, this.#length - length - 3));
        if (end !== -1) {
          [this.#state, this.#bodyStart] = ['held', end + HEAD_END.length];
          this.#settle?.resolve();
        } else if (this.#length === MOST_HEAD_BYTES) this.#end(new Error('the head of an answer is too long'));
        return this.#state === 'head';
      }
      case 'body':
        this.#take(bytes);
        return true;
      default:
        // Nothing was asked for.
        this.#end(lost());
        return false;
    }
  }

  /** Takes bytes of the body, which may be in their place already. */
  #take(bytes: Buffer): void {
    const place = this.#into.subarray(this.#filled);
    if (bytes.length > place.length) {
      this.#end(new Error('the body is longer than its head said'));
      return;
    }
    if (bytes.buffer !== place.buffer || bytes.byteOffset !== place.byteOffset) bytes.copy(place);
    this.#filled += bytes.length;
    if (bytes.length > 0) this.#onBytes(this.#filled);
    if (this.#filled === this.#into.length) this.#finish();
  }

  #finish(): void {
    const settle = this.#settle;
    this.#state = 'idle';
    this.#forget();
    if (this.#keepAlive) {
      // It keeps no process alive that has nothing else to do.
      this.#socket.unref();
      this.#onIdle();
    } else this.#end(lost());
    settle?.resolve();
  }

  #end(error: unknown): void {
    if (this.#state === 'ended') return;
    const settle = this.#settle;
    this.#state = 'ended';
    this.#forget();
    this.#socket.destroy();
    settle?.reject(error);
  }

  #forget(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#signal = undefined;
    this.#settle = null;
    this.#into = this.#scratch;
    this.#onBytes = () => {};
  }

  #readHead(): Head {
    const [first, ...lines] = this.#scratch.toString('latin1', 0, this.#bodyStart - HEAD_END.length).split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    this.#keepAlive = headers['connection']?.toLowerCase() !== 'close';
    return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(`${first} `)?.[1] ?? 0), headers };
  }
}

function lost(): Error {
  return Object.assign(new Error('the connection was closed before the answer had come'), { code: 'ECONNRESET' });
}

/** Answers requests that are marked by {@link RangeOptions.asRange}, and leaves the others to `handler`. */
export function createRangeHandler(handler: Handler): Handler {
  const idle = new Map<string, Connection[]>();
  const all = new Set<Connection>();
  /** The endpoint answers in a way that is not understood here. */
  let isPlain = true;

  function take(request: Request): { connection: Connection; reused: boolean } {
    const origin = `${request.protocol}//${request.hostname}:${request.port}`;
    const waiting = idle.get(origin) ?? [];
    idle.set(origin, waiting);
    for (let connection = waiting.pop(); connection; connection = waiting.pop()) {
      if (!connection.ended) return { connection, reused: true };
    }
    for (const connection of all) if (connection.ended) all.delete(connection);
    const connection: Connection = new Connection(request, () => waiting.push(connection));
    all.add(connection);
    return { connection, reused: false };
  }

  async function ask(request: Request, signal: AbortSignal | undefined) {
    const head = formatHead(request);
    for (;;) {
      const { connection, reused } = take(request);
      try {
        return { connection, ...(await connection.request(head, signal)) };
      } catch (error) {
        // The server has closed it meanwhile, as it may with one that waits.
        if (signal?.aborted || !reused || connection.answered) throw error;
      }
    }
  }

  const own: Pick<Handler, 'metadata' | 'handle' | 'destroy'> = {
    ...(handler.metadata ? { metadata: handler.metadata } : {}),
    async handle(request: Request, options: object = {}) {
      const { asRange, ...others } = options as RangeOptions;
      if (!asRange || !isPlain) return handler.handle(request, others);
      const { connection, status, headers } = await ask(request, others.abortSignal);
      const length = bodyLength(headers);
      const isGood = status === 200 || status === 206;
      if (length !== null && (isGood || (status >= 300 && length <= MOST_ERROR_BYTES))) {
        const body = new RangeBody(connection, length);
        return { response: { statusCode: status, headers, body: isGood ? body : await whole(body) } };
      }
      connection.close();
      // What a busy server says about itself is not worth one more request.
      if (status === 429 || status >= 500)
        return { response: { statusCode: status, headers, body: Readable.from([]) } };
      if (isGood) isPlain = false;
      return handler.handle(request, others);
    },
    destroy() {
      for (const connection of all) connection.close();
      handler.destroy?.();
    },
  };
  // The rest is asked for by who makes a client only.
  return own as Handler;
}

async function whole(body: RangeBody): Promise<Readable> {
  const bytes = Buffer.alloc(body.length);
  if (bytes.length > 0) await body.fill(bytes, () => {});
  else body.destroy();
  return Readable.from([bytes], { objectMode: false });
}

function bodyLength(headers: Record<string, string>): number | null {
  const length = headers['content-length'] ?? '';
  return /^\d{1,15}$/.test(length) && !headers['transfer-encoding'] && !headers['content-encoding']
    ? Number(length)
    : null;
}

function formatHead({ method, path, query, headers }: Request): string {
  const pairs = Object.entries(query ?? {}).flatMap(([key, values]) =>
    [values].flat().map((value) => (value === null ? escapeUri(key) : `${escapeUri(key)}=${escapeUri(value)}`)),
  );
  const target = pairs.length > 0 ? `${path}?${pairs.join('&')}` : path;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}${HEAD_END}`;
}

/** As it was signed: RFC 3986. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
