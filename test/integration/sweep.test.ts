/** The sweep visits the database of each namespace, and leaves no connection there. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '#common/clock.ts';
import { APPLICATION_NAME } from '#ledger/client/pool-connection.ts';
import { migrate } from '#ledger/migrate.ts';
import { failUpload } from '#ledger/uploads/finish-upload.ts';
import { sweep } from '#operator/controller/close-deleted.ts';
import { Databases } from '#operator/tenancy/databases.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { openTestUpload } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres({ settings: { fsync: 'off' } });
});
afterAll(() => postgres[Symbol.asyncDispose]());

const query = (url: string, text: string, values: unknown[] = []) =>
  withClient(url, async (client) => (await client.query(text, values)).rows);

const keysOf = (url: string) => query(url, 'SELECT FROM batch_upload.batch_upload_keys');

/** Sweeps the databases of these namespaces, where no upload exists. */
function createSweeper(urls: Record<string, string>) {
  const find = async (_type: unknown, { namespace = '', name = '' }: { namespace?: string; name?: string }) =>
    name === 'batch-upload-database' ? { data: { uri: Buffer.from(urls[namespace]!).toString('base64') } } : undefined;
  const log = createRecordingLog();
  const client = { find } as never;
  const databases = new Databases({ client, clock: systemClock, log, tickMs: 1000, program: 'operator' });
  const ignore = () => undefined;
  const deps: Parameters<typeof sweep>[0] = {
    ...{ client, databases, log, clusterId: 'c', extraDatabaseSecrets: [] },
    ...{ namespaces: Object.keys(urls), reachPoint: ignore, onWentBack: ignore },
    findMigrator: () => async () => null,
    caches: { uploads: { hasSynced: true } as never, uploadByUid: ignore },
  };
  return {
    sweep: () => sweep(deps, new AbortController().signal),
    closed: () => log.entries.filter(({ message }) => message === 'closed the ledger row of a deleted upload'),
    [Symbol.asyncDispose]: () => databases.close(),
  };
}

it('closes the rows of deleted uploads, and removes what ended ones left', async () => {
  const url = await createDatabase(postgres);
  const [deleted, ended] = await withClient(url, async (client) => {
    await migrate(client);
    const ids = [await openTestUpload(client), await openTestUpload(client, { name: 'ended' })] as const;
    await client.query('INSERT INTO batch_upload.batch_upload_keys VALUES ($1, 1, 1, 2)', [ids[1]]);
    await failUpload(client, { id: ids[1] }, { reason: 'X', message: 'x' });
    return ids;
  });
  // The second namespace has a database without a ledger.
  await using sweeper = createSweeper({ one: url, two: await createDatabase(postgres) });
  // A round passes over a database that does not answer in a few seconds, as on a busy machine; the next one visits it.
  const sweepAndLook = async () => {
    await sweeper.sweep();
    const rows = await query(url, 'SELECT id, status FROM batch_upload.batch_uploads ORDER BY name DESC');
    return { rows, keys: await keysOf(url) };
  };
  await expect.poll(sweepAndLook, { timeout: 60_000 }).toEqual({
    rows: [
      { id: deleted, status: 'Deleted' },
      { id: ended, status: 'Failed' },
    ],
    keys: [],
  });
  const sessions = 'SELECT datname FROM pg_stat_activity WHERE application_name = $1';
  await expect.poll(() => query(postgres.url, sessions, [APPLICATION_NAME]), { timeout: 20_000 }).toEqual([]);
  expect(sweeper.closed()).toHaveLength(1);
});

it('counts a row that was closed, although what its upload left cannot be removed yet', async () => {
  const url = await createDatabase(postgres);
  await withClient(url, async (client) => {
    await migrate(client);
    const id = await openTestUpload(client);
    await client.query('INSERT INTO batch_upload.batch_upload_keys VALUES ($1, 1, 1, 2)', [id]);
    await client.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not now''; END';
      CREATE TRIGGER refuse BEFORE DELETE ON batch_upload.batch_upload_keys FOR EACH ROW EXECUTE FUNCTION refuse()`);
  });
  await using sweeper = createSweeper({ one: url });
  let counted = 0;
  const sweepAndLook = async () => {
    counted += await sweeper.sweep();
    return await query(url, 'SELECT status FROM batch_upload.batch_uploads');
  };
  await expect.poll(sweepAndLook, { timeout: 60_000 }).toEqual([{ status: 'Deleted' }]);
  expect(counted).toBe(1);
  expect(await keysOf(url)).toHaveLength(1);
  await query(url, 'DROP TRIGGER refuse ON batch_upload.batch_upload_keys');
  const keysAfterSweep = async () => {
    await sweeper.sweep();
    return keysOf(url);
  };
  await expect.poll(keysAfterSweep, { timeout: 60_000 }).toEqual([]);
});
