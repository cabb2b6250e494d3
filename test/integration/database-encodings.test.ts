/** In a database that is not in UTF-8, records fail whose characters it does not have, and their reports are stored. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseFault } from '#ledger/connection/postgres.ts';
import { migrate } from '#ledger/migrate.ts';
import { failUpload } from '#ledger/uploads/finish-upload.ts';
import { readTopErrors } from '#ledger/uploads/read-progress.ts';
import { withClient } from '#support/database/database.ts';
import { ITEMS_SCHEMA, ITEMS_TABLE, openTestUpload } from '#support/database/ledger.ts';
import { progressOf } from '#support/runner/expect-exact.ts';
import { type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

let bench: RunnerBench;
beforeAll(async () => {
  bench = await startRunnerBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

async function newDatabase(encoding: string): Promise<string> {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  await withClient(bench.postgres.url, (client) =>
    client.query(`CREATE DATABASE ${name} ENCODING '${encoding}' LOCALE 'C' TEMPLATE template0`),
  );
  const url = bench.postgres.url.replace(/\/postgres$/, `/${name}`);
  await withClient(url, async (client) => {
    await migrate(client);
    await client.query(ITEMS_TABLE.replace('varchar(20)', 'text'));
  });
  return url;
}

const errorsOf = (url: string) =>
  withClient(url, async (client) => {
    const { rows } = await client.query(`SELECT row_number::int AS row, error_code AS code, error_message AS message,
      faults->0->>'message' AS "inFaults", row_data AS text FROM batch_upload.batch_upload_errors ORDER BY 1`);
    return rows;
  });

/** The records of the file, each with the text that is kept of it in a database whose encoding has the characters é, … */
const FILE = 'k,v,имя\na,Zoë,1\nb,€5,2\nc,日本,3\nd,😀,4\ne,,5\n';
const schema = {
  ...ITEMS_SCHEMA,
  fieldsMatch: 'subset' as const,
  fields: [ITEMS_SCHEMA.fields[0]!, { name: 'v', type: 'string' as const, constraints: { required: true } }],
};

describe.each<[encoding: string, refused: Record<number, string>]>([
  ['UTF8', {}],
  ['SQL_ASCII', {}],
  ['LATIN1', { 3: 'b,\\u20ac5,2', 4: 'c,\\u65e5\\u672c,3', 5: 'd,\\ud83d\\ude00,4' }],
  ['WIN1252', { 4: 'c,\\u65e5\\u672c,3', 5: 'd,\\ud83d\\ude00,4' }],
  ['EUC_JP', { 3: 'b,\\u20ac5,2', 5: 'd,\\ud83d\\ude00,4' }],
])('%s', (encoding, refused) => {
  it.each(['Commit', 'Validate'] as const)('mode %s', async (mode) => {
    const url = await newDatabase(encoding);
    await bench.put(`${encoding}.csv`, FILE);
    const id = await bench.open(url, `${encoding}.csv`, { schema, request: { mode } });
    expect(await bench.run('plan', url, id)).toMatchObject({ code: 0 });
    const errors = await errorsOf(url);
    expect(Object.fromEntries(errors.map(({ row, text }) => [row, text]))).toEqual({ ...refused, 6: 'e,,5' });
    for (const { row, code, message, inFaults } of errors) {
      expect(code).toBe(row === 6 ? 'VAL_001' : 'DB_001');
      expect(inFaults).toBe(message);
      if (row !== 6) expect(message).toMatch(/encoding of the database \(22P05\), column v$|\(22P05\)/);
    }
    const failed = errors.length;
    expect((await progressOf(url, id)).counts).toMatchObject({ processed: 5, succeeded: 5 - failed, failed });
  });
});

it('what the database cannot store is escaped, and what it can store is kept, in every text of a report', async () => {
  const url = await newDatabase('LATIN1');
  await withClient(url, async (client) => {
    const message = `Müller … имя \0 ${'\ud83d'} \\`;
    const id = await openTestUpload(client);
    await failUpload(client, { id }, { reason: 'Test', message });
    const { rows } = await client.query('SELECT failure_message AS text FROM batch_upload.batch_uploads');
    expect(rows[0]!.text).toBe('Müller \\u2026 \\u0438\\u043c\\u044f \\u0000 \\ud83d \\');
    expect(await readTopErrors(client, id)).toEqual([]);
  });
});

it('a header that the schema does not know is named, whatever its characters', async () => {
  const url = await newDatabase('LATIN1');
  await bench.put('header.csv', 'k,v,имя\na,b,c\n');
  const id = await bench.open(url, 'header.csv', { schema: ITEMS_SCHEMA });
  expect(await bench.run('plan', url, id)).toMatchObject({ code: 40 });
  const { rows } = await withClient(url, (client) =>
    client.query('SELECT failure_message AS m FROM batch_upload.batch_uploads'),
  );
  expect(rows[0]!.m).toContain('\\u0438\\u043c\\u044f');
});

it('a schema that the database cannot store is refused with what to do', async () => {
  const url = await newDatabase('LATIN1');
  const fields = [ITEMS_SCHEMA.fields[0]!, { ...ITEMS_SCHEMA.fields[1]!, title: 'имя' }];
  await withClient(url, async (client) => {
    const error = await openTestUpload(client, { schema: { ...ITEMS_SCHEMA, fields } as typeof ITEMS_SCHEMA }).catch(
      (e) => e,
    );
    expect(databaseFault(error)).toMatchObject({
      code: 'DB_22P05',
      message: expect.stringContaining('database in UTF8'),
    });
  });
});
