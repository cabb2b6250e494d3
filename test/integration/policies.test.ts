/**
 * Loads equal keys in small chunks by several runner processes at once, in every mode, and compares with a plain
 * reading of the file.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completeUpload } from '#ledger/uploads/finish-upload.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { withClient } from '#support/database/database.ts';
import { expectPolicy, type Item, policySchema, STORED } from '#support/records/duplicates.ts';
import { type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

let bench: RunnerBench;
beforeAll(async () => {
  bench = await startRunnerBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

const RECORDS = 1000;
const KEYS = 250;

/**
 * Makes items: each key occurs several times, near and far, but a bad record never shares its key with another record
 * of its chunk.
 */
function makeItems(seed: number): Item[] {
  return Array.from({ length: RECORDS }, (_, i) => {
    const row = i + 2;
    const random = (Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b)) >>> 0;
    const bad = random % 100 === 0;
    return { row, key: String(bad ? 10_000 + i : random % KEYS), value: bad ? 'forbidden' : `v${row}` };
  });
}

const CASES = (['Skip', 'Update', 'Fail'] as const).flatMap((policy) => [
  { policy, owner: true, mode: 'Commit' as const },
  { policy, owner: false, mode: 'Commit' as const },
  { policy, owner: true, mode: 'Validate' as const },
]);

describe.each(CASES)('$policy, owner columns: $owner, $mode', ({ policy, owner, mode }) => {
  it('three processes, one of them twice', async () => {
    const url = await bench.newDatabase();
    const items = makeItems(CASES.findIndex((each) => each.policy === policy && each.mode === mode));
    const expected = expectPolicy(policy, items);
    await withClient(url, async (client) => {
      await client.query(`CREATE TABLE items (k text PRIMARY KEY, v text CHECK (v <> 'forbidden')
        ${owner ? ', upload uuid, row bigint' : ''})`);
      for (const [k, v] of STORED) await client.query('INSERT INTO items VALUES ($1, $2)', [k, v]);
    });
    const key = `${policy}-${owner}-${mode}.csv`;
    await bench.put(key, `k,v\n${items.map((item) => `${item.key},${item.value}\n`).join('')}`);
    const schema = policySchema({ policy, owner });
    const id = await bench.open(url, key, { schema, chunkRecords: 25, request: { mode } });
    expect((await bench.run('plan', url, id, { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '1' })).code).toBe(0);
    await withClient(url, (client) => client.query('UPDATE batch_upload.batch_uploads SET total_indexes = 3'));
    // Four sessions in all: every second key is there twice, and more sessions than keys would block each other for long.
    const env = { BATCH_UPLOAD_PARALLELISM: '1' };
    const pods = [0, 1, 2, 1].map((index) =>
      bench.run('process', url, id, { ...env, JOB_COMPLETION_INDEX: String(index) }),
    );
    expect((await Promise.all(pods)).map(({ code }) => code)).toEqual([0, 0, 0, 0]);

    await withClient(url, async (client) => {
      expect(await completeUpload(client, id)).toBe('Complete');
      expect((await readProgress(client, [id])).get(id)!.counts).toEqual({ processed: RECORDS, ...expected.counts });
      const rows = async (sql: string) => (await client.query(sql)).rows;
      const table = new Map((await rows('SELECT k, v FROM items')).map(({ k, v }) => [k, v]));
      const errors = await rows(
        'SELECT row_number::int AS row, error_code AS code FROM batch_upload.batch_upload_errors ORDER BY 1',
      );
      const of = (code: string) => errors.filter((error) => error.code === code).map(({ row }) => row);
      expect(of('DB_001')).toEqual(expected.refused);
      expect(of('DUP_001')).toHaveLength(expected.lost.length);
      if (mode === 'Validate') expect(table).toEqual(STORED);
      else expect(new Set(table.keys())).toEqual(new Set(expected.table.keys()));
      // Without owner columns, Skip and Fail keep the record that was committed first.
      if (!owner && policy !== 'Update' && mode === 'Commit') return;
      expect(of('DUP_001')).toEqual(expected.lost);
      if (mode === 'Commit') expect(table).toEqual(expected.table);
    });
  });
});
