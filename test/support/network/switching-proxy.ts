/** A proxy whose target can be changed, as the Service of a database cluster that points at the primary of the moment. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface SwitchingProxy extends AsyncDisposable {
  port: number;
  /** Sends new connections to another port; open ones stay where they are. */
  switchTo(port: number): void;
}

export async function startSwitchingProxy(port: number): Promise<SwitchingProxy> {
  let upstreamPort = port;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ port: upstreamPort, host: '127.0.0.1' });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.once('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    switchTo(next) {
      upstreamPort = next;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
