/** 2,000 random files into random tables by whole uploads, compared with an oracle in SQL; `make test` runs 100 of them. */
import { expect, it } from 'vitest';
import { migrate } from '#ledger/migrate.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { startPostgres } from '#support/database/postgres.ts';
import { TYPES_SQL } from '#support/records/random-columns.ts';
import { checkWholeUpload } from '#support/records/whole-upload.ts';

const UPLOADS = 1000;
/** Each lane has a database of its own, in which its uploads come one after the other. */
const LANES = 2;

it.each([14, 18] as const)(`${UPLOADS} uploads into PostgreSQL %i`, { timeout: 5_400_000 }, async (version) => {
  await using server = await startPostgres({ version, settings: { fsync: 'off', deadlock_timeout: '50ms' } });
  const first = Date.now() % 1_000_000_000;
  console.log(`the first seed is ${first}`);
  let done = 0;
  const lane = async (number: number) => {
    const url = await createDatabase(server);
    await withClient(url, migrate);
    await withClient(url, (client) => client.query(TYPES_SQL));
    for (let i = number; i < UPLOADS; i += LANES) {
      await checkWholeUpload(url, first + i);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i)));
  expect(done).toBe(UPLOADS);
});
