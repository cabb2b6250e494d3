/**
 * A proxy whose open connections can be frozen: they stay open and nothing passes, not even their end, while new
 * connections work. A lost route, or a firewall that forgot a connection, has the same effect; toxiproxy would freeze
 * new ones, too.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface FreezingProxy extends AsyncDisposable {
  port: number;
  /**
   * @param direction whether the server's bytes still reach the clients (`upstream`), or nothing passes at all
   * @returns the number of connections that are frozen now
   */
  freeze(direction?: 'both' | 'upstream'): number;
}

export async function startFreezingProxy(upstreamPort: number): Promise<FreezingProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: upstreamPort, host: '127.0.0.1', allowHalfOpen: true });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => undefined);
      // One side may be closed while the other one stays open.
      socket.once('close', () => pair.every(({ destroyed }) => destroyed) && pairs.delete(pair));
    }
    client.pipe(upstream);
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    freeze(direction = 'both') {
      for (const [client, upstream] of pairs) {
        // The proxy takes further bytes, as a network would, and drops them.
        client.unpipe(upstream).resume();
        if (direction === 'both') upstream.unpipe(client).resume();
      }
      return pairs.size;
    },
    async [Symbol.asyncDispose]() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
