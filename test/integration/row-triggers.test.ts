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

/** Makes a trigger that writes each key into another table, and then ends as told. */
const redirect = (type: string, end: string) => `DROP TABLE IF EXISTS inbox; CREATE TABLE inbox (k ${type});
  CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO inbox VALUES (NEW.k); ${end}; END';
  CREATE TRIGGER change BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION change()`;

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

  it.each(
    (['Skip', 'Fail'] as const).flatMap((policy) =>
      [true, false].flatMap((owner) => ['text', 'text UNIQUE'].map((type) => ({ policy, owner, type }))),
    ),
  )('a trigger that puts records elsewhere runs once for each: %o', async ({ policy, owner, type }) => {
    await createItems(owner, redirect(type, 'RETURN NULL'));
    const schema = policySchema({ policy, owner });
    const records = Array.from({ length: 10 }, (_, i) => `k${i},v`);
    const result = await loadInProcess(url, { schema, key: 'f.csv', file: `k,v\n${records.join('\n')}\n` });
    expect(result).toMatchObject({ progress: { counts: { succeeded: 0, failed: 10, duplicate: 0 } } });
    if (result.refused === null) expect(new Set(result.errors.map(({ code }) => code))).toEqual(new Set(['DB_001']));
    expect(await run('SELECT count(*)::int AS n FROM inbox')).toEqual([{ n: 10 }]);
  });

  it.each((['Skip', 'Fail'] as const).flatMap((policy) => [true, false].map((owner) => ({ policy, owner }))))(
    'a unique index of another table is not the key, and a duplicate is one: %o',
    async ({ policy, owner }) => {
      await createItems(owner, redirect('text UNIQUE', "IF NEW.v = ''none'' THEN RETURN NULL; END IF; RETURN NEW"));
      await run("INSERT INTO inbox VALUES ('taken')");
      const schema = policySchema({ policy, owner });
      const file = 'k,v\nold,1\na,2\ntaken,3\ntaken,none\nb,none\n';
      const result = await loadInProcess(url, { schema, key: 'f.csv', file });
      if (result.refused) throw new Error(result.refused.message);
      expect(result.errors.map(({ row, code }) => [row, code])).toEqual([
        [2, 'DUP_001'],
        ...[4, 5, 6].map((row) => [row, 'DB_001']),
      ]);
      expect(await run('SELECT k FROM items ORDER BY k')).toEqual([{ k: 'a' }, { k: 'old' }]);
      expect(await run('SELECT k FROM inbox ORDER BY k')).toEqual(['a', 'b', 'old', 'taken'].map((k) => ({ k })));
    },
  );

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

  it.each(['Commit', 'Validate'] as const)(
    'without owner columns the first of keys that a trigger makes equal stays, %s',
    async (mode) => {
      await createItems(false, LOWER);
      const schema = policySchema({ policy: 'Skip', owner: false });
      // Whatever the collation, the order of the keys is not that of the rows for one of the pairs.
      const result = await loadInProcess(url, { schema, key: 'f.csv', file: 'k,v\nx,1\nX,2\nY,3\ny,4\n', mode });
      expect(result).toMatchObject({
        progress: { counts: { succeeded: 2, duplicate: 2 } },
        errors: [
          { row: 3, code: 'DUP_001' },
          { row: 5, code: 'DUP_001' },
        ],
      });
      if (mode === 'Commit') {
        expect(await run('SELECT k, v FROM items ORDER BY k')).toEqual([
          { k: 'old', v: 'stored' },
          { k: 'x', v: '1' },
          { k: 'y', v: '3' },
        ]);
      }
    },
  );

  it('a validation counts a record once that loses to a record of the other half of its chunk', async () => {
    await createItems(true, `${LOWER}; ALTER TABLE items ADD CHECK (v <> 'bad')`);
    const schema = policySchema({ policy: 'Update', owner: true });
    const file = 'k,v\nA,1\na,2\nb,bad\nA,4\na,5\n';
    const result = await loadInProcess(url, { schema, key: 'f.csv', file, mode: 'Validate' });
    expect(result).toMatchObject({ progress: { counts: { succeeded: 1, duplicate: 3, failed: 1 } } });
    if (result.refused === null) expect(result.errors.map(({ row }) => row)).toEqual([2, 3, 4, 5]);
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
