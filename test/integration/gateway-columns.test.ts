/** What people have chosen for the columns of a header is proposed for the next file with such a header. */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { headerKey } from '#api/visible-name.ts';
import { MOST_CHOICES } from '#ledger/gateway/column-choices.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { type CallOptions, startUploadsGateway, type UploadsGateway } from '#support/gateway/uploads-gateway.ts';

const HEADER = ['Name of the person', 'Comment'];
const COLUMNS = [
  { name: 'Name of the person', field: 'k' },
  { name: 'Comment', ignore: true },
];

const hashOf = (header: readonly string[]) => createHash('sha256').update(headerKey(header)).digest('hex');

let server: Postgres;
let gateway: UploadsGateway;
let url: string;
beforeAll(async () => {
  server = await startPostgres({ version: 18, settings: { fsync: 'off' } });
  url = await createLedgerDatabase(server);
  gateway = await startUploadsGateway({ databaseUrl: url });
  gateway.putSchema('people');
  gateway.putSchema('staff');
});
afterEach(() => {
  gateway.allow(() => true);
  return withClient(url, (client) => client.query('DELETE FROM batch_upload.batch_upload_column_choices'));
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await server.stop();
});

const put = (body: object, { schema = 'people', ...options }: CallOptions & { schema?: string } = {}) =>
  gateway.call('PUT', `/schemas/${schema}/columns`, { ...options, body });
const get = (header: readonly string[], { schema = 'people', ...options }: CallOptions & { schema?: string } = {}) =>
  gateway.call('GET', `/schemas/${schema}/columns?header=${hashOf(header)}`, options);

describe('a choice', () => {
  it('is proposed for the same header, whoever sends it, and says who made it and when', async () => {
    expect((await get(HEADER)).body).toEqual({ header: hashOf(HEADER), columns: null });
    const kept = await put({ header: HEADER, columns: COLUMNS });
    const expected = { header: hashOf(HEADER), columns: COLUMNS, chosenBy: 'alice', chosenAt: expect.any(String) };
    expect([kept.status, kept.body]).toEqual([200, expected]);
    expect(Math.abs(Date.now() - Date.parse(kept.body.chosenAt))).toBeLessThan(60_000);
    expect((await get(HEADER, { user: 'bob' })).body).toEqual(kept.body);
  });

  it('is that of the names as a person sees them, in any order', async () => {
    await put({ header: HEADER, columns: COLUMNS });
    for (const same of [
      ['Comment', 'Name of the person'],
      ['\ufeffName of the person ', 'Com\u00adment', '', ' '],
    ]) {
      expect((await get(same)).body.columns).toEqual(COLUMNS);
    }
    for (const other of [['Comment'], ['name of the person', 'Comment'], [...HEADER, 'x']])
      expect((await get(other)).body.columns).toBeNull();
  });

  it('belongs to its schema and its namespace', async () => {
    await put({ header: HEADER, columns: COLUMNS });
    expect((await get(HEADER, { schema: 'staff' })).body.columns).toBeNull();
    const elsewhere = await gateway.call('GET', `/schemas/people/columns?header=${hashOf(HEADER)}`, {
      namespace: 'other',
    });
    expect(elsewhere.status).toBe(404);
    await put({ header: HEADER, columns: [] }, { schema: 'staff' });
    expect((await get(HEADER)).body.columns).toEqual(COLUMNS);
  });

  it('takes the place of the one before; the same once more changes nothing', async () => {
    await put({ header: HEADER, columns: COLUMNS });
    await put({ header: HEADER, columns: COLUMNS });
    const columns = [{ name: 'Comment', field: 'v' }];
    await put({ header: HEADER, columns }, { user: 'bob' });
    expect((await get(HEADER)).body).toMatchObject({ columns, chosenBy: 'bob' });
    const { rows } = await withClient(url, (client) =>
      client.query('SELECT count(*)::int AS rows FROM batch_upload.batch_upload_column_choices'),
    );
    expect(rows).toEqual([{ rows: 1 }]);
  });

  it('that several people make at once is that of one of them', async () => {
    const choices = ['k', 'v'].map((field) => [{ name: 'Comment', field }]);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => put({ header: HEADER, columns: choices[i % 2] })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(choices).toContainEqual((await get(HEADER)).body.columns);
  });

  it('leaves out fields that the schema has lost since', async () => {
    gateway.putSchema('changing');
    await put({ header: HEADER, columns: [{ name: 'Comment', field: 'v' }, COLUMNS[0]] }, { schema: 'changing' });
    const fields = [{ name: 'k', type: 'string' }];
    gateway.putSchema('changing', { spec: { fields, target: { table: 'items', columns: [] } } } as never);
    await expect.poll(async () => (await get(HEADER, { schema: 'changing' })).body.columns).toEqual([COLUMNS[0]]);
  });

  it('keeps names that PostgreSQL cannot store, in any database', async () => {
    const header = ['Größe in €', '日本', 'NUL \u0000', 'half \ud800'];
    const columns = header.map((name) => ({ name, ignore: true }));
    await withClient(server.url, (client) =>
      client.query("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"),
    );
    const latin = server.url.replace(/\/postgres$/, '/latin');
    const own = await startUploadsGateway({ databaseUrl: latin });
    try {
      own.putSchema('people');
      for (const each of [own, gateway]) {
        expect((await each.call('PUT', '/schemas/people/columns', { body: { header, columns } })).status).toBe(200);
        const found = await each.call('GET', `/schemas/people/columns?header=${hashOf(header)}`);
        expect(found.body.columns).toEqual(columns);
      }
    } finally {
      await own[Symbol.asyncDispose]();
    }
  });
});

