import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { systemClock } from '#common/clock.ts';
import { Database } from '#ledger/client/database.ts';
import { APPLICATION_NAME, connectionConfig } from '#ledger/client/pool-connection.ts';
import { withClient } from '#support/database/database.ts';
import { startPostgres } from '#support/database/postgres.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

it('no connection stays with the server that was left for the next one of the uri', async () => {
  await using postgres = await startPostgres({ settings: { fsync: 'off' }, listenAddresses: ['127.0.0.2'] });
  const { port } = postgres;
  const uri = `postgres://postgres:postgres@127.0.0.1:${port},127.0.0.2:${port}/postgres?sslmode=disable`;
  const config = connectionConfig({ uri, caCert: undefined, namespace: 'n' });
  const database = new Database({ config, clock: systemClock, log: createRecordingLog(), tickMs: 50 });
  const sessions = () =>
    withClient(postgres.url, async (client) => {
      const { rows } = await client.query<{ pid: number }>(
        'SELECT pid FROM pg_stat_activity WHERE application_name = $1',
        [APPLICATION_NAME],
      );
      return rows.map(({ pid }) => pid);
    });
  try {
    database.watch('00000000-0000-4000-8000-000000000000', () => undefined);
    await expect.poll(sessions, { timeout: 10_000 }).toHaveLength(1);
    const [before] = await sessions();
    const lost = database.run((client) => client.query('SELECT pg_terminate_backend(pg_backend_pid())'));
    await expect(lost).rejects.toThrow();
    await sleep(1_000);
    await expect
      .poll(async () => (await sessions()).filter((pid) => pid !== before).length, { timeout: 10_000 })
      .toBe(1);
    expect(await sessions()).not.toContain(before);
  } finally {
    await database.close();
  }
});
