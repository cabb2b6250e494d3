/**
 * Records that refer to other records of their file. The same file gives the same table, counts and errors, whatever the
 * chunks and the number of sessions.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { commitChunkGroup } from '#runner/load/commit-chunk-group.ts';
import { describeTarget, prepareSession } from '#runner/load/target.ts';
import { readTargetColumns } from '#runner/target/read-columns.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { planTestUpload } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { expectFamilies, families, STORED_IDS } from '#support/records/families.ts';
import { type Load, loadByIndexes } from '#support/runner/load-by-indexes.ts';
import { prepareGroup } from '#support/runner/prepared-chunks.ts';

function nodes(change: Partial<RecordSchemaSpec['target']> = {}): RecordSchemaSpec {
  return {
    fields: [
      { name: 'id', type: 'string' },
      { name: 'parent', type: 'string' },
    ],
    fieldsMatch: 'equal',
    primaryKey: ['id'],
    target: {
      table: 'nodes',
      create: false,
      onDuplicate: 'Skip',
      columns: [
        { name: 'id', field: 'id' },
        { name: 'parent', field: 'parent' },
      ],
      ...change,
    },
  };
}

const NODES = 'CREATE TABLE nodes (id text PRIMARY KEY, parent text CONSTRAINT to_parent REFERENCES nodes)';
const OWNED = nodes({
  columns: [...nodes().target.columns, { name: 'upload', system: 'uploadId' }, { name: 'row', system: 'rowNumber' }],
});
const POLICIES = (['Skip', 'Update', 'Fail'] as const).flatMap((policy) =>
  [true, false].flatMap((owner) => (['Commit', 'Validate'] as const).map((mode) => ({ policy, owner, mode }))),
);
const CHUNKS = [1000, 5, 1];

interface StoredError {
  row: number;
  code: string;
  message: string;
  /** Is its place in the file known? */
  placed: boolean;
  text: string | null;
}

