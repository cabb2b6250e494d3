/** Foreign keys of many forms: what may wait is loaded in the end, and what refers to nothing fails by name. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { loadByIndexes } from '#support/runner/load-by-indexes.ts';

type Target = RecordSchemaSpec['target'];

/** A schema whose columns have the names of its fields; the first one is the key. */
function schemaOf(names: readonly string[], change: Partial<Target> = {}): RecordSchemaSpec {
  return {
    fields: names.map((name) => ({ name, type: 'string' })),
    fieldsMatch: 'equal',
    primaryKey: [names[0]!],
    target: {
      ...{ table: 'nodes', create: false, onDuplicate: 'Skip' },
      columns: names.map((name) => ({ name, field: name })),
      ...change,
    },
  };
}

interface Case {
  what: string;
  ddl: string;
  file: string;
  /** The ids that are in the table at the end. */
  loaded: string[];
  /** The constraint that refused a row, by row number. */
  refused?: Record<number, string>;
  target?: Partial<Target>;
  updated?: number;
}

const CASES: Case[] = [
  {
    what: 'deferrable, and deferred until the commit',
    ddl: 'CREATE TABLE nodes (id text PRIMARY KEY, p text CONSTRAINT fk REFERENCES nodes DEFERRABLE INITIALLY DEFERRED)',
    file: 'id,p\na,b\nb,c\nc,\nd,x\n',
    loaded: ['a', 'b', 'c'],
    refused: { 5: 'fk' },
  },
  {
    what: 'two columns, of which one may be empty',
    ddl: `CREATE TABLE nodes (id text PRIMARY KEY, a text, b text, pa text, pb text, UNIQUE (a, b),
      CONSTRAINT fk FOREIGN KEY (pa, pb) REFERENCES nodes (a, b))`,
    file: 'id,a,b,pa,pb\n1,x,y,u,v\n2,q,r,u,\n3,u,v,,\n4,k,l,v,u\n',
    loaded: ['1', '2', '3'],
    refused: { 5: 'fk' },
  },
  {
    what: 'two columns, both or none of which are empty',
    ddl: `CREATE TABLE nodes (id text PRIMARY KEY, a text, b text, pa text, pb text, UNIQUE (a, b),
      CONSTRAINT fk FOREIGN KEY (pa, pb) REFERENCES nodes (a, b) MATCH FULL)`,
    file: 'id,a,b,pa,pb\n1,x,y,u,v\n2,q,r,u,\n3,u,v,,\n',
    loaded: ['1', '3'],
    refused: { 3: 'fk' },
  },
  {
    what: 'a column of another type',
    ddl: 'CREATE TABLE nodes (id bigint PRIMARY KEY, p integer CONSTRAINT fk REFERENCES nodes)',
    file: 'id,p\n1,2\n2,3\n3,\n4,5\n',
    loaded: ['1', '2', '3'],
    refused: { 5: 'fk' },
  },
  {
    what: 'two references',
    ddl: `CREATE TABLE nodes (id text PRIMARY KEY, p text CONSTRAINT first REFERENCES nodes,
      q text CONSTRAINT second REFERENCES nodes)`,
    file: 'id,p,q\na,b,c\nb,,c\nc,a,b\nd,a,x\ne,x,a\nf,x,x\n',
    loaded: ['a', 'b', 'c'],
    refused: { 5: 'second', 6: 'first', 7: 'first' },
  },
  {
    what: 'another table',
    ddl: `CREATE TABLE others (id text PRIMARY KEY); INSERT INTO others VALUES ('o');
      CREATE TABLE nodes (id text PRIMARY KEY, p text CONSTRAINT fk REFERENCES others)`,
    file: 'id,p\na,o\nb,x\nc,\nd,y\n',
    loaded: ['a', 'c'],
    refused: { 3: 'fk', 5: 'fk' },
  },
  {
    what: 'partitions',
    ddl: `CREATE TABLE nodes (id text PRIMARY KEY, p text CONSTRAINT fk REFERENCES nodes) PARTITION BY HASH (id);
      CREATE TABLE n0 PARTITION OF nodes FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE n1 PARTITION OF nodes FOR VALUES WITH (MODULUS 2, REMAINDER 1)`,
    file: 'id,p\na,b\nb,c\nc,d\nd,a\ne,x\n',
    loaded: ['a', 'b', 'c', 'd'],
    refused: { 6: 'fk' },
  },
  {
    what: 'a stored row that is replaced',
    ddl: `CREATE TABLE nodes (id text PRIMARY KEY, p text CONSTRAINT fk REFERENCES nodes);
      INSERT INTO nodes VALUES ('a'), ('b')`,
    file: 'id,p\na,c\nb,x\nc,\n',
    target: { onDuplicate: 'Update' },
    loaded: ['a', 'b', 'c'],
    refused: { 3: 'fk' },
    updated: 1,
  },
  {
    what: 'a trigger that changes what is referred to',
    ddl: `CREATE TABLE nodes (id text PRIMARY KEY, p text CONSTRAINT fk REFERENCES nodes);
      CREATE FUNCTION lower_p() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.p := lower(NEW.p); RETURN NEW; END $$;
      CREATE TRIGGER lower_p BEFORE INSERT ON nodes FOR EACH ROW EXECUTE FUNCTION lower_p()`,
    file: 'id,p\na,B\nb,C\nc,\nd,X\n',
    loaded: ['a', 'b', 'c'],
    refused: { 5: 'fk' },
  },
  {
    what: 'names with quotes and spaces, and a record that a check refuses once its reference is there',
    ddl: `CREATE TABLE nodes (id text PRIMARY KEY, "the ""parent""" text CONSTRAINT "a ""key""" REFERENCES nodes,
      CONSTRAINT no_bad CHECK (id <> 'bad'))`,
    file: 'id,"the ""parent"""\nbad,a\nb,a\nc,bad\na,\n',
    loaded: ['a', 'b'],
    refused: { 2: 'no_bad', 4: 'a "key"' },
  },
];

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

  const sql = async <T extends object>(text: string): Promise<T[]> =>
    withClient(url, async (client) => (await client.query(text)).rows as T[]);

  async function expectCase({ file, loaded, refused = {}, target, updated = 0 }: Case, chunkRecords: number, as = url) {
    const schema = schemaOf(file.split('\n')[0]!.split(',').map(unquoted), target);
    const { status, counts } = await loadByIndexes(as, { schema, file, chunkRecords });
    expect(await sql('SELECT id::text FROM nodes ORDER BY 1')).toEqual(loaded.map((id) => ({ id })));
    const errors = await sql<{ row: number; message: string }>(
      'SELECT row_number::int AS row, error_message AS message FROM batch_upload.batch_upload_errors ORDER BY 1',
    );
    const named = errors.map(({ row, message }) => [row, message.replace(/.*, constraint /, '')]);
    expect(Object.fromEntries(named)).toEqual(refused);
    const records = file.trimEnd().split('\n').length - 1;
    const failed = Object.keys(refused).length;
    expect({ status, counts }).toEqual({
      status: 'Complete',
      counts: { processed: records, succeeded: records - failed, failed, duplicate: 0, updated },
    });
  }

  describe.each([1000, 1])('%i records a chunk', (chunkRecords) => {
    it.each(CASES)('$what', async (each) => {
      await sql(each.ddl);
      await expectCase(each, chunkRecords);
    });

    it('a table that the role may not read', async () => {
      await sql(`CREATE TABLE others (id text PRIMARY KEY); INSERT INTO others VALUES ('o');
        CREATE TABLE nodes (id text PRIMARY KEY, p text CONSTRAINT own REFERENCES nodes,
          o text CONSTRAINT fk REFERENCES others);
        GRANT SELECT, INSERT ON nodes TO app; GRANT USAGE ON SCHEMA batch_upload TO app;
        GRANT ALL ON ALL TABLES IN SCHEMA batch_upload TO app`);
      const file = 'id,p,o\na,b,o\nb,c,\nc,a,o\nd,,x\ne,d,o\nf,f,y\n';
      const each = { what: '', ddl: '', file, loaded: ['a', 'b', 'c'], refused: { 5: 'fk', 6: 'own', 7: 'fk' } };
      await expectCase(each, chunkRecords, url.replace('postgres:postgres@', 'app:app@'));
    });
  });
});

const unquoted = (name: string) => name.replace(/^"(.*)"$/, '$1').replaceAll('""', '"');
