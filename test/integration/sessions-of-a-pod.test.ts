/** Several sessions of one pod: every record is written once, and equal keys meet in the order of the file. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';

type Policy = 'Skip' | 'Update' | 'Fail';

const RECORDS = 2000;
const SESSIONS = 4;
const CHUNK_RECORDS = 20;

const schemaOf = (onDuplicate: Policy, owner: boolean): RecordSchemaSpec => ({
  fields: ['k', 'v'].map((name) => ({ name, type: 'string' })),
  fieldsMatch: 'equal',
  primaryKey: ['k'],
  target: {
    table: 'items',
    create: false,
    onDuplicate,
    columns: [
      { name: 'k', field: 'k' },
      { name: 'v', field: 'v' },
      ...(owner
        ? [
            { name: 'upload', system: 'uploadId' as const },
            { name: 'row', system: 'rowNumber' as const },
          ]
        : []),
    ],
  },
});

/** Repeats the key of one of the last 60 records, or of any earlier one. */
function keyOf(i: number): number {
  if (i % 10 === 3) return keyOf(Math.max(0, i - 1 - ((i * 7919) % 60)));
  if (i % 10 === 7) return keyOf((i * 104_729) % i);
  return i;
}

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = await createLedgerDatabase(server);
  });

  const cases = (['Skip', 'Update', 'Fail'] as const).flatMap((policy) =>
    ([true, false] as const).flatMap((owner) => (['text', 'citext'] as const).map((type) => ({ policy, owner, type }))),
  );

  // No binary encoding knows citext, so that COPY is in its text format there.
  it.each(cases)('a key of type $type, $policy, owner columns: $owner', async ({ policy, owner, type }) => {
    await withClient(url, (client) =>
      client.query(`CREATE EXTENSION IF NOT EXISTS citext;
        CREATE TABLE items (k ${type} PRIMARY KEY, v text, upload uuid, "row" bigint)`),
    );
    const keys = Array.from({ length: RECORDS }, (_, i) => keyOf(i));
    const file = ['k,v', ...keys.map((key, i) => `k${key},v${i}`)].join('\n');
    const schema = schemaOf(policy, owner);
    const result = await loadInProcess(url, {
      ...{ schema, key: 'f.csv', file, chunkRecords: CHUNK_RECORDS, sessions: SESSIONS },
    });
    if (result.refused) throw new Error(result.refused.message);
    const winners = new Map<number, number>();
    for (const [i, key] of keys.entries()) if (policy === 'Update' || !winners.has(key)) winners.set(key, i);
    const losers = keys.flatMap((key, i) => (winners.get(key) === i ? [] : [i + 2]));
    expect(result.progress.counts).toEqual({
      processed: RECORDS,
      succeeded: winners.size,
      updated: 0,
      failed: policy === 'Fail' ? losers.length : 0,
      duplicate: policy === 'Fail' ? 0 : losers.length,
    });
    const stored = await withClient(url, async (client) => (await client.query('SELECT k, v FROM items')).rows);
    expect(new Map(stored.map(({ k, v }) => [k, v]))).toEqual(
      new Map([...winners].map(([key, i]) => [`k${key}`, `v${i}`])),
    );
    expect(result.errors.map(({ row }) => row).sort((a, b) => a - b)).toEqual(losers);
    const ways = await withClient(url, async (client) => {
      const { rows } = await client.query(
        `SELECT DISTINCT metadata->>'way' AS way, (metadata->>'tries')::int AS tries
         FROM batch_upload.batch_upload_audit_logs WHERE event_type = 'chunk_completed'`,
      );
      return rows;
    });
    // No transaction has met another one.
    expect(ways).toEqual([{ way: 'optimistic', tries: 1 }]);
  });
});