describe('is refused', () => {
  it.each([
    ['a field that the schema does not have', [{ name: 'Comment', field: 'colour' }], /does not have/],
    ['a field twice', COLUMNS.map(({ name }) => ({ name, field: 'k' })), /two columns are to be the field k/],
    ['a column twice', [COLUMNS[1], { name: 'Comment\u200b', field: 'k' }], /Comment is there twice/],
    ['neither a field nor ignore', [{ name: 'Comment' }], /needs either a field or ignore/],
    ['both', [{ name: 'Comment', field: 'k', ignore: true }], /needs either a field or ignore/],
    ['a column that the header does not have', [{ name: 'x', ignore: true }], /header has no column x/],
  ])('%s', async (_what, columns, why) => {
    const { status, body } = await put({ header: HEADER, columns });
    expect([status, body.detail]).toEqual([422, expect.stringMatching(why)]);
    expect(body.errors).toEqual([expect.objectContaining({ pointer: '/columns' })]);
    expect((await get(HEADER)).body.columns).toBeNull();
  });

  it('what is too large, what is malformed, and a schema that is not there', async () => {
    const many = Array.from({ length: 1001 }, (_, i) => `c${i}`);
    expect((await put({ header: many, columns: [] })).status).toBe(400);
    expect((await put({ header: [], columns: [] })).status).toBe(400);
    expect((await put({ header: ['x'.repeat(1025)], columns: [] })).status).toBe(400);
    const large = Array.from({ length: 1000 }, (_, i) => `${i}`.padEnd(300, 'x'));
    expect((await put({ header: large, columns: [] })).status).toBe(413);
    expect((await put({ header: HEADER, columns: [] }, { schema: 'missing' })).status).toBe(404);
    expect((await gateway.call('GET', '/schemas/people/columns?header=x')).status).toBe(400);
    expect((await gateway.call('GET', '/schemas/people/columns')).status).toBe(400);
  });
});

describe('rights', () => {
  it('need those of who sends files', async () => {
    const asked: string[] = [];
    gateway.allow(({ resourceAttributes: { verb, resource, name } }) => {
      asked.push(`${verb} ${resource} ${name}`);
      return false;
    });
    expect((await put({ header: HEADER, columns: [] }, { user: 'carol' })).status).toBe(403);
    expect((await get(HEADER, { user: 'dave' })).status).toBe(403);
    expect(new Set(asked)).toEqual(new Set(['create batchuploads undefined']));
  });

  it('the user is named to those alone who may list uploads', async () => {
    await put({ header: HEADER, columns: COLUMNS }, { user: 'partner-a' });
    gateway.allow(({ resourceAttributes: { verb } }) => verb === 'create');
    const other = (await get(HEADER, { user: 'partner-b' })).body;
    expect(other).toMatchObject({ columns: COLUMNS });
    expect(JSON.stringify(other)).not.toContain('partner-a');
    expect((await get(HEADER, { user: 'partner-a' })).body.chosenBy).toBe('partner-a');
  });
});

it('a namespace keeps the newest choices alone', async () => {
  await withClient(url, (client) =>
    client.query(
      `INSERT INTO batch_upload.batch_upload_column_choices
       SELECT 'cluster', 'n', 'people', lpad(i::text, 64, '0'), '[]', 'u', now() - make_interval(mins => i)
       FROM generate_series(1, $1::int) i`,
      [MOST_CHOICES + 50],
    ),
  );
  await put({ header: HEADER, columns: COLUMNS });
  const { rows } = await withClient(url, (client) =>
    client.query(
      `SELECT count(*)::int AS rows, min(chosen_at) > now() - make_interval(mins => $1) AS "areNew"
       FROM batch_upload.batch_upload_column_choices`,
      [MOST_CHOICES],
    ),
  );
  expect(rows).toEqual([{ rows: MOST_CHOICES, areNew: true }]);
  expect((await get(HEADER)).body.columns).toEqual(COLUMNS);
});

it('says that the database is away', async () => {
  const away = await startUploadsGateway({ databaseUrl: 'postgres://nobody@127.0.0.1:1/nothing' });
  try {
    away.putSchema('people');
    const { status, body } = await away.call('PUT', '/schemas/people/columns', {
      body: { header: HEADER, columns: [] },
    });
    expect([status, body.detail]).toEqual([503, expect.stringContaining('send the request again')]);
  } finally {
    await away[Symbol.asyncDispose]();
  }
});
