/** Files of the kinds that people reported, on the real runner: rows, failed records, or the reason of the file. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { EXIT_CODES } from '#common/job-contract.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { withClient } from '#support/database/database.ts';
import { REPORTED_FILES, type ReportedFile } from '#support/records/reported-files.ts';
import { type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

let bench: RunnerBench;
beforeAll(async () => {
  bench = await startRunnerBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

/** Every column is a text, so that a row shows the values as the runner read them. */
function schemaOf({ fields, fieldsMatch = 'equal' }: ReportedFile): RecordSchemaSpec {
  const all = fields.map((field) => (typeof field === 'string' ? { name: field, type: 'string' as const } : field));
  const columns = all.map(({ name }, i) => ({ name: `c${i}`, field: name }));
  return {
    fields: all,
    fieldsMatch,
    primaryKey: [all[0]!.name],
    target: {
      table: 'reported',
      create: false,
      onDuplicate: 'Skip',
      columns: [...columns, { name: 'row', system: 'rowNumber' }],
    },
  };
}

async function load(file: ReportedFile) {
  const url = await bench.newDatabase();
  const columns = file.fields.map((_, i) => `c${i} text${i === 0 ? ' PRIMARY KEY' : ''}`).join(', ');
  await withClient(url, (client) => client.query(`CREATE TABLE reported (${columns}, row bigint)`));
  const key = `reported-${Math.random()}`;
  await bench.put(key, file.body);
  const id = await bench.open(url, key, { schema: schemaOf(file), ...(file.format ? { format: file.format } : {}) });
  const { code, log } = await bench.run('plan', url, id);
  return withClient(url, async (client) => {
    const query = async (text: string) => (await client.query({ text, rowMode: 'array' })).rows;
    return {
      code,
      log,
      progress: (await readProgress(client, [id])).get(id)!,
      rows: await query(`SELECT ${file.fields.map((_, i) => `c${i}`).join(', ')}, row::int FROM reported ORDER BY row`),
      errors: await query('SELECT row_number::int, error_code FROM batch_upload.batch_upload_errors ORDER BY 1'),
    };
  });
}

it.each(REPORTED_FILES)('$name', async (file) => {
  const { code, log, progress, rows, errors } = await load(file);
  if (file.fails) {
    const [reason, message] = file.fails;
    expect({ code, reason: progress.failureReason }).toEqual({ code: EXIT_CODES.permanent, reason });
    expect(progress.failureMessage).toMatch(message);
    return;
  }
  expect(code, JSON.stringify(log)).toBe(0);
  expect(errors).toEqual(file.errors ?? []);
  if (file.rows) expect(rows).toEqual(file.rows);
  expect(progress.counts).toMatchObject({ succeeded: rows.length, failed: errors.length });
});
