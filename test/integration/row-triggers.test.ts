/** BEFORE triggers that change keys or suppress rows: the counts say what is in the table, under every policy and mode. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { policySchema } from '#support/records/duplicates.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';

const LOWER = `CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.k := lower(NEW.k); RETURN NEW; END';
  CREATE TRIGGER change BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION change()`;
const SUPPRESS = `CREATE FUNCTION suppress() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF NEW.v = ''none'' THEN RETURN NULL; END IF; RETURN NEW; END';
  CREATE TRIGGER suppress BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION suppress()`;

const PARTITIONED = `DROP TABLE items;
  CREATE TABLE items (k text PRIMARY KEY, v text, upload uuid, row bigint) PARTITION BY LIST (k);
  CREATE TABLE items_all PARTITION OF items DEFAULT;
  INSERT INTO items VALUES ('old', 'stored');
  CREATE TRIGGER change BEFORE INSERT ON items_all FOR EACH ROW EXECUTE FUNCTION change()`;

/** Row numbers begin with 2. The trigger makes the keys of rows 2, 4 and 6 equal, and that of row 5 the stored one. */
const FILE = 'k,v\nA,2\nb,3\na,4\nOLD,5\nA,6\nc,none\nd,8\n';

const CASES = (['Skip', 'Update', 'Fail'] as const).flatMap((policy) =>
  [true, false].flatMap((owner) =>
    (['Commit', 'Validate'] as const).flatMap((mode) =>
      [1, 2, 100].map((chunkRecords) => ({ policy, owner, mode, chunkRecords })),
    ),
  ),
);

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
    url = await createLedgerDatabase(server);
  });
  afterAll(() => server.stop());
  const run = (sql: string) => withClient(url, async (client) => (await client.query(sql)).rows);

  async function createItems(owner: boolean, triggers: string): Promise<void> {
    await run(`DROP TABLE IF EXISTS items CASCADE; DROP FUNCTION IF EXISTS change, suppress;
      CREATE TABLE items (k text PRIMARY KEY, v text ${owner ? ', upload uuid, row bigint' : ''});
      INSERT INTO items VALUES ('old', 'stored'); ${triggers}`);
  }

  it.each(CASES)('$policy, owner columns: $owner, $mode, chunks of $chunkRecords', async (each) => {
    const { policy, owner, mode, chunkRecords } = each;
    await createItems(owner, `${LOWER}; ${SUPPRESS}`);
    const schema = policySchema({ policy, owner });
    const result = await loadInProcess(url, { schema, key: 'f.csv', file: FILE, mode, chunkRecords });
    if (result.refused) throw new Error(result.refused.message);
    const isUpdate = policy === 'Update';
    const lost = isUpdate ? [2, 4] : [4, 5, 6];
    expect(result.progress.counts).toEqual({
      processed: 7,
      succeeded: 6 - lost.length,
      failed: policy === 'Fail' ? 1 + lost.length : 1,
      duplicate: policy === 'Fail' ? 0 : lost.length,
      updated: isUpdate ? 1 : 0,
    });
    expect(result.errors.map(({ row, code }) => [row, code])).toEqual(
      [...lost.map((row) => [row, 'DUP_001']), [7, 'DB_001']].sort((a, b) => Number(a[0]) - Number(b[0])),
    );
    expect(result.errors.find(({ row }) => row === 7)!.message).toContain('trigger of the table kept it out');
    const stored = { k: 'old', v: 'stored' };
    const written = [
      { k: 'a', v: isUpdate ? '6' : '2' },
      { k: 'b', v: '3' },
      { k: 'd', v: '8' },
      isUpdate ? { k: 'old', v: '5' } : stored,
    ];
    expect(await run('SELECT k, v FROM items ORDER BY k')).toEqual(mode === 'Validate' ? [stored] : written);
  });

  it('a trigger that only sets a column leaves everything to COPY', async () => {
    await createItems(true, LOWER.replace('NEW.k := lower(NEW.k)', 'NEW.v := upper(NEW.v)'));
    const schema = policySchema({ policy: 'Skip', owner: true });
    const result = await loadInProcess(url, { schema, key: 'f.csv', file: 'k,v\na,1\nb,2\n' });
    expect(result).toMatchObject({ progress: { counts: { succeeded: 2 } } });
    expect(
      await run(
        "SELECT metadata->>'way' AS way FROM batch_upload.batch_upload_audit_logs WHERE chunk_number = 0 ORDER BY id DESC LIMIT 1",
      ),
    ).toEqual([{ way: 'optimistic' }]);
  });

  it.each([
    ['a disabled trigger does nothing', 'ALTER TABLE items DISABLE TRIGGER change', ['A', 'old']],
    ['a trigger of a partition works as one of the table', PARTITIONED, ['a', 'old']],
  ])('%s', async (_what, sql, keys) => {
    await createItems(true, LOWER);
    await run(sql);
    const schema = policySchema({ policy: 'Skip', owner: true });
    const file = 'k,v\nA,1\nold,2\nA,3\n';
    const result = await loadInProcess(url, { schema, key: 'f.csv', file });
    expect(result).toMatchObject({ progress: { counts: { succeeded: 1, duplicate: 2 } } });
    expect((await run('SELECT k FROM items ORDER BY k')).map(({ k }) => k)).toEqual(keys);
  });

  it('an update that a trigger suppresses because nothing changes is an update', async () => {
    await createItems(
      false,
      'CREATE TRIGGER same BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    );
    const schema = policySchema({ policy: 'Update', owner: false });
    const result = await loadInProcess(url, { schema, key: 'f.csv', file: 'k,v\nold,stored\nnew,1\n' });
    expect(result).toMatchObject({ progress: { counts: { succeeded: 2, updated: 1, failed: 0 } }, errors: [] });
  });

  it('a record that is refused at the end of the merge is counted once', async () => {
    await createItems(
      true,
      `CREATE TABLE IF NOT EXISTS parents (v text PRIMARY KEY); INSERT INTO parents VALUES ('p'), ('stored') ON CONFLICT DO NOTHING;
       ALTER TABLE items ADD FOREIGN KEY (v) REFERENCES parents DEFERRABLE;
       ${SUPPRESS.replace('BEGIN ', 'BEGIN SET CONSTRAINTS ALL DEFERRED; ')}`,
    );
    const schema = policySchema({ policy: 'Skip', owner: true });
    const file = 'k,v\nold,p\na,p\na,p\nb,nothing\nc,none\n';
    const result = await loadInProcess(url, { schema, key: 'f.csv', file });
    expect(result).toMatchObject({ progress: { counts: { succeeded: 1, duplicate: 2, failed: 2 } } });
    expect(await run('SELECT k FROM items ORDER BY k')).toEqual([{ k: 'a' }, { k: 'old' }]);
  });
});
