import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSession } from '#runner/session.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';

let server: Postgres;
beforeAll(async () => {
  server = await startPostgres({ settings: { fsync: 'off' } });
});
afterAll(() => server.stop());

it('a transaction that the server ended while the pod was frozen is begun again', async () => {
  const session = createSession({
    database: { uri: server.url },
    uploadId: randomUUID(),
    role: 'test',
    retrySeconds: 10,
    stallSeconds: 10,
    signal: new AbortController().signal,
    log: pino({ enabled: false }),
  });
  let tries = 0;
  const answer = await session.run(async (client) => {
    tries += 1;
    // Only the first try has the limit: on a machine that does much else, it could also end the second one.
    if (tries === 1) await client.query("SET idle_in_transaction_session_timeout = '50ms'");
    await client.query('BEGIN');
    // The process freezes: nothing runs, and afterwards the next statement is sent before the server's message is read.
    if (tries === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    const { rows } = await client.query('SELECT 1 AS one');
    await client.query('COMMIT');
    return rows;
  });
  expect(answer).toEqual([{ one: 1 }]);
  expect(tries).toBe(2);
  await session.close();
});
