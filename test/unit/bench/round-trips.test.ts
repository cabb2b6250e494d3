/** The proxy of the bench counts how often a client waits, and passes on what both sides say. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { countRoundTrips } from '../../bench/round-trips.ts';

it('counts one round trip for each time that a client speaks after the server', async () => {
  // The server answers each line, and is silent meanwhile.
  const server = createServer((socket) => {
    createInterface({ input: socket }).on('line', (line) => socket.write(`${line.length}\n`));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  await using proxy = await countRoundTrips((server.address() as AddressInfo).port);
  const client = connect(proxy.port, '127.0.0.1');
  const answers = createInterface({ input: client });
  // The line of 5 MB arrives in many pieces.
  for (const length of [3, 5_000_000, 0]) {
    client.write(`${'x'.repeat(length)}\n`);
    expect(await once(answers, 'line')).toEqual([String(length)]);
  }
  expect(proxy.roundTrips()).toBe(3);
  client.destroy();
  server.close();
});
