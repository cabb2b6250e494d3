/** Between the job runner and a real S3 server: passes requests on, but answers some of them itself as an overloaded storage does. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Refusal {
  status: number;
  /** S3's name for it; absent: an answer without a body, as of a load balancer. */
  code?: string;
}

export interface FailingStorage extends AsyncDisposable {
  port: number;
  /** The next requests by this method are answered so, one each, before any is passed on again. */
  refuse(method: 'HEAD' | 'GET', refusals: readonly Refusal[]): void;
  /** How many were. */
  readonly refused: number;
}

export async function startFailingStorage(upstreamPort: number): Promise<FailingStorage> {
  const waiting: Record<string, Refusal[]> = {};
  let refused = 0;
  const server = createServer((incoming, answer) => {
    const refusal = waiting[incoming.method!]?.shift();
    if (!refusal) return passOn(incoming, answer, upstreamPort);
    refused += 1;
    const body = refusal.code && incoming.method !== 'HEAD' ? `<Error><Code>${refusal.code}</Code></Error>` : '';
    answer.writeHead(refusal.status, { 'Content-Type': 'application/xml', 'Content-Length': body.length });
    answer.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    refuse(method, refusals) {
      waiting[method] = [...refusals];
    },
    get refused() {
      return refused;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** With all headers as they came, since they are signed. */
function passOn(incoming: IncomingMessage, answer: ServerResponse, port: number): void {
  const { method, url, headers } = incoming;
  const outgoing = request({ host: '127.0.0.1', port, method, path: url, headers }, (upstream) => {
    answer.writeHead(upstream.statusCode!, upstream.headers);
    upstream.pipe(answer);
  });
  outgoing.once('error', () => answer.destroy());
  incoming.pipe(outgoing);
}
