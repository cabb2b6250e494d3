/**
 * Loads an upload that was made at random, and compares the table, the counts and every failed record with an oracle: the
 * same table in another schema, into which the records are written one after the other by plain SQL.
 */

import type pg from 'pg';
import { expect } from 'vitest';
import { withClient } from '#support/database/database.ts';
import { loadInProcess } from '#support/runner/load-in-process.ts';
import { type RandomRecord, type RandomUpload, randomUpload } from './random-upload.ts';

interface Oracle {
  counts: { processed: number; succeeded: number; failed: number; duplicate: number; updated: number };
  /** The row numbers of records that fail, and of those that lose to an equal key. */
  refused: number[];
  lost: number[];
  table: unknown[];
}

/** @param url a database with a ledger and the collation `nocase` in the schema public */
export async function checkWholeUpload(url: string, seed: number): Promise<void> {
  const upload = randomUpload(seed);
  const oracle = await withClient(url, (client) => runOracle(client, upload));
  const before = await withClient(url, async (client) => {
    await client.query(`DROP SCHEMA IF EXISTS target CASCADE; CREATE SCHEMA target; SET search_path = target, public;
      ${upload.ddl('')}`);
    return readTable(client, upload);
  });
  const { schema, key, file, mode, chunkRecords, pods, sessions, policy, owner } = upload;
  const qualified = { ...schema, target: { ...schema.target, table: 'target.items' } };
  const load = { schema: qualified, key, file, mode, chunkRecords, pods, sessions };
  const result = await loadInProcess(url, load).catch((error) => {
    throw new Error(`seed ${seed}: ${error}`, { cause: error });
  });
  if (result.refused) throw new Error(`seed ${seed}: ${result.refused.message}`);
  const { target, ...fields } = {
    target: schema.target.columns.length,
    policy,
    owner,
    mode,
    chunkRecords,
    pods,
    sessions,
  };
  const what = `seed ${seed}, ${target} columns, ${JSON.stringify(fields)}, ${upload.ddl('')}`;
  expect(result.progress.counts, what).toEqual(oracle.counts);
  const rowsOf = (code: string) => result.errors.filter((error) => error.code === code).map(({ row }) => row);
  expect(rowsOf('DB_001'), what).toEqual(oracle.refused);
  const table = await withClient(url, async (client) => {
    await client.query('SET search_path = target, public');
    return readTable(client, upload);
  });
  if (mode === 'Validate') expect(table, what).toEqual(before);
  // Without owner columns Skip and Fail keep the record that was committed first.
  const isOrdered = owner || policy === 'Update' || mode === 'Validate' || pods * sessions === 1;
  if (!isOrdered) return;
  expect(rowsOf('DUP_001'), what).toEqual(oracle.lost);
  if (mode === 'Commit') expect(table, what).toEqual(oracle.table);
}

/** A trigger of the record before may have left other settings. */
const SETTINGS_SQL = "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'";

async function readTable(client: pg.Client, { owner }: RandomUpload): Promise<unknown[]> {
  await client.query(SETTINGS_SQL);
  const { rows } = await client.query(
    `SELECT to_jsonb(i) - '{touched,upload,oracle_row,oracle_before}'::text[] AS row FROM items i
     ORDER BY k::text COLLATE "C", to_jsonb(i)->>'k2'`,
  );
  return rows.map(({ row }) => (owner ? { ...row, row: row.row ?? null } : row));
}

async function runOracle(client: pg.Client, upload: RandomUpload): Promise<Oracle> {
  await client.query(`${SETTINGS_SQL}; DROP SCHEMA IF EXISTS oracle CASCADE; CREATE SCHEMA oracle;
    SET search_path = oracle, public; ${upload.ddl(', oracle_row integer DEFAULT 0, oracle_before integer')}`);
  const refused: number[] = [];
  const lost: number[] = [];
  let updated = 0;
  for (const [i, record] of upload.records.entries()) {
    const row = upload.firstRow + i;
    const end = record.altered ? 'refused' : await writeRecord(client, upload, { record, row });
    if (end === 'refused') refused.push(row);
    else if (end === 'lost') lost.push(row);
    else if (end === 0) updated += 1;
    else if (end !== null) lost.push(end);
  }
  lost.sort((a, b) => a - b);
  const processed = upload.records.length;
  const asFailed = upload.policy === 'Fail' ? lost.length : 0;
  const counts = {
    processed,
    succeeded: processed - refused.length - lost.length,
    failed: refused.length + asFailed,
    duplicate: lost.length - asFailed,
    updated,
  };
  return { counts, refused, lost, table: await readTable(client, upload) };
}

/**
 * Writes one record.
 * @returns the row number of the record whose row was replaced, 0 for a stored row, null when the record has a new key
 */
async function writeRecord(
  client: pg.Client,
  upload: RandomUpload,
  { record, row }: { record: RandomRecord; row: number },
): Promise<'refused' | 'lost' | number | null> {
  const { schema, keyColumns, identityKey, policy, owner, sqlOf } = upload;
  const names = [...schema.fields.map(({ name }) => name), 'oracle_row', ...(owner ? ['row'] : [])];
  const texts = schema.fields.map(({ name }) => record.values[name] || null);
  const values = [...texts, row, ...(owner ? [row] : [])];
  await client.query(SETTINGS_SQL);
  const list = names.map((name, i) => (sqlOf[name] ?? '$1').replace('$1', `$${i + 1}`)).join(', ');
  const insert = `INSERT INTO items AS t (${names.join(', ')}) OVERRIDING SYSTEM VALUE VALUES (${list})`;
  const written = names.filter((name) => !(identityKey && name === 'k'));
  const set = written.map((name) => `${name} = EXCLUDED.${name}`).join(', ');
  const conflict =
    policy === 'Update'
      ? `ON CONFLICT (${keyColumns.join(', ')}) DO UPDATE SET ${set}, oracle_before = t.oracle_row`
      : `ON CONFLICT (${keyColumns.join(', ')}) DO NOTHING`;
  await client.query('BEGIN');
  try {
    const result = await client.query(`${insert} ${conflict} RETURNING oracle_before`, values);
    const again = result.rowCount === 0 && policy !== 'Update' ? await client.query(insert, values) : result;
    await client.query(again.rowCount === 0 ? 'ROLLBACK' : 'COMMIT');
    return again.rowCount === 0 ? 'refused' : (result.rows[0].oracle_before ?? null);
  } catch (error) {
    await client.query('ROLLBACK');
    const { code, constraint } = error as pg.DatabaseError;
    return code === '23505' && constraint?.endsWith('_pkey') ? 'lost' : 'refused';
  }
}
