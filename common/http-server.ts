/** The HTTP server of /metrics, /healthz and /readyz. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Health {
  /** Null while the process is alive, else the reason why it is not. */
  live(): string | null;
  /** Null while the process is ready, else the reason why it is not. */
  ready(): string | null;
}

export interface HttpServer {
  port: number;
  close(): Promise<void>;
}

export async function startHttpServer(options: {
  port: number;
  health: Health;
  metrics: () => Promise<{ contentType: string; text: string }>;
}): Promise<HttpServer> {
  const { health, metrics } = options;
  const server = createServer((request, response) => {
    const answer = (code: number, text: string, type = 'text/plain; charset=utf-8') =>
      response.writeHead(code, { 'content-type': type }).end(text);
    const state = (wrong: string | null) => answer(wrong === null ? 200 : 503, `${wrong ?? 'ok'}\n`);
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return state(health.live());
      case '/readyz':
        return state(health.ready());
      case '/metrics':
        return void metrics().then(
          ({ contentType, text }) => answer(200, text, contentType),
          () => answer(500, 'the metrics cannot be read\n'),
        );
      default:
        return answer(404, 'not found\n');
    }
  });
  return listen(server, options.port);
}

/** Resolves when the server listens. Its `close` also ends the open connections. */
export async function listen(server: Server, port: number): Promise<HttpServer> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
