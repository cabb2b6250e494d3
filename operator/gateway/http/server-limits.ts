/** What bounds a request and its connection before any handler runs, and the answers that Node's own limits give. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Problem } from './problem.ts';

export interface ServerLimits {
  /** A request is some names and options; file bytes never come here. */
  bodyBytes: number;
  headerBytes: number;
  headers: number;
  /** The time in ms for the whole head of a request. */
  headTimeoutMs: number;
  /** The time in ms for head and body. */
  requestTimeoutMs: number;
  /** How often connections are looked at whose time is over, in ms. */
  checkEveryMs: number;
  keepAliveMs: number;
  /** An idle connection takes about 20 kB; every watch holds one. */
  connections: number;
  /** The rest of a refused body is discarded for so long, in ms: a sender whose connection breaks reads no answer. */
  lingerMs: number;
}

export const SERVER_LIMITS: ServerLimits = {
  bodyBytes: 64 * 1024,
  headerBytes: 16 * 1024,
  headers: 100,
  headTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  checkEveryMs: 5_000,
  keepAliveMs: 60_000,
  connections: 2_000,
  lingerMs: 2_000,
};

/** @throws Problem too-large, unsupported-media-type. Node would silently leave out headers above a limit of its own. */
export function checkHead(request: Pick<IncomingMessage, 'rawHeaders' | 'headers'>, { headers }: ServerLimits): void {
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new Problem('unsupported-media-type', { detail: 'Send the body without compression.' });
  }
  if (request.rawHeaders.length / 2 <= headers) return;
  throw new Problem('too-large', {
    detail: `A request may have ${headers} headers. Leave out those that it does not need.`,
  });
}

/** Ends a connection whose sender does not end its body after the body was refused. */
export function discardBody(request: IncomingMessage, { lingerMs }: ServerLimits): void {
  if (request.complete || request.destroyed) return;
  request.resume();
  const timer = setTimeout(() => request.destroy(), lingerMs).unref();
  request.once('close', () => clearTimeout(timer));
}

/** Answers what Node itself refuses, before there is a request: a head that is too long, too slow or no HTTP. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) {
    const { status, reason, detail } = CLIENT_ERRORS[error.code ?? ''] ?? NOT_HTTP;
    const body = JSON.stringify({ type: 'about:blank', title: reason, status, detail });
    socket.write(
      `HTTP/1.1 ${status} ${reason}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}

const NOT_HTTP = { status: 400, reason: 'Bad Request', detail: 'This is not a request of HTTP/1.1.' };
const CLIENT_ERRORS: Record<string, typeof NOT_HTTP> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    reason: 'Request Header Fields Too Large',
    detail: `The headers of a request may have ${SERVER_LIMITS.headerBytes} bytes. Send fewer or shorter ones.`,
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    reason: 'Request Timeout',
    detail: `The request came too slowly: it must be here within ${SERVER_LIMITS.requestTimeoutMs / 1000} s. Send it again.`,
  },
};
