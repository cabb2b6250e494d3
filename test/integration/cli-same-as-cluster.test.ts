/** Odd files of the public give the same counts, rows, failed records and faults by `batch-upload load` and by a pod. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { readSchema } from '#cli/schema/read-schema.ts';
import { completeUpload } from '#ledger/uploads/finish-upload.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { prepareTarget } from '#runner/target/prepare-target.ts';
import { callProgram } from '#support/cli/call-program.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { type RunnerBench, startRunnerBench } from '#support/runner/runner.ts';

const FILES = join(import.meta.dirname, '../fixtures/files');
const NAMES = (await readdir(FILES)).sort();

let folder: string;
let bench: RunnerBench;
/** A database each, with a table for each file. */
let ofPods: string;
let ofLoad: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-upload-same-'));
  bench = await startRunnerBench({ settings: { fsync: 'off' } });
  ofPods = await bench.newDatabase();
  ofLoad = await createDatabase(bench.postgres);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** The schema that the command line proposes; for a file that it cannot read, two texts by a likely name. */
async function schemaOf(name: string, table: string): Promise<RecordSchemaSpec> {
  const { stdout } = await callProgram('infer', join(FILES, name), '--table', table);
  const proposal = readSchema(stdout);
  if (proposal.ok) return proposal.spec;
  const fallback = readSchema(
    `fields: [{ name: id }, { name: name }]
fieldsMatch: subset
primaryKey: [id]
target: { table: ${table}, create: true, columns: [{ name: id, field: id }, { name: name, field: name }] }`,
  );
  if (!fallback.ok) throw new Error(JSON.stringify(fallback));
  return fallback.spec;
}

/** All that a load has left, but for ids, times and the place of the file. */
async function outcomeOf(url: string, id: string, { target }: RecordSchemaSpec) {
  const columns = target.columns.filter(({ field, system }) => field !== undefined || system === 'rowNumber');
  const list = columns.map(({ name }) => `"${name}"`).join(', ');
  return withClient(url, async (client) => {
    const { status, counts, totalRecords, format, failureReason, failureMessage } = (
      await readProgress(client, [id])
    ).get(id)!;
    const rows = await client.query(`SELECT ${list} FROM ${target.table} AS t ORDER BY t.*::text COLLATE "C"`);
    const errors = await client.query(
      `SELECT row_number, error_code, error_message, faults, byte_offset, byte_length, row_data
       FROM batch_upload.batch_upload_errors WHERE batch_upload_id = $1 ORDER BY row_number`,
      [id],
    );
    const stored = rows.rows.map((row) => JSON.stringify(row)).sort();
    return { status, counts, totalRecords, format, failureReason, failureMessage, rows: stored, errors: errors.rows };
  });
}

async function loadByPods(name: string, schema: RecordSchemaSpec) {
  await bench.put(name, await readFile(join(FILES, name)));
  await withClient(ofPods, (client) => prepareTarget(client, schema));
  const id = await bench.open(ofPods, name, { schema });
  const { code } = await bench.run('plan', ofPods, id);
  if (code === 0) await withClient(ofPods, (client) => completeUpload(client, id));
  return outcomeOf(ofPods, id, schema);
}

async function loadByCommand(name: string, schema: RecordSchemaSpec) {
  const path = join(folder, `${name}.yaml`);
  await writeFile(path, JSON.stringify(schema));
  const spool = ['--spool', join(folder, 'spool')];
  const end = await callProgram('load', join(FILES, name), '-s', path, '-d', ofLoad, '-o', 'json', ...spool);
  expect(end.stderr).not.toMatch(/defect/);
  const { rows } = await withClient(ofLoad, (client) =>
    client.query<{ id: string }>(`SELECT id FROM batch_upload.batch_uploads ORDER BY created_at DESC LIMIT 1`),
  );
  const outcome = await outcomeOf(ofLoad, rows[0]!.id, schema);
  expect(end.code).toBe(outcome.status === 'Failed' ? 2 : outcome.counts.failed > 0 ? 1 : 0);
  return outcome;
}

it('there are files', () => expect(NAMES.length).toBeGreaterThan(50));

it.each(NAMES)('%s', async (name) => {
  const schema = await schemaOf(name, `t_${NAMES.indexOf(name)}`);
  expect(await loadByCommand(name, schema)).toEqual(await loadByPods(name, schema));
});
