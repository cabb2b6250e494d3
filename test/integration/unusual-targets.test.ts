/** Tables and roles that are in order but unusual, and tables that are altered while a file is loaded into them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, disconnect } from '#ledger/connection/postgres.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { policySchema } from '#support/records/duplicates.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';

const ITEMS = 'CREATE TABLE items (k text PRIMARY KEY, v text, upload uuid, row bigint)';
const LOWER = `CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.k := lower(NEW.k); RETURN NEW; END';
  CREATE TRIGGER change BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION change()`;

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
    await withClient(server.url, (client) => client.query("CREATE ROLE app LOGIN PASSWORD 'app'"));
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = await createLedgerDatabase(server);
  });
  const run = (sql: string) => withClient(url, async (client) => (await client.query(sql)).rows);

  it.each(['Skip', 'Update', 'Fail'] as const)('an identity column that is the key, %s', async (policy) => {
    await run(`CREATE TABLE items (k bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text, upload uuid, row bigint);
      INSERT INTO items (k, v) OVERRIDING SYSTEM VALUE VALUES (7, 'stored')`);
    const { fields, ...rest } = policySchema({ policy, owner: true });
    const schema = { ...rest, fields: [{ ...fields[0]!, type: 'integer' as const }, fields[1]!] };
    const result = await loadInProcess(url, { schema, key: 'f.csv', file: 'k,v\n1,a\n7,b\n1,c\n', chunkRecords: 1 });
    const isUpdate = policy === 'Update';
    const lost = isUpdate ? 1 : 2;
    expect(result).toMatchObject({
      progress: { counts: { succeeded: 3 - lost, [policy === 'Fail' ? 'failed' : 'duplicate']: lost } },
    });
    expect(await run('SELECT k::int, v FROM items ORDER BY 1')).toEqual([
      { k: 1, v: isUpdate ? 'c' : 'a' },
      { k: 7, v: isUpdate ? 'b' : 'stored' },
    ]);
  });

  it('settings of a role reach no session of a load', async () => {
    await run(`ALTER ROLE app SET statement_timeout = '20ms'; ALTER ROLE app SET lock_timeout = '20ms';
      ALTER ROLE app SET idle_session_timeout = '20ms'; ALTER ROLE app SET synchronous_commit = off;
      ALTER ROLE app SET datestyle = 'SQL, DMY'; ALTER ROLE app SET client_encoding = 'LATIN1';
      ALTER ROLE app SET timezone = 'Asia/Tokyo'; ALTER ROLE app SET intervalstyle = 'sql_standard'`);
    const client = await connect({ uri: url.replace('postgres:postgres@', 'app:app@'), applicationName: 'test' });
    await client.query('SELECT pg_sleep(0.1)');
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { rows } = await client.query(
      `SELECT name, setting FROM pg_settings WHERE source <> 'session' AND context <> 'internal' AND name IN
         ('statement_timeout', 'lock_timeout', 'idle_session_timeout', 'synchronous_commit', 'DateStyle', 'TimeZone', 'IntervalStyle')`,
    );
    expect(rows).toEqual([]);
    const encoding = await client.query("SELECT 'ü€' AS text, current_setting('client_encoding') AS encoding");
    expect(encoding.rows).toEqual([{ text: 'ü€', encoding: 'UTF8' }]);
    await disconnect(client);
    await run('ALTER ROLE app RESET ALL');
  });

  describe('a table that is altered between two chunks', () => {
    const schema = policySchema({ policy: 'Skip', owner: true });
    const file = `k,v\n${Array.from({ length: 40 }, (_, i) => `K${i},1\n`).join('')}k1,2\n`;
    /** Alters the table before the second transaction. */
    const load = async (sql: string) => {
      await run(ITEMS);
      let groups = 0;
      const beforeGroup = async () => {
        groups += 1;
        if (groups === 2) await run(sql);
      };
      return loadInProcess(url, { schema, key: 'f.csv', file, chunkRecords: 2, beforeGroup });
    };

    it.each([
      ['a trigger that changes keys', LOWER, 'k'],
      ['a trigger that suppresses rows', LOWER.replace('NEW.k := lower(NEW.k)', 'RETURN NULL'), ''],
      ['another type of a column', 'ALTER TABLE items ALTER COLUMN v TYPE integer USING v::integer', 'K'],
      ['a column more', "ALTER TABLE items ADD COLUMN w text DEFAULT 'w' NOT NULL", 'K'],
      ['a unique index', 'CREATE UNIQUE INDEX ON items (lower(k))', 'K'],
    ])('%s: the counts say what is in the table', async (_what, sql, letter) => {
      const result = await load(sql);
      if (result.refused) throw new Error(result.refused.message);
      const { counts, status } = result.progress;
      expect(status).toBe('Complete');
      expect(counts.processed).toBe(41);
      const [{ n }] = await run('SELECT count(*)::int AS n FROM items');
      expect(counts.succeeded).toBe(n);
      expect(counts.succeeded + counts.failed + counts.duplicate).toBe(41);
      const last = await run('SELECT k FROM items WHERE row > 20 AND row < 40');
      expect(last.every(({ k }) => k.startsWith(letter))).toBe(true);
      expect(last.length).toBe(letter === '' ? 0 : 19);
    });

    it.each([
      ['a column is dropped', 'ALTER TABLE items DROP COLUMN v', 'TargetColumnMissing', 'has no column v'],
      ['the table is dropped', 'DROP TABLE items', 'TargetTableMissing', 'does not exist'],
      ['the key is dropped', 'ALTER TABLE items DROP CONSTRAINT items_pkey', 'TargetKeyMissing', 'has no unique index'],
      [
        'a column becomes GENERATED',
        "ALTER TABLE items DROP COLUMN v, ADD COLUMN v text GENERATED ALWAYS AS (k || '!') STORED",
        'TargetColumnMissing',
        'is generated',
      ],
    ])('%s: the upload ends, and says it', async (_what, sql, reason, message) => {
      await expect(load(sql)).rejects.toMatchObject({
        category: 'permanent',
        reason,
        message: expect.stringContaining(message),
      });
    });
  });
});
