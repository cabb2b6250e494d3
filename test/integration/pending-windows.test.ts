/** When a transaction for pending records lets them fail, and when they stay pending. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '#ledger/connection/postgres.ts';
import { countPending } from '#ledger/pending/pending-records.ts';
import { commitChunkGroup } from '#runner/load/commit-chunk-group.ts';
import { BEHIND_ALL, commitPendingWindow } from '#runner/load/commit-pending.ts';
import { describeTarget, prepareSession } from '#runner/load/target.ts';
import { readTargetColumns } from '#runner/target/read-columns.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { ITEMS_SCHEMA, planTestUpload } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { prepareGroup } from '#support/runner/prepared-chunks.ts';

let server: Postgres;
beforeAll(async () => {
  server = await startPostgres({ settings: { fsync: 'off' } });
});
afterAll(() => server.stop());

/** Commits one chunk of records whose value is the key of another one, and tries the pending ones in one transaction. */
async function tryPending(keys: readonly [key: string, refersTo: string][], limit: number, meanwhile = 'SELECT') {
  const url = await createLedgerDatabase(server);
  const client = await connect({ uri: url, applicationName: 'test' });
  try {
    await client.query('CREATE TABLE items (k text PRIMARY KEY, v text REFERENCES items, upload uuid, row bigint)');
    const target = describeTarget(ITEMS_SCHEMA);
    await prepareSession(client, target);
    const columnTypes = (await readTargetColumns(client, target)).types;
    const uploadId = await withClient(url, (db) =>
      planTestUpload(db, [{ firstRowNumber: 2, recordCount: keys.length }]),
    );
    const rows = keys.map(([k, v], i) => ({ row: i + 2, values: [k, v, uploadId, String(i + 2)] }));
    const transaction = { client, target, uploadId, attempt: 1, columnTypes, metadata: {} };
    await commitChunkGroup({ ...transaction, strategy: 'merge' }, prepareGroup(uploadId, new Map([[0, rows]])));
    await client.query(meanwhile);
    const outcome = await commitPendingWindow(transaction, { before: BEHIND_ALL, limit, isLast: false });
    const { rows: errors } = await client.query('SELECT FROM batch_upload.batch_upload_errors');
    return { completed: outcome!.completed, errors: errors.length, left: await countPending(client, uploadId) };
  } finally {
    await client.end();
  }
}

describe('records that refer to nothing', () => {
  const keys: [string, string][] = [
    ['a', 'none'],
    ['b', 'a'],
    ['c', 'never'],
  ];

  it('fail at once where the transaction has all of them', async () => {
    const { completed, ...rest } = await tryPending(keys, 10);
    expect(completed).toMatchObject({ succeeded: 0, failed: 3 });
    expect(rest).toEqual({ errors: 3, left: 0 });
  });

  it('stay pending where others may be left', async () => {
    expect(await tryPending(keys, 3)).toEqual({ completed: null, errors: 0, left: 3 });
  });

  it('stay pending where another one of them has moved', async () => {
    const { completed, ...rest } = await tryPending(keys, 10, "INSERT INTO items VALUES ('none', 'none')");
    expect(completed).toMatchObject({ succeeded: 2, failed: 0 });
    expect(rest).toEqual({ errors: 0, left: 1 });
  });
});
