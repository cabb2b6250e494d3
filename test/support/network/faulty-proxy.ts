/** An HTTP proxy in front of a real server that can fail before a request arrives, or lose the answer after it was done. */
import { createServer, request as forward, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export type HttpFault =
  /** The server is not asked. */
  | { status: number; body?: string }
  /** The server has done it, and the connection ends without an answer. */
  | 'lost answer';

export interface FaultyProxy extends AsyncDisposable {
  endpoint: string;
}

/** @param faultOf is asked for every request; null lets it pass. */
export async function startFaultyProxy(
  target: string,
  faultOf: (request: IncomingMessage) => HttpFault | null,
): Promise<FaultyProxy> {
  const server = createServer(async (request, response) => {
    const fault = faultOf(request);
    if (fault !== null && fault !== 'lost answer') {
      request.resume();
      response.writeHead(fault.status).end(fault.body);
      return;
    }
    response.on('error', () => undefined);
    // Null when the client is gone before it has said all: nobody waits for an answer.
    const pieces = await request.toArray().catch(() => null);
    if (pieces === null) return;
    // With the client's own Host: it is part of what is signed.
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
    // A client that ends a long poll, or a server that was stopped meanwhile, is no failure of the proxy.
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
