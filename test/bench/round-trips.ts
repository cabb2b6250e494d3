/** A proxy before a server that counts how often a client waits for an answer and then goes on. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface RoundTripProxy extends AsyncDisposable {
  port: number;
  /** Round trips of all connections so far. */
  roundTrips(): number;
}

/** Bytes of a client are a new round trip when the server was the last to speak on the connection. */
export async function countRoundTrips(serverPort: number): Promise<RoundTripProxy> {
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    let isClientsTurn = true;
    client.on('data', () => {
      if (isClientsTurn) count += 1;
      isClientsTurn = false;
    });
    upstream.on('data', () => {
      isClientsTurn = true;
    });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.end();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    roundTrips: () => count,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
