/** Random files into random tables by whole uploads, compared with an oracle in SQL. `make chaos` runs 2,000 of them. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { NOCASE_SQL } from '#support/records/random-upload.ts';
import { checkWholeUpload } from '#support/records/whole-upload.ts';

const UPLOADS = 50;

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off', deadlock_timeout: '50ms' } });
    url = await createLedgerDatabase(server);
    await withClient(url, (client) => client.query(NOCASE_SQL));
  });
  afterAll(() => server.stop());

  it(`${UPLOADS} uploads`, { timeout: 600_000 }, async () => {
    for (let i = 0; i < UPLOADS; i += 1) await checkWholeUpload(url, version * 1000 + i);
  });
});
