/** PostgreSQL looks the keys of staged rows up by the index, also in a table that was filled and never analyzed. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { describeMerge, mergeStaged } from '#runner/load/merge.ts';
import { STAGES } from '#runner/target/names.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { startPostgres } from '#support/database/postgres.ts';

const STORED = 10_000;
const STAGED = 5_000;
/** So many staged rows meet a stored one. */
const MET = 60;

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  it.each(['Skip', 'Update'] as const)('%s', async (onDuplicate) => {
    const server = await startPostgres({ version, settings: { fsync: 'off', autovacuum: 'off' } });
    try {
      await withClient(await createLedgerDatabase(server), async (client) => {
        const uploadId = randomUUID();
        await client.query(`CREATE TABLE items (a varchar(50) NOT NULL, b varchar(50) NOT NULL, c date NOT NULL, data jsonb,
          batch_upload_id uuid, row_number bigint, UNIQUE (a, b, c))`);
        const merge = describeMerge({
          table: 'items',
          columns: ['a', 'b', 'c', 'data', 'batch_upload_id', 'row_number'],
          key: ['a', 'b', 'c'],
          owner: { uploadId: 'batch_upload_id', rowNumber: 'row_number' },
          onDuplicate,
          stage: STAGES.records,
        });
        // The staged rows come before the stored ones in the same file, so that those that meet a stored row displace it.
        const rows = (first: number, count: number, rowNumber: number) => `SELECT 'M' || i, 'C' || i, DATE '2026-01-01',
          to_jsonb(repeat('x', 100)), '${uploadId}'::uuid, ${rowNumber} + i::bigint FROM generate_series(${first}, ${first + count - 1}) i`;
        await client.query(`INSERT INTO items ${rows(1, STORED, 1_000_000)}`);
        await client.query(merge.createStage);
        await client.query(`BEGIN; INSERT INTO ${merge.stage} SELECT r.*, r.row_number FROM
          (${rows(STORED - MET + 1, STAGED, 0)}) r (a, b, c, data, batch_upload_id, row_number)`);
        const plans: string[] = [];
        const inserts: string[] = [];
        await client.query('SAVEPOINT merge');
        await explaining(client, [merge.insert], inserts).query(merge.insert, [uploadId]);
        await client.query('ROLLBACK TO SAVEPOINT merge');
        if (onDuplicate === 'Skip') expect(inserts[0]).toMatch(/Index Scan using items_a_b_c_key on items t/);
        expect(inserts[0]).not.toMatch(/Seq Scan on items/);
        const { displaced } = await mergeStaged(
          explaining(client, [merge.lockStored!, merge.replace], plans),
          merge,
          uploadId,
        );
        await client.query('ROLLBACK');
        expect(displaced.length).toBe(onDuplicate === 'Skip' ? MET : 0);
        expect(plans.length).toBe(onDuplicate === 'Skip' ? 2 : 1);
        for (const plan of plans) {
          expect(plan).toMatch(/Index Scan using items_a_b_c_key on items t/);
          expect(plan).not.toMatch(/Seq Scan on items/);
        }
      });
    } finally {
      await server.stop();
    }
  });
});

it('stored rows that stay under Skip are not locked', async () => {
  await using server = await startPostgres({ settings: { fsync: 'off' } });
  await withClient(await createLedgerDatabase(server), async (client) => {
    const uploadId = randomUUID();
    await client.query(`CREATE TABLE items (k text PRIMARY KEY, batch_upload_id uuid, row_number bigint);
      INSERT INTO items VALUES ('other', gen_random_uuid(), 9), ('none', NULL, NULL), ('earlier', '${uploadId}', 1),
        ('later', '${uploadId}', 9)`);
    const merge = describeMerge({
      ...{ table: 'items', columns: ['k', 'batch_upload_id', 'row_number'], key: ['k'], onDuplicate: 'Skip' },
      owner: { uploadId: 'batch_upload_id', rowNumber: 'row_number' },
      stage: STAGES.records,
    });
    await client.query(merge.createStage);
    await client.query('BEGIN');
    for (const [i, k] of ['other', 'none', 'earlier', 'later'].entries())
      await client.query(`INSERT INTO ${merge.stage} VALUES ($1, $2, $3, $3)`, [k, uploadId, i + 2]);
    const locked: unknown[] = [];
    const recording = {
      query(text: string, values?: unknown[]) {
        if (text === merge.lockStored) locked.push(values![0]);
        return client.query(text, values);
      },
    };
    expect(await mergeStaged(recording as unknown as pg.Client, merge, uploadId)).toEqual({
      ...{ lost: [2, 3, 4], displaced: [{ row: 9, by: 5 }], updated: [] },
    });
    expect(locked).toEqual([[5]]);
  });
});

/** A client that asks for the plan of some statements before it runs them. */
function explaining(client: pg.Client, statements: readonly string[], plans: string[]): pg.Client {
  const query = async (text: string, values?: unknown[]) => {
    if (statements.includes(text)) {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values);
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
    }
    return client.query(text, values);
  };
  return { query } as unknown as pg.Client;
}
