/**
 * Every fault of a target table is named, and the SQL of its message mends it, on the oldest and the newest PostgreSQL.
 */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { ledgerVersion, migrate, migrationScript } from '#ledger/migrate.ts';
import { commitChunkGroup } from '#runner/load/commit-chunk-group.ts';
import { describeTarget, prepareSession } from '#runner/load/target.ts';
import { createTarget } from '#runner/target/create-target.ts';
import { STAGES } from '#runner/target/names.ts';
import { prepareTarget } from '#runner/target/prepare-target.ts';
import { readTargetColumns } from '#runner/target/read-columns.ts';
import { verifyTarget } from '#runner/target/verify-target.ts';
import { itemsSchema } from '#support/cluster/manifests.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { planTestUpload } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { prepareGroup } from '#support/runner/prepared-chunks.ts';
import { exampleSchema } from '#support/runner/runner.ts';

const schema = itemsSchema('items');
const GOOD = 'CREATE TABLE items (k text PRIMARY KEY, v text, batch_upload_id uuid, row_number bigint)';
const PARTITIONED = `${GOOD} PARTITION BY LIST (k)`;

describe.each([14, 18] as const)('PostgreSQL %d', (version) => {
  let server: Postgres;
  let admin: string;
  let app: string;
  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
    await withClient(server.url, (client) => client.query("CREATE ROLE app LOGIN PASSWORD 'app'"));
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    admin = await createDatabase(server);
    app = admin.replace('postgres:postgres@', 'app:app@');
  });

  const run = (url: string, sql: string) => withClient(url, (client) => client.query(sql));
  const verify = (url: string) => withClient(url, (client) => verifyTarget(client, schema));

  /** The person who runs the SQL of a message fills in what the message leaves open. */
  function completed(said: string): string {
    return said.endsWith('"v"') ? `${said} text` : said.replace('…', 'child');
  }

  it.each([
    ['no table', '', 'TargetTableMissing', / it: (CREATE TABLE .*);$/],
    ['a column is missing', `${GOOD}; ALTER TABLE items DROP COLUMN v`, 'TargetColumnMissing', /\((ALTER .*) …\)/],
    [
      'a required column more',
      `${GOOD}; ALTER TABLE items ADD w text NOT NULL`,
      'TargetColumnRequired',
      /run: (ALTER .*);/,
    ],
    ['no key', GOOD.replace('PRIMARY KEY', ''), 'TargetKeyMissing', /Run: (CREATE UNIQUE .*);/],
    [
      'a key over other columns',
      GOOD.replace('k text PRIMARY KEY', 'k text').replace(/\)$/, ', UNIQUE (k, v))'),
      'TargetKeyMissing',
      /Run: (CREATE UNIQUE .*);/,
    ],
    [
      'a key that can be deferred',
      // A second, immediate index would not do: ON CONFLICT refuses a key with any index that can be deferred.
      GOOD.replace('PRIMARY KEY', 'UNIQUE DEFERRABLE'),
      'TargetNotSupported',
      /Run: (ALTER TABLE .*);/,
    ],
    [
      'a key of some rows',
      `${GOOD.replace('PRIMARY KEY', '')}; CREATE UNIQUE INDEX ON items (k) WHERE v <> ''`,
      'TargetKeyMissing',
      /Run: (CREATE UNIQUE .*);/,
    ],
    [
      'a rule',
      `${GOOD}; CREATE RULE twice AS ON INSERT TO items DO ALSO NOTIFY rows`,
      'TargetNotSupported',
      /run: (ALTER TABLE .*);/,
    ],
    [
      'an index with another collation',
      `${GOOD}; CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE UNIQUE INDEX other ON items (k COLLATE nocase)`,
      'TargetNotSupported',
      /Run: (DROP INDEX .*);/,
    ],
    [
      'a second unique constraint on the key that can be deferred',
      `${GOOD}; ALTER TABLE items ADD CONSTRAINT other UNIQUE (k) DEFERRABLE`,
      'TargetNotSupported',
      /Run: (ALTER TABLE .*);/,
    ],
    [
      'an identity column that a replaced row could not set',
      GOOD.replace('v text', 'v integer GENERATED ALWAYS AS IDENTITY'),
      'TargetNotSupported',
      /run: (ALTER TABLE .*);/,
    ],
    [
      'tables that inherit',
      `${GOOD}; CREATE TABLE child () INHERITS (items)`,
      'TargetNotSupported',
      /them: (ALTER TABLE .*);/,
    ],
    ['a type that cuts texts', GOOD.replace('v text', 'v name'), 'TargetTypeLossy', /run: (ALTER TABLE .*);/],
    [
      'a domain over a type that cuts texts',
      `CREATE DOMAIN letter AS "char"; ${GOOD.replace('v text', 'v letter')}`,
      'TargetTypeLossy',
      /run: (ALTER TABLE .*);/,
    ],
    [
      'row-level security',
      `${GOOD}; GRANT ALL ON items TO app; ALTER TABLE items ENABLE ROW LEVEL SECURITY`,
      'TargetNotSupported',
      /administrator: (ALTER ROLE .*);/,
    ],
    [
      'row-level security that is forced on the owner',
      `${GOOD}; ALTER TABLE items OWNER TO app; ALTER TABLE items ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
      'TargetNotSupported',
      /administrator: (ALTER TABLE .*);/,
    ],
    [
      'a role that only reads',
      `${GOOD}; GRANT ALL ON items TO app; ALTER ROLE app SET default_transaction_read_only = on`,
      'DatabaseReadOnly',
      /Run: (ALTER ROLE .*);/,
    ],
    [
      'a key type whose operators the role does not find',
      `CREATE SCHEMA types; GRANT USAGE ON SCHEMA types TO app; CREATE EXTENSION citext SCHEMA types;
        ${GOOD.replace('k text', 'k types.citext')}; GRANT ALL ON items TO app`,
      'TargetNotSupported',
      /Run: (ALTER ROLE .*);/,
    ],
    ['an unlogged table', GOOD.replace('TABLE', 'UNLOGGED TABLE'), 'TargetNotSupported', /Run: (ALTER TABLE .*);/],
    [
      'a partition that is unlogged',
      `${PARTITIONED}; CREATE TABLE most PARTITION OF items DEFAULT PARTITION BY HASH (k);
        CREATE TABLE half PARTITION OF most FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE UNLOGGED TABLE "other half" PARTITION OF most FOR VALUES WITH (MODULUS 2, REMAINDER 1)`,
      'TargetNotSupported',
      /Run: (ALTER TABLE "other half" SET LOGGED);/,
    ],
    [
      'a published table without a replica identity',
      `${GOOD.replace('PRIMARY KEY', 'NOT NULL UNIQUE')}; CREATE PUBLICATION p FOR ALL TABLES`,
      'TargetNotSupported',
      /owner: (ALTER TABLE items REPLICA IDENTITY USING INDEX items_k_key);/,
    ],
    [
      'a published table whose key may be null',
      `${GOOD.replace('PRIMARY KEY', 'UNIQUE')}; CREATE PUBLICATION p FOR TABLE items`,
      'TargetNotSupported',
      /owner: (ALTER TABLE items REPLICA IDENTITY FULL);/,
    ],
    [
      'a published table whose replica identity is NOTHING',
      `${GOOD}; ALTER TABLE items REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLE items`,
      'TargetNotSupported',
      /owner: (ALTER TABLE items REPLICA IDENTITY USING INDEX items_pkey);/,
    ],
    [
      'published partitions without a replica identity',
      `${PARTITIONED.replace('PRIMARY KEY', 'UNIQUE')};
        CREATE TABLE a PARTITION OF items FOR VALUES IN ('a'); CREATE TABLE b PARTITION OF items DEFAULT;
        CREATE PUBLICATION p FOR TABLE items WITH (publish_via_partition_root)`,
      'TargetNotSupported',
      /owner: (ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL);/,
    ],
    ['no rights', `${GOOD}; REVOKE ALL ON items FROM app`, 'TargetAccessDenied', /Run: (GRANT .*);/],
  ])('%s', async (_what, sql, reason, mend) => {
    const who = sql.includes(' app') ? app : admin;
    await run(admin, `ALTER ROLE app RESET ALL; ALTER ROLE app NOBYPASSRLS; ${sql}`);
    const explanation = await verify(who);
    expect(explanation).toMatchObject({ reason, message: expect.stringMatching(mend) });
    const said = mend.exec(explanation!.message)![1]!;
    await run(admin, completed(said));
    expect(await verify(who)).toBeNull();
  });

  it.each([
    ['inserts alone are published', 'CREATE PUBLICATION p FOR ALL TABLES WITH (publish = insert)'],
    ['another table is published', 'CREATE TABLE other (k text); CREATE PUBLICATION p FOR TABLE other'],
    ['every old row is published', 'ALTER TABLE items REPLICA IDENTITY FULL; CREATE PUBLICATION p FOR ALL TABLES'],
  ])('a table without a primary key is accepted: %s', async (_what, sql) => {
    await run(admin, `${GOOD.replace('PRIMARY KEY', 'UNIQUE')}; ${sql}`);
    expect(await verify(admin)).toBeNull();
  });

  it('a published table without a replica identity is accepted where no row is replaced', async () => {
    await run(admin, `${GOOD.replace('PRIMARY KEY', 'UNIQUE')}; CREATE PUBLICATION p FOR ALL TABLES`);
    const { target, ...rest } = schema;
    const skips = { ...rest, target: { ...target, columns: target.columns.slice(0, 2) } };
    expect(await withClient(admin, (client) => verifyTarget(client, skips))).toBeNull();
  });

  it.runIf(version >= 15)('a table that is published with its schema needs a replica identity', async () => {
    await run(admin, `${GOOD.replace('PRIMARY KEY', 'UNIQUE')}; CREATE PUBLICATION p FOR TABLES IN SCHEMA public`);
    expect(await verify(admin)).toMatchObject({ reason: 'TargetNotSupported' });
  });

  it('a foreign partition is refused, since two servers do not commit at once', async () => {
    await run(
      admin,
      `CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
        ${PARTITIONED.replace('PRIMARY KEY', '')}; CREATE TABLE most PARTITION OF items DEFAULT PARTITION BY LIST (v);
        CREATE FOREIGN TABLE far PARTITION OF most DEFAULT SERVER s`,
    );
    const { primaryKey, ...appends } = schema;
    const explain = () => withClient(admin, (client) => verifyTarget(client, appends));
    const explanation = await explain();
    const mend = /run: (ALTER TABLE most DETACH PARTITION far);/;
    expect(explanation).toMatchObject({ reason: 'TargetNotSupported', message: expect.stringMatching(mend) });
    await run(admin, mend.exec(explanation!.message)![1]!);
    expect(await explain()).toBeNull();
  });

  it.runIf(version >= 18)('a key WITHOUT OVERLAPS finds no duplicates', async () => {
    await run(
      admin,
      'CREATE TABLE rates (room int4range, valid daterange, PRIMARY KEY (room, valid WITHOUT OVERLAPS))',
    );
    const rates: RecordSchemaSpec = {
      fields: ['room', 'valid'].map((name) => ({ name, type: 'string' })),
      fieldsMatch: 'equal',
      primaryKey: ['room', 'valid'],
      target: {
        table: 'rates',
        create: false,
        onDuplicate: 'Skip',
        columns: ['room', 'valid'].map((name) => ({ name, field: name })),
      },
    };
    const explain = () => withClient(admin, (client) => verifyTarget(client, rates));
    const explanation = await explain();
    const mend = /Run: (CREATE UNIQUE INDEX .*);/;
    expect(explanation).toMatchObject({ reason: 'TargetKeyMissing', message: expect.stringMatching(mend) });
    await run(admin, mend.exec(explanation!.message)![1]!);
    expect(await explain()).toBeNull();
  });

  it.each([
    ['a view', 'CREATE VIEW items AS SELECT 1 AS k', 'TargetTableMissing'],
    [
      'a generated column',
      GOOD.replace('v text', "v text GENERATED ALWAYS AS (k || '') STORED"),
      'TargetColumnMissing',
    ],
  ])('%s is refused', async (_what, sql, reason) => {
    await run(admin, sql);
    expect(await verify(admin)).toMatchObject({ reason });
  });

  it.each(Object.values(STAGES))('a table %s is refused without its schema, and loaded with it', (name) =>
    withClient(admin, async (client) => {
      await migrate(client);
      await client.query(GOOD.replace('items', name));
      const explanation = await verifyTarget(client, itemsSchema(name));
      const mend = /as in (public\.\w+),/;
      expect(explanation).toMatchObject({ reason: 'TargetNameTaken', message: expect.stringMatching(mend) });
      const { target, ...rest } = itemsSchema(mend.exec(explanation!.message)![1]!);
      // This load uses both stages.
      const qualified = {
        ...rest,
        target: { ...target, onDuplicate: 'Update' as const, columns: target.columns.slice(0, 2) },
      };
      expect(await verifyTarget(client, qualified)).toBeNull();
      const described = describeTarget(qualified);
      await prepareSession(client, described);
      const id = await planTestUpload(client, [{ firstRowNumber: 2, recordCount: 2 }]);
      const rows = [2, 3].map((row) => ({ row, values: ['a', `v${row}`] }));
      const transaction = {
        client,
        target: described,
        columnTypes: (await readTargetColumns(client, described)).types,
      };
      await commitChunkGroup(
        { ...transaction, uploadId: id, attempt: 1, strategy: 'optimistic', metadata: {} },
        prepareGroup(id, new Map([[0, rows]])),
      );
      expect((await client.query(`SELECT k, v FROM public.${name}`)).rows).toEqual([{ k: 'a', v: 'v3' }]);
    }),
  );

  it('a table of the ledger’s own schema is refused, by its whole name and by a search path', () =>
    withClient(admin, async (client) => {
      await migrate(client);
      const refused = { reason: 'TargetNameTaken', message: expect.stringContaining('another schema') };
      expect(await prepareTarget(client, itemsSchema('batch_upload.items'))).toMatchObject(refused);
      expect(await verifyTarget(client, itemsSchema('batch_upload.batch_uploads'))).toMatchObject(refused);
      await client.query('SET search_path = batch_upload');
      expect(await verifyTarget(client, itemsSchema('batch_uploads'))).toMatchObject(refused);
    }));

  it.each([
    ['a name that PostgreSQL would cut', { name: 'ü'.repeat(32), field: 'v' }, /63 bytes/],
    ['a column of PostgreSQL itself', { name: 'ctid', field: 'v' }, /ctid has the name/],
    ['the column of the temporary table', { name: 'row of the stage', field: 'v' }, /sort records/],
  ])('%s is refused', async (_what, column, message) => {
    const { target, ...rest } = schema;
    const named = { ...rest, target: { ...target, create: true, columns: [target.columns[0]!, column] } };
    const explanation = await withClient(admin, (client) => prepareTarget(client, named));
    expect(explanation).toMatchObject({ reason: 'TargetNameTaken', message: expect.stringMatching(message) });
  });

  it.each(['date', 'time'])('a datetime for a column of the type %s is refused', async (type) => {
    const { target, ...rest } = schema;
    const dated = { ...rest, fields: [rest.fields[0]!, { ...rest.fields[1]!, type: 'datetime' as const }], target };
    await run(admin, GOOD.replace('v text', `v ${type}`));
    const explanation = await withClient(admin, (client) => verifyTarget(client, dated));
    expect(explanation).toMatchObject({ reason: 'TargetTypeLossy' });
    await run(admin, /run: (ALTER .*);/.exec(explanation!.message)![1]!);
    expect(await withClient(admin, (client) => verifyTarget(client, dated))).toBeNull();
  });

  it('a column _row_number beside the row number that a session keeps itself', () =>
    withClient(admin, async (client) => {
      await client.query('CREATE TABLE numbered (k text PRIMARY KEY, _row_number text)');
      const { target, ...rest } = itemsSchema('numbered');
      const [key, value] = target.columns;
      const numbered = { ...rest, target: { ...target, columns: [key!, { ...value!, name: '_row_number' }] } };
      expect(await verifyTarget(client, numbered)).toBeNull();
      await prepareSession(client, describeTarget(numbered));
    }));

  it.each(['certifications', 'airports'])('the table that is made for the example %s is accepted', async (name) => {
    const example = exampleSchema(name);
    await withClient(admin, async (client) => {
      // Two operators create the table at once, and then one creates it again.
      await withClient(admin, (other) => Promise.all([createTarget(client, example), createTarget(other, example)]));
      await createTarget(client, example);
      expect(await verifyTarget(client, example)).toBeNull();
    });
  });

  it('a role that may not make the ledger gets a message that says so; with the SQL for an administrator it works', async () => {
    const asApp = <T>(work: (client: pg.Client) => Promise<T>) => withClient(app, work);
    await expect(asApp(migrate)).rejects.toMatchObject({
      code: 'DB_MIGRATION',
      message: expect.stringMatching(/print-migrations/),
    });
    await run(admin, await migrationScript());
    await run(
      admin,
      'GRANT USAGE ON SCHEMA batch_upload TO app; GRANT SELECT ON ALL TABLES IN SCHEMA batch_upload TO app',
    );
    expect(await asApp(migrate)).toEqual([]);
    expect(await asApp(ledgerVersion)).toBeGreaterThan(0);
  });
});
