/** Tables and roles that are in order but unusual, and tables that are altered while a file is loaded into them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { Fault } from '#common/faults.ts';
import { connect, disconnect } from '#ledger/connection/postgres.ts';
import { eventuallyTrue } from '#support/cluster/e2e.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { policySchema } from '#support/records/duplicates.ts';
import { loadByIndexes } from '#support/runner/load-by-indexes.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';

/** Kubernetes starts another pod after it. */
const podEnds = () =>
  new Fault({ code: 'DB_CONNECTION', category: 'retryable', reason: 'DatabaseError', message: 'the pod ends' });
const ITEMS = 'CREATE TABLE items (k text PRIMARY KEY, v text, upload uuid, row bigint)';
const LOWER = `CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.k := lower(NEW.k); RETURN NEW; END';
  CREATE TRIGGER change BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION change()`;

/** Items that refer to other items. */
function withParent(type: 'string' | 'number' | 'date'): RecordSchemaSpec {
  const { fields, target, ...rest } = policySchema({ policy: 'Update', owner: true });
  return {
    ...rest,
    fields: [fields[0]!, { ...fields[1]!, type }, { name: 'p', type: 'string' as const }],
    target: { ...target, columns: [...target.columns, { name: 'p', field: 'p' }] },
  };
}

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  beforeAll(async () => {
    // PostgreSQL 14 has no such setting, and a queue of 8 GB.
    const smallQueue = version === 18 ? { max_notify_queue_pages: 64 } : {};
    server = await startPostgres({ version, settings: { fsync: 'off', ...smallQueue } });
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

  it.each([
    ['text', 'text', ''],
    ['text', 'integer', LOWER],
    ['uuid', 'numeric', LOWER],
    ['uuid', 'text', LOWER],
  ])('the upload in a column %s, the row number in a column %s', async (upload, row, trigger) => {
    for (const policy of ['Skip', 'Update', 'Fail'] as const) {
      await run(`DROP TABLE IF EXISTS items; DROP FUNCTION IF EXISTS change;
        CREATE TABLE items (k text PRIMARY KEY, v text, upload ${upload}, row ${row}); ${trigger}`);
      const schema = policySchema({ policy, owner: true });
      const file = 'k,v\na,1\na,2\nb,3\na,4\n';
      const result = await loadInProcess(url, { schema, key: 'f.csv', file, chunkRecords: 1 });
      const lost = policy === 'Fail' ? { failed: 2, duplicate: 0 } : { failed: 0, duplicate: 2 };
      expect(result).toMatchObject({ progress: { counts: { succeeded: 2, ...lost } } });
      expect(await run('SELECT v FROM items ORDER BY k')).toEqual([{ v: policy === 'Update' ? '4' : '1' }, { v: '3' }]);
    }
  });

  it.each([
    ['the upload', 'NEW.upload := gen_random_uuid()'],
    ['the row number', 'NEW.row := NULL'],
    ['the row number of a replaced row', "IF TG_OP = ''UPDATE'' THEN NEW.row := NEW.row + 1; END IF"],
  ])('a trigger that changes %s: the upload ends, and says it', async (_what, statement) => {
    await run(`${ITEMS}; ${LOWER.replace('NEW.k := lower(NEW.k)', statement)}`);
    const schema = policySchema({ policy: 'Update', owner: true });
    const file = 'k,v\na,1\na,2\nb,3\na,4\n';
    await expect(loadInProcess(url, { schema, key: 'f.csv', file, chunkRecords: 1 })).rejects.toMatchObject({
      code: 'DB_OWNER_CHANGED',
      category: 'permanent',
      reason: 'TargetNotSupported',
      message: expect.stringMatching(/trigger of the target table changes the column.*take both columns out/),
    });
  });

  describe('a trigger that changes settings of the session', () => {
    const OTHER = 'CREATE SCHEMA other; CREATE TABLE other.items (k text PRIMARY KEY, v text, upload uuid, row bigint)';
    /** The trigger changes a setting for the session, or for the transaction alone. */
    const setting = (name: string, value: string, isLocal: boolean, when = 'AFTER INSERT OR UPDATE') =>
      `CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS
         $f$ BEGIN PERFORM set_config('${name}', '${value}', ${isLocal}); RETURN NEW; END $f$;
       CREATE TRIGGER change ${when} ON items FOR EACH ROW EXECUTE FUNCTION change()`;
    const CASES = [
      { when: 'AFTER INSERT OR UPDATE', isLocal: true, policy: 'Update', chunkRecords: 4 },
      { when: 'AFTER INSERT OR UPDATE', isLocal: false, policy: 'Skip', chunkRecords: 1 },
      { when: 'BEFORE INSERT OR UPDATE', isLocal: true, policy: 'Update', chunkRecords: 4 },
      { when: 'BEFORE INSERT OR UPDATE', isLocal: false, policy: 'Skip', chunkRecords: 4 },
    ] as const;

    it.each(CASES)(
      'no row goes into another table: $when, local: $isLocal, $policy, chunks of $chunkRecords',
      async (each) => {
        const { when, isLocal, policy, chunkRecords } = each;
        await run(
          `${OTHER}; ${ITEMS}; INSERT INTO items VALUES ('k0', 'old'); ${setting('search_path', 'other', isLocal, when)}`,
        );
        const file = `k,v\n${Array.from({ length: 30 }, (_, i) => `k${i % 20},${i}\n`).join('')}`;
        const result = await loadInProcess(url, {
          schema: policySchema({ policy, owner: true }),
          key: 'f.csv',
          file,
          chunkRecords,
        });
        const lost = policy === 'Skip' ? 11 : 10;
        expect(result).toMatchObject({
          progress: { counts: { succeeded: 30 - lost, duplicate: lost, updated: policy === 'Skip' ? 0 : 1 } },
        });
        expect(
          await run('SELECT (SELECT count(*)::int FROM items) AS n, (SELECT count(*)::int FROM other.items) AS other'),
        ).toEqual([{ n: 20, other: 0 }]);
      },
    );

    // PostgreSQL 18 runs an AFTER trigger as the role of its statement, and refuses a second change of the role itself.
    const ofRole = CASES.filter(({ when }) => version < 18 || when.startsWith('BEFORE'));
    it.each(
      (['Skip', 'Update', 'Fail'] as const).flatMap((policy) =>
        [1, 4].flatMap((chunkRecords) => ofRole.map(({ when, isLocal }) => ({ when, isLocal, policy, chunkRecords }))),
      ),
    )('the role: $when, local: $isLocal, $policy, chunks of $chunkRecords', async (each) => {
      const { when, isLocal, policy, chunkRecords } = each;
      await run(`${ITEMS}; INSERT INTO items VALUES ('ü3', 'old'); ${setting('role', 'app', isLocal, when)}`);
      const { fields, ...rest } = policySchema({ policy, owner: true });
      const schema = { ...rest, fields: [fields[0]!, { ...fields[1]!, constraints: { maxLength: 2 } }] };
      const file = `k,v\n${Array.from({ length: 30 }, (_, i) => `ü${i % 20},${i === 5 ? 'äöü€' : i}\n`).join('')}`;
      const result = await loadInProcess(url, { schema, key: 'f.csv', file, chunkRecords });
      // The record with ü5 that fails leaves its key to the later one.
      const lost = policy === 'Update' ? 9 : 10;
      expect(result).toMatchObject({
        progress: {
          counts: {
            succeeded: 29 - lost,
            ...(policy === 'Fail' ? { failed: 1 + lost } : { failed: 1, duplicate: lost }),
          },
        },
      });
      expect(await run('SELECT count(*)::int AS n FROM items')).toEqual([{ n: 20 }]);
    });

    it.each([true, false])('a failed record is stored under client_encoding LATIN1, local: %s', async (isLocal) => {
      await run(`${ITEMS}; ${setting('client_encoding', 'LATIN1', isLocal)}`);
      const { fields, ...rest } = policySchema({ policy: 'Skip', owner: true });
      const schema = { ...rest, fields: [fields[0]!, { ...fields[1]!, constraints: { maxLength: 2 } }] };
      const file = `k,v\n${Array.from({ length: 40 }, (_, i) => `ü${i},${i % 7 === 5 ? 'äöü€' : i}\n`).join('')}`;
      const result = await loadInProcess(url, { schema, key: 'f.csv', file, chunkRecords: 2 });
      expect(result).toMatchObject({ progress: { counts: { succeeded: 35, failed: 5 } } });
      const [{ text }] = await run('SELECT min(row_data) AS text FROM batch_upload.batch_upload_errors');
      expect(text).toContain('äöü€');
    });

    it('a pending record is read as it was written', async () => {
      await run(`CREATE TABLE items (k text PRIMARY KEY, v date, upload uuid, row bigint, p text REFERENCES items);
        ${setting('datestyle', 'SQL, DMY', true)}`);
      const schema = withParent('date');
      const file = 'k,v,p\na,2025-02-01,\nb,2025-03-01,c\na,2025-02-02,\nb,2025-03-31,c\nc,2025-04-30,a\n';
      const result = await loadInProcess(url, { schema, key: 'f.csv', file, chunkRecords: 2 });
      expect(result).toMatchObject({ progress: { counts: { succeeded: 3, duplicate: 2, failed: 0 } } });
      expect(await run('SELECT k, v::text FROM items ORDER BY 1')).toEqual([
        { k: 'a', v: '2025-02-02' },
        { k: 'b', v: '2025-03-31' },
        { k: 'c', v: '2025-04-30' },
      ]);
    });

    it.each([
      ['timezone', 'Asia/Tokyo', '2025-01-01T12:00:00', '2025-01-01 12:00:00+00'],
      ['datestyle', 'SQL, DMY', '2025-01-02T12:00:00', '2025-01-02 12:00:00+00'],
      ['client_encoding', 'LATIN1', '2025-01-01T12:00:00Z', '2025-01-01 12:00:00+00'],
    ])('%s: values are read as before', async (name, value, text, stored) => {
      await run(`CREATE TABLE items (k text PRIMARY KEY, v timestamptz, upload uuid, row bigint);
        INSERT INTO items (k) VALUES ('ü3'); ${setting(name, value, false)}`);
      const { fields, ...rest } = policySchema({ policy: 'Update', owner: true });
      const schema = { ...rest, fields: [fields[0]!, { ...fields[1]!, type: 'datetime' as const }] };
      const file = `k,v\n${Array.from({ length: 40 }, (_, i) => `ü${i % 30},${text}\n`).join('')}`;
      const result = await loadInProcess(url, { schema, key: 'f.csv', file, chunkRecords: 1 });
      expect(result).toMatchObject({ progress: { counts: { succeeded: 30, duplicate: 10 } } });
      const rows = await run(`SELECT DISTINCT left(k, 1) AS k, (v AT TIME ZONE 'UTC')::text || '+00' AS v FROM items`);
      expect(rows).toEqual([{ k: 'ü', v: stored }]);
    });
  });

  it('settings of a role reach no session of a load', async () => {
    // Five seconds are more than a busy machine needs from the login to the statement that sets these aside.
    await run(`ALTER ROLE app SET statement_timeout = '5s'; ALTER ROLE app SET lock_timeout = '5s';
      ALTER ROLE app SET idle_session_timeout = '5s'; ALTER ROLE app SET synchronous_commit = off;
      ALTER ROLE app SET datestyle = 'SQL, DMY'; ALTER ROLE app SET client_encoding = 'LATIN1';
      ALTER ROLE app SET timezone = 'Asia/Tokyo'; ALTER ROLE app SET intervalstyle = 'sql_standard';
      ALTER ROLE app SET extra_float_digits = 0`);
    const client = await connect({ uri: url.replace('postgres:postgres@', 'app:app@'), applicationName: 'test' });
    await client.query('SELECT pg_sleep(6)');
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    const { rows } = await client.query(
      `SELECT name, setting FROM pg_settings WHERE source <> 'session' AND context <> 'internal' AND name IN
         ('statement_timeout', 'lock_timeout', 'idle_session_timeout', 'synchronous_commit', 'DateStyle', 'TimeZone', 'IntervalStyle',
         'extra_float_digits')`,
    );
    expect(rows).toEqual([]);
    const encoding = await client.query("SELECT 'ü€' AS text, current_setting('client_encoding') AS encoding");
    expect(encoding.rows).toEqual([{ text: 'ü€', encoding: 'UTF8' }]);
    await disconnect(client);
    await run('ALTER ROLE app RESET ALL');
  });

  it('a published table with a replica identity is loaded, and rows are replaced', async () => {
    await run(`${ITEMS.replace('PRIMARY KEY', 'UNIQUE')}; INSERT INTO items VALUES ('a', 'stored');
      CREATE PUBLICATION p FOR ALL TABLES`);
    const load = () =>
      loadInProcess(url, { schema: policySchema({ policy: 'Update', owner: true }), key: 'f.csv', file: 'k,v\na,1\n' });
    expect(await load()).toMatchObject({
      refused: { reason: 'TargetNotSupported', message: expect.stringContaining('REPLICA IDENTITY FULL') },
    });
    await run('ALTER TABLE items REPLICA IDENTITY FULL');
    expect(await load()).toMatchObject({ progress: { status: 'Complete', counts: { succeeded: 1, updated: 1 } } });
    expect(await run('SELECT k, v FROM items')).toEqual([{ k: 'a', v: '1' }]);
  });

  it.runIf(version >= 18).each(['Skip', 'Update', 'Fail'] as const)(
    'a unique index beside a key WITHOUT OVERLAPS, %s: an equal key is a duplicate, and an overlap a failed record',
    async (policy) => {
      await run(`CREATE TABLE items (k int4range NOT NULL, v daterange NOT NULL, w text, PRIMARY KEY (k, v WITHOUT OVERLAPS));
        CREATE UNIQUE INDEX ON items (k, v); INSERT INTO items VALUES ('[1,2)', '[2025-01-01,2025-02-01)', 'stored')`);
      const names = ['k', 'v', 'w'];
      const schema = {
        ...policySchema({ policy, owner: false }),
        fields: names.map((name) => ({ name, type: 'string' as const })),
        primaryKey: ['k', 'v'],
        target: {
          table: 'items',
          create: false,
          onDuplicate: policy,
          columns: names.map((name) => ({ name, field: name })),
        },
      };
      const file = [
        'k;v;w',
        '[1,2);[2025-01-01,2025-02-01);equal',
        '[1,2);[2025-01-15,2025-03-01);overlaps',
        '[2,3);[2025-01-01,2025-02-01);new',
      ].join('\n');
      const result = await loadInProcess(url, { schema, key: 'f.csv', file });
      const counts = {
        Skip: { succeeded: 1, duplicate: 1, failed: 1 },
        Update: { succeeded: 2, duplicate: 0, failed: 1 },
        Fail: { succeeded: 1, duplicate: 0, failed: 2 },
      };
      expect(result).toMatchObject({ progress: { status: 'Complete', counts: counts[policy] } });
      const words = await run('SELECT w FROM items ORDER BY 1');
      expect(words.map(({ w }) => w).sort()).toEqual(policy === 'Update' ? ['equal', 'new'] : ['new', 'stored']);
    },
  );

  it('a pending record keeps all digits of its numbers', async () => {
    await run(`CREATE TABLE items (k text PRIMARY KEY, v float8, upload uuid, row bigint, p text REFERENCES items);
      DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET extra_float_digits = 0', current_database()); END $$`);
    const numbers = ['0.30000000000000004', '1.7976931348623157e308', '-1.2345678901234567'];
    const others = Array.from({ length: 40 }, (_, i) => `k${i},1,`);
    const file = `k,v,p\n${[...numbers.map((v, i) => `${i},${v},z`), ...others, 'z,1,'].join('\n')}\n`;
    let mostPending = 0;
    const beforeGroup = async () => {
      const [{ n }] = await run('SELECT count(*)::int AS n FROM batch_upload.batch_upload_pending_records');
      mostPending = Math.max(mostPending, n);
    };
    const schema = withParent('number');
    const result = await loadInProcess(url, { schema, key: 'f.csv', file, chunkRecords: 2, beforeGroup });
    expect(mostPending).toBe(numbers.length);
    expect(result).toMatchObject({ progress: { counts: { succeeded: 44, failed: 0 } } });
    const stored = await run(`SELECT v = ANY('{${numbers.join()}}') AS same FROM items WHERE p IS NOT NULL`);
    expect(stored).toEqual(numbers.map(() => ({ same: true })));
  });

  it.each(
    (['Commit', 'Validate'] as const).flatMap((mode) => [
      {
        mode,
        type: 'mood',
        alter: "ALTER TYPE mood RENAME VALUE 'angry' TO 'blue'",
        message: 'a value does not have the type of its column (22P02)',
      },
      {
        mode,
        type: 'text',
        alter: 'ALTER TABLE items ALTER COLUMN v TYPE varchar(3)',
        message: 'a value is too long for its column (22001)',
      },
    ]),
  )('a pending record that can no longer be read fails alone: $alter, mode $mode', async (each) => {
    const { mode, type, alter, message } = each;
    await run(`CREATE TYPE mood AS ENUM ('ok', 'angry');
      CREATE TABLE items (k text PRIMARY KEY, v ${type}, upload uuid, row bigint, p text REFERENCES items)`);
    const others = Array.from({ length: 40 }, (_, i) => `k${i},ok,${i < 20 ? 'z' : ''}\n`).join('');
    let isAltered = false;
    const beforeGroup = async () => {
      const [{ n }] = await run('SELECT count(*)::int AS n FROM batch_upload.batch_upload_pending_records');
      if (isAltered || n === 0) return;
      isAltered = true;
      await run(alter);
    };
    const result = await loadInProcess(url, {
      ...{ schema: withParent('string'), key: 'f.csv', file: `k,v,p\na,angry,z\n${others}z,ok,\n`, mode },
      ...{ chunkRecords: 2, beforeGroup },
    });
    expect(isAltered).toBe(true);
    expect(result).toMatchObject({
      progress: { status: 'Complete', counts: { processed: 42, succeeded: 41, failed: 1 } },
      errors: [{ row: 2, code: 'DB_001', message: `PostgreSQL refused this record: ${message}` }],
    });
    expect(await run('SELECT count(*)::int AS n FROM items')).toEqual([{ n: mode === 'Validate' ? 0 : 41 }]);
  });

  it.runIf(version === 18)('COMMIT is refused while the queue of notifications is full', async () => {
    await run(`${ITEMS}; CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_notify('items', NEW.k); RETURN NULL; END $$;
      CREATE TRIGGER tell AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION tell()`);
    const file = `k,v\n${Array.from({ length: 10 }, (_, i) => `k${i},1\n`).join('')}`;
    const schema = policySchema({ policy: 'Skip', owner: true });
    await withClient(url, async (listener) => {
      await listener.query('LISTEN items');
      await listener.query('BEGIN; SELECT 1');
      const fill = async () => {
        for (;;) await run("SELECT pg_notify('items', repeat('a', 7900))");
      };
      await expect(fill()).rejects.toMatchObject({ code: '54000' });
      const loading = loadByIndexes(url, { schema, file, chunkRecords: 2 });
      await eventuallyTrue(
        async () =>
          (
            await run(`SELECT FROM pg_stat_activity WHERE application_name LIKE '%process%' AND state = 'idle'
            AND query = 'ROLLBACK' AND datname = current_database()`)
          ).length === 1,
        'COMMIT is not refused',
      );
      await listener.query('ROLLBACK');
      expect(await loading).toMatchObject({ status: 'Complete', counts: { succeeded: 10, failed: 0 } });
    });
    expect(await run('SELECT count(*)::int AS n FROM items')).toEqual([{ n: 10 }]);
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

    it('another table takes its place while no pod runs: the next pod does not load the rest into it', async () => {
      await run(ITEMS);
      let groups = 0;
      const beforeGroup = async () => {
        groups += 1;
        if (groups !== 2) return;
        await run(`ALTER TABLE items RENAME TO before; ${ITEMS}`);
        throw podEnds();
      };
      await expect(
        loadInProcess(url, { schema, key: 'f.csv', file, chunkRecords: 2, beforeGroup }),
      ).rejects.toMatchObject({
        code: 'DB_TARGET_REPLACED',
        category: 'permanent',
      });
      const counts = await run('SELECT count(*)::int AS n FROM items UNION ALL SELECT count(*)::int FROM before');
      expect(counts).toEqual([{ n: 0 }, { n: 8 }]);
      expect(groups).toBe(2);
    });

    it('another table takes its place before the first chunk: the file is loaded into it', async () => {
      await run(ITEMS);
      let groups = 0;
      const beforeGroup = async () => {
        groups += 1;
        if (groups !== 1) return;
        await run(`DROP TABLE items; ${ITEMS}`);
        throw podEnds();
      };
      const result = await loadInProcess(url, { schema, key: 'f.csv', file, chunkRecords: 2, beforeGroup });
      expect(result).toMatchObject({ progress: { status: 'Complete', counts: { succeeded: 41 } } });
    });

    it.each([
      ['a column is dropped', 'ALTER TABLE items DROP COLUMN v', 'TargetColumnMissing', 'has no column v'],
      ['the table is dropped', 'DROP TABLE items', 'TargetTableMissing', 'does not exist'],
      ['the key is dropped', 'ALTER TABLE items DROP CONSTRAINT items_pkey', 'TargetKeyMissing', 'has no unique index'],
      [
        'a column is added that must have a value',
        "ALTER TABLE items ADD COLUMN w text NOT NULL DEFAULT ''; ALTER TABLE items ALTER COLUMN w DROP DEFAULT",
        'TargetColumnRequired',
        'gets nothing from the RecordSchema',
      ],
      [
        'another table takes its place',
        `ALTER TABLE items RENAME TO before; ${ITEMS}`,
        'DatabaseError',
        'Another table has taken the place',
      ],
      ['the table is set UNLOGGED', 'ALTER TABLE items SET UNLOGGED', 'TargetNotSupported', 'SET LOGGED'],
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
