/** An HTTP proxy for a real server. The proxy can refuse a request itself, or lose the server's answer to it. */
import { createServer, request as forward, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export type HttpFault =
  /** The proxy answers itself, and the server does not get the request. */
  | { status: number; body?: string; headers?: Record<string, string> }
  /** The server carries the request out, and the connection ends without an answer. */
  | 'lost answer';

export interface FaultyProxy extends AsyncDisposable {
  endpoint: string;
}

/** @param faultOf returns the fault of a request, or null to let it pass */
export async function startFaultyProxy(
  target: string,
  faultOf: (request: IncomingMessage) => HttpFault | null,
): Promise<FaultyProxy> {
  const server = createServer(async (request, response) => {
    const fault = faultOf(request);
    if (fault !== null && fault !== 'lost answer') {
      request.resume();
      response.writeHead(fault.status, fault.headers).end(fault.body);
      return;
    }
    response.on('error', () => undefined);
    // Null means that the client went away before the end of its request: nobody waits for an answer.
    const pieces = await request.toArray().catch(() => null);
    if (pieces === null) return;
    // The client's Host header is kept, because the signature covers it.
    const sent = forward(
      new URL(request.url!, target),
      { method: request.method, headers: request.headers },
      (answer) => {
        if (fault === 'lost answer') {
          answer.resume().on('end', () => response.destroy());
          return;
        }
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      },
    );
    // The proxy must survive a client that ends a long poll, and a server that was stopped meanwhile.
    sent.on('error', () => response.destroy());
    response.on('close', () => sent.destroy());
    sent.end(Buffer.concat(pieces));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