const csv = (records: readonly string[]) => `id,parent\n${records.join('\n')}\n`;
/** A chain of records each of which refers to the next one. */
const chain = (length: number, end = '') =>
  Array.from({ length }, (_, i) => `k${i},${i + 1 < length ? `k${i + 1}` : end}`);

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

  const sql = <T extends object>(text: string): Promise<T[]> =>
    withClient(url, async (client) => (await client.query(text)).rows as T[]);
  const errors = () =>
    sql<StoredError>(`SELECT row_number::int AS row, error_code AS code, error_message AS message, byte_offset IS NOT NULL AS placed,
      row_data AS text FROM batch_upload.batch_upload_errors ORDER BY row_number`);
  const load = (records: readonly string[], more: Partial<Load> & { chunkRecords: number }) =>
    loadByIndexes(url, { schema: nodes(), file: csv(records), ...more });

  async function expectLoaded(end: Awaited<ReturnType<typeof load>>, counts: Partial<(typeof end)['counts']>) {
    expect(end).toMatchObject({ status: 'Complete', counts: { failed: 0, duplicate: 0, ...counts } });
    expect(await sql('SELECT count(*)::int AS n FROM batch_upload.batch_upload_pending_records')).toEqual([{ n: 0 }]);
  }

  it.each(CHUNKS)('parents after children, %i records a chunk', async (chunkRecords) => {
    await sql(NODES);
    await expectLoaded(await load(chain(30), { chunkRecords }), { processed: 30, succeeded: 30 });
    expect(await sql('SELECT count(*)::int AS n FROM nodes')).toEqual([{ n: 30 }]);
  });

  it.each(CHUNKS)('a parent that never comes, %i records a chunk', async (chunkRecords) => {
    await sql(NODES);
    const records = [...chain(6, 'none'), 'a,b', 'b,', 'c,c', 'd,nobody'];
    await expectLoaded(await load(records, { chunkRecords }), { processed: 10, succeeded: 3, failed: 7 });
    const message =
      'PostgreSQL refused this record: it refers to a row that does not exist (23503), constraint to_parent';
    expect(await errors()).toEqual(
      [2, 3, 4, 5, 6, 7, 11].map((row) => ({
        ...{ row, code: 'DB_001', message, placed: true },
        text: records[row - 2],
      })),
    );
  });

  it.each(CHUNKS)('circles, %i records a chunk', async (chunkRecords) => {
    await sql(NODES);
    const records = ['a,b', 'x,', 'c,a', 'y,x', 'b,c', 'z,none'];
    await expectLoaded(await load(records, { chunkRecords }), { processed: 6, succeeded: 5, failed: 1 });
    expect(await errors()).toMatchObject([{ row: 7 }]);
  });

  const TOUCH = `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON nodes FOR EACH ROW EXECUTE FUNCTION touch()`;

  it.each(
    (['Skip', 'Update'] as const).flatMap((onDuplicate) =>
      [1000, 1].map((chunkRecords) => ({ onDuplicate, chunkRecords })),
    ),
  )('circles in a table with a BEFORE trigger: %o', async ({ onDuplicate, chunkRecords }) => {
    await sql(`CREATE TABLE nodes (id text PRIMARY KEY, parent text REFERENCES nodes, upload uuid, "row" bigint);
      INSERT INTO nodes VALUES ('old'); ${TOUCH}`);
    const schema = nodes({ ...OWNED.target, onDuplicate });
    const end = await load(['a,b', 'a,c', 'b,a', 'c,b', 'old,c', 'x,none'], { schema, chunkRecords });
    expect(end.counts).toMatchObject(
      onDuplicate === 'Update'
        ? { succeeded: 4, failed: 1, duplicate: 1, updated: 1 }
        : { succeeded: 3, failed: 1, duplicate: 2, updated: 0 },
    );
    const isUpdate = onDuplicate === 'Update';
    expect(await sql('SELECT id, parent FROM nodes ORDER BY id')).toEqual([
      { id: 'a', parent: isUpdate ? 'c' : 'b' },
      { id: 'b', parent: 'a' },
      { id: 'c', parent: 'b' },
      { id: 'old', parent: isUpdate ? 'c' : null },
    ]);
  });

  it.each([1000, 1])('a validation with a BEFORE trigger, %i records a chunk', async (chunkRecords) => {
    await sql(`${NODES}; ${TOUCH}`);
    const request = { mode: 'Validate' } as const;
    const end = await load(['a,', 'b,a', 'c,d', 'd,c', 'e,d', 'x,none'], { chunkRecords, request });
    expect(end.counts).toMatchObject({ succeeded: 5, failed: 1, duplicate: 0 });
  });

  it.each(['Skip', 'Update'] as const)('a validation with a trigger that changes keys, %s', async (onDuplicate) => {
    await sql(
      `${NODES}; INSERT INTO nodes VALUES ('old'); ${TOUCH.replace('BEGIN', 'BEGIN NEW.id := lower(NEW.id);')}`,
    );
    const request = { mode: 'Validate' } as const;
    const schema = nodes({ onDuplicate });
    const end = await load(['OLD,p', 'b,p', 'p,', 'x,none'], { schema, chunkRecords: 1, request });
    const duplicate = onDuplicate === 'Skip' ? 1 : 0;
    expect(end.counts).toMatchObject({ succeeded: 3 - duplicate, failed: 1, duplicate });
  });

  it('a trigger of a partition that changes what a record refers to', async () => {
    await sql(`${NODES} PARTITION BY HASH (id);
      CREATE TABLE part PARTITION OF nodes FOR VALUES WITH (MODULUS 1, REMAINDER 0);
      ${TOUCH.replace('BEGIN', 'BEGIN NEW.parent := lower(NEW.parent);').replace('ON nodes', 'ON part')}`);
    const end = await load(['a,', 'b,A', 'c,D', 'd,', 'x,none'], { chunkRecords: 1000 });
    expect(end.counts).toMatchObject({ succeeded: 4, failed: 1 });
  });

  it('a validation of a record that refers to one which a later chunk has replaced', async () => {
    await sql(
      `CREATE TABLE nodes (id text PRIMARY KEY, parent text REFERENCES nodes); INSERT INTO nodes VALUES ('old')`,
    );
    const target = describeTarget(nodes({ onDuplicate: 'Update' }), { rolledBack: true });
    const chunks = [
      [
        { row: 2, values: ['a', 'old'] },
        { row: 3, values: ['old', 'a'] },
      ],
      [{ row: 4, values: ['a', 'old'] }],
    ];
    const plan = chunks.map((records) => ({ firstRowNumber: records[0]!.row, recordCount: records.length }));
    const counts = await withClient(url, async (client) => {
      const uploadId = await planTestUpload(client, plan);
      await prepareSession(client, target);
      const columnTypes = (await readTargetColumns(client, target)).types!;
      const found = [];
      for (const number of [1, 0]) {
        const transaction = {
          client,
          target,
          uploadId,
          attempt: 1,
          columnTypes,
          strategy: 'optimistic',
          metadata: {},
        } as const;
        const outcome = await commitChunkGroup(
          transaction,
          prepareGroup(uploadId, new Map([[number, chunks[number]!]]), null),
        );
        found.push(outcome.done && outcome.results[0]);
      }
      return found;
    });
    expect(counts).toMatchObject([
      { succeeded: 1, updated: 0 },
      { succeeded: 1, updated: 1, duplicate: 1 },
    ]);
  });

  it('several sessions', async () => {
    await sql(NODES);
    const records = chain(400);
    await expectLoaded(await load(records, { chunkRecords: 3, indexes: 4 }), { succeeded: 400 });
  });

  it.each(POLICIES)('families, $policy, owner columns: $owner, $mode', async ({ policy, owner, mode }) => {
    await sql(`CREATE TABLE nodes (id text PRIMARY KEY, parent text REFERENCES nodes, upload uuid, "row" bigint)`);
    const schema = nodes({ ...(owner ? OWNED.target : {}), onDuplicate: policy });
    await fc.assert(
      fc.asyncProperty(families, fc.integer({ min: 1, max: 9 }), fc.constantFrom(1, 3), async (...drawn) => {
        const [members, chunkRecords, indexes] = drawn;
        // Without the columns, the winner of equal ids is the one whose chunk commits first.
        const isOrdered = owner || policy === 'Update' || mode === 'Validate';
        const ids = new Set<string>();
        const file = isOrdered ? members : members.filter(({ id }) => ids.size < ids.add(id).size);
        await sql(`TRUNCATE nodes; INSERT INTO nodes (id) VALUES ${STORED_IDS.map((id) => `('${id}')`).join()}`);
        await sql('TRUNCATE batch_upload.batch_upload_errors');
        const records = file.map(({ id, parent }) => `${id},${parent}`);
        const end = await load(records, { schema, chunkRecords, indexes, request: { mode, reload: true } });
        const model = expectFamilies(
          policy,
          file.map((member, i) => ({ ...member, row: i + 2 })),
        );
        await expectLoaded(end, model.counts);
        const rows = await sql<{ id: string; parent: string | null }>('SELECT id, parent FROM nodes');
        const stored = new Map(rows.map(({ id, parent }) => [id, parent ?? '']));
        expect(stored).toEqual(mode === 'Validate' ? new Map(STORED_IDS.map((id) => [id, ''])) : model.table);
        expect((await errors()).filter(({ code }) => code === 'DB_001').map(({ row }) => row)).toEqual(
          model.refused.sort((a, b) => a - b),
        );
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });
});
