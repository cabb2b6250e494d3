/**
 * The part of an accept that needs the database: ledger migrated, target in order, then the row with the pinned schema.
 * Every step can be repeated; what cannot go on is an explanation, not an error.
 */
import pg from 'pg';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { BatchUpload } from '#api/resources.ts';
import { Fault } from '#common/faults.ts';
import type { Database } from '#ledger/client/database.ts';
import { sqlState } from '#ledger/connection/postgres.ts';
import { latestVersion, ledgerVersion, migrate } from '#ledger/migrate.ts';
import type { UploadRequest } from '#ledger/types.ts';
import { openUpload } from '#ledger/uploads/open-upload.ts';
import { createTableSql, createTarget } from '#runner/target/create-target.ts';
import { tableMissing, verifyTarget } from '#runner/target/verify-target.ts';
import type { Explanation } from './types.ts';

export interface AcceptInput {
  upload: BatchUpload;
  clusterId: string;
  schema: RecordSchemaSpec;
  database: Database;
  /** Connection of a role that may change the ledger's schema, when there is a Secret for it. */
  findMigrator: () => Promise<pg.ClientConfig | null>;
}

/** @returns null when the upload is accepted. @throws Fault */
export async function acceptUpload(input: AcceptInput): Promise<Explanation | null> {
  const { database, schema } = input;
  return (
    (await prepareLedger(input)) ??
    (await database.run((client) => prepareTarget(client, schema))) ??
    (await database.run((client) => open(client, input)))
  );
}

/** Brings the ledger up to date, with the rights that the upload's role needs. */
export async function prepareLedger({
  database,
  findMigrator,
}: Pick<AcceptInput, 'database' | 'findMigrator'>): Promise<Explanation | null> {
  const latest = await latestVersion();
  const missing = await database.run((client) => isBehind(client, latest));
  if (missing) {
    const migrator = await findMigrator();
    if (migrator === null) await database.run((client) => migrate(client));
    else await migrateAs(migrator, await database.run(currentUser));
  }
  return database.run(checkLedgerRights);
}

async function isBehind(client: pg.ClientBase, latest: number): Promise<boolean> {
  try {
    return (await ledgerVersion(client)) < latest;
  } catch (error) {
    // The schema is there and closed to this role: what follows says so.
    if (sqlState(error) === '42501') return false;
    throw error;
  }
}

async function currentUser(client: pg.ClientBase): Promise<string> {
  const result = await client.query<{ name: string }>('SELECT current_user AS name');
  return result.rows[0]!.name;
}

/** As another role, which then lets the upload's role use what it made. */
async function migrateAs(config: pg.ClientConfig, user: string): Promise<void> {
  const client = new pg.Client({ ...config, statement_timeout: 60_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await migrate(client);
    await client.query(grantSql(user));
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Inserting into an identity column needs no right on its sequence. */
export function grantSql(user: string): string {
  const role = pg.escapeIdentifier(user);
  return `GRANT USAGE ON SCHEMA batch_upload TO ${role}; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA batch_upload TO ${role}; GRANT DELETE ON batch_upload.batch_upload_keys TO ${role};`;
}

async function checkLedgerRights(client: pg.ClientBase): Promise<Explanation | null> {
  const result = await client.query<{ user: string; usable: boolean }>(
    `SELECT current_user AS "user", has_schema_privilege('batch_upload', 'USAGE') AND bool_and(
       has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
       AND (c.relname NOT IN ('batch_uploads', 'batch_upload_chunks', 'batch_upload_keys',
         'batch_upload_arrivals') OR has_table_privilege(c.oid, 'UPDATE'))
       AND (c.relname <> 'batch_upload_keys' OR has_table_privilege(c.oid, 'DELETE'))) AS usable
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'batch_upload' AND c.relkind = 'r' AND c.relname LIKE 'batch\\_upload%'`,
  );
  const row = result.rows[0];
  if (row?.usable) return null;
  return {
    reason: 'DatabaseAccessDenied',
    message: `The role ${row?.user ?? 'of the Secret'} may not use the ledger in the schema batch_upload. Run as its owner: ${grantSql(row?.user ?? '…')}`,
  };
}

export async function prepareTarget(client: pg.ClientBase, schema: RecordSchemaSpec): Promise<Explanation | null> {
  const wrong = await verifyTarget(client, schema);
  if (wrong === null || wrong.reason !== 'TargetTableMissing' || !schema.target.create) return wrong;
  try {
    await createTarget(client, schema);
  } catch (error) {
    return createRefused(schema, sqlState(error)) ?? Promise.reject(error);
  }
  return verifyTarget(client, schema);
}

function createRefused(schema: RecordSchemaSpec, state: string | undefined): Explanation | null {
  const { table } = schema.target;
  if (state === '3F000') {
    return {
      ...tableMissing(schema),
      message: `The database has no schema for the table ${table}. Create it: CREATE SCHEMA …;`,
    };
  }
  if (state !== '42501') return null;
  const sql = createTableSql(schema).replaceAll(/\n\s*/g, ' ');
  return {
    reason: 'TargetCreateDenied',
    message: `The database role may not create the table ${table}. Grant it CREATE on the schema, or have an administrator run: ${sql};`,
  };
}

async function open(client: pg.ClientBase, { upload, clusterId, schema }: AcceptInput): Promise<null> {
  const { metadata, spec } = upload;
  await openUpload(client, {
    id: metadata!.uid!,
    clusterId,
    namespace: metadata!.namespace!,
    name: metadata!.name!,
    sourceType: spec.source.type,
    request: toRequest(upload),
    schema,
  });
  return null;
}

/** What of the spec crosses to the pods; never a credential. */
export function toRequest({ spec }: BatchUpload): UploadRequest {
  const { credentialsSecretRef: _secret, ...s3 } = spec.source.s3;
  const { mode, reload, chunkRecords, errorPolicy, format, work } = spec;
  return {
    ...{ s3, mode, reload, chunkRecords },
    storeRowData: errorPolicy?.storeRowData ?? true,
    ...(format ? { format } : {}),
    ...(work ? { work } : {}),
    ...(spec.source.event ? { event: spec.source.event } : {}),
  };
}

/** A Fault of the database as an explanation, where people can do something about it or it passes. */
export function explainFault(error: unknown): Explanation | null {
  if (!(error instanceof Fault) || error.category === 'unknown') return null;
  return { reason: error.reason as Explanation['reason'], message: error.message };
}
