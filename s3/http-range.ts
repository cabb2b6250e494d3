/**
 * Reads ranges of an object over HTTP/1.1, straight from the socket into the caller's buffer. Node's own client makes a
 * new buffer for every 64 KiB and passes it through its parser and two streams, which is a third of the cost of a plan.
 *
 * This client understands only plain answers, which have a Content-Length. After any other answer (chunked, HTTP/1.0,
 * an interim answer) the request is repeated by the SDK's own handler.
 */
import net from 'node:net';
import { Readable } from 'node:stream';
import tls from 'node:tls';
import type { S3Client } from '@aws-sdk/client-s3';

type Handler = S3Client['config']['requestHandler'];

/** A request as the SDK has signed it. */
interface Request {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
}

/** Options of `client.send()`. */
export interface RangeOptions {
  abortSignal?: AbortSignal;
  /** Asks for a {@link RangeBody} as the answer's body. An answer that is not plain still has another body. */
  asRange?: boolean;
}

/** A longer head of an answer ends the connection. */
const MOST_HEAD_BYTES = 64 * 1024;
/** The body of an error answer is read up to this size. */
const MOST_ERROR_BYTES = 1024 * 1024;
const HEAD_END = '\r\n\r\n';

/**
 * The body of an answer, not yet read from its connection. It is a stream only for the SDK's sake: only destroy()
 * works.
 */
export class RangeBody extends Readable {
  readonly length: number;
  /** Null once fill() has taken the connection over. */
  #connection: Connection | null;

  constructor(connection: Connection, length: number) {
    super({ read() {} });
    this.length = length;
    this.#connection = connection;
  }

  /**
   * Fills the start of `into`, which is at least as long as the body. May be called once.
   * @param onBytes called with the number of bytes in `into` whenever some have arrived.
   * @throws the error that ended the connection early.
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

/**
 * A connection that sends one request after the other.
 *
 * | state | meaning                                                 | next  |
 * |-------|---------------------------------------------------------|-------|
 * | idle  | the connection waits for a request                      | head  |
 * | head  | the request was sent, and the answer's head is arriving | held  |
 * | held  | the head has arrived, and the socket is paused          | body  |
 * | body  | the body is being read into the caller's buffer         | idle  |
 * | ended | the socket is destroyed; every state can lead here      |       |
 */
class Connection {
  readonly #socket: net.Socket;
  readonly #onIdle: () => void;
  /**
   * Holds the answer's head and the first bytes of the body, later also bytes that arrive while no buffer is being
   * filled.
   */
  readonly #scratch = Buffer.allocUnsafeSlow(MOST_HEAD_BYTES);
  #state: 'idle' | 'head' | 'held' | 'body' | 'ended' = 'idle';
  #length = 0;
  #bodyStart = 0;
  #keepAlive = true;
  #into: Buffer = this.#scratch;
  #filled = 0;
  #onBytes: (filled: number) => void = () => {};
  #waiting: { resolve(): void; reject(error: unknown): void } | null = null;
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

  /** Have any bytes of the answer arrived? */
  get answered(): boolean {
    return this.#length > 0;
  }

  async request(head: string, signal: AbortSignal | undefined): Promise<Head> {
    signal?.throwIfAborted();
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#state = 'head';
    this.#length = 0;
    this.#socket.ref();
    const headArrived = this.#wait();
    this.#socket.write(head, 'latin1');
    await headArrived;
    return this.#readHead();
  }

  async fill(into: Buffer, onBytes: (filled: number) => void): Promise<void> {
    if (this.#state !== 'held') throw lost();
    this.#state = 'body';
    this.#into = into;
    this.#filled = 0;
    this.#onBytes = onBytes;
    const filled = this.#wait();
    this.#take(this.#scratch.subarray(this.#bodyStart, this.#length));
    // The socket also stays resumed while it is idle, so that its end is noticed.
    if (!this.ended) this.#socket.resume();
    await filled;
  }

  /** Ends the connection; nobody needs the rest of the answer. */
  close(): void {
    this.#end(lost());
  }

  #wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** @returns the memory for the next bytes. */
  #target(): Buffer {
    if (this.#state === 'body') return this.#into.subarray(this.#filled);
    return this.#state === 'head' ? this.#scratch.subarray(this.#length) : this.#scratch;
  }

  /** @returns false to pause the socket. */
  #onRead(length: number, from: Buffer): boolean {
    const bytes = from.subarray(0, length);
    switch (this.#state) {
      case 'head': {
        this.#length += length;
        const end = this.#scratch.subarray(0, this.#length).indexOf(HEAD_END, Math.max(0, this.#length - length - 3));
        if (end !== -1) {
          this.#state = 'held';
          this.#bodyStart = end + HEAD_END.length;
          this.#waiting?.resolve();
        } else if (this.#length === MOST_HEAD_BYTES) this.#end(new Error('the head of an answer is too long'));
        return this.#state === 'head';
      }
      case 'body':
        this.#take(bytes);
        return true;
      default:
        // The server sends bytes that no request has asked for.
        this.#end(lost());
        return false;
    }
  }

  /** Takes bytes of the body, which may already lie in the caller's buffer. */
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
    const waiting = this.#waiting;
    this.#state = 'idle';
    this.#forget();
    if (this.#keepAlive) {
      // An idle connection must not keep the process alive.
      this.#socket.unref();
      this.#onIdle();
    } else this.#end(lost());
    waiting?.resolve();
  }

  #end(error: unknown): void {
    if (this.#state === 'ended') return;
    const waiting = this.#waiting;
    this.#state = 'ended';
    this.#forget();
    this.#socket.destroy();
    waiting?.reject(error);
  }

  #forget(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#signal = undefined;
    this.#waiting = null;
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

/** Makes a handler that answers requests with {@link RangeOptions.asRange}, and passes the others to `handler`. */
export function createRangeHandler(handler: Handler): Handler {
  const idle = new Map<string, Connection[]>();
  const all = new Set<Connection>();
  /** False once the endpoint has given an answer that this client does not understand. */
  let isPlain = true;

  function takeConnection(request: Request): { connection: Connection; reused: boolean } {
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

  async function send(request: Request, signal: AbortSignal | undefined) {
    const head = formatHead(request);
    for (;;) {
      const { connection, reused } = takeConnection(request);
      try {
        return { connection, ...(await connection.request(head, signal)) };
      } catch (error) {
        // A server may close an idle connection at any time. The request then goes out again on another one.
        if (signal?.aborted || !reused || connection.answered) throw error;
      }
    }
  }

  const own: Pick<Handler, 'metadata' | 'handle' | 'destroy'> = {
    ...(handler.metadata ? { metadata: handler.metadata } : {}),
    async handle(request: Request, options: object = {}) {
      const { asRange, ...others } = options as RangeOptions;
      if (!asRange || !isPlain) return handler.handle(request, others);
      const { connection, status, headers } = await send(request, others.abortSignal);
      const length = bodyLength(headers);
      const isGood = status === 200 || status === 206;
      if (length !== null && (isGood || (status >= 300 && length <= MOST_ERROR_BYTES))) {
        const body = new RangeBody(connection, length);
        return { response: { statusCode: status, headers, body: isGood ? body : await readWhole(body) } };
      }
      connection.close();
      // The body of a busy server's answer is not worth one more request.
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
  // The handler's other methods are called only while a client is made.
  return own as Handler;
}

async function readWhole(body: RangeBody): Promise<Readable> {
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

/** Escapes by RFC 3986, as the request was signed. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
