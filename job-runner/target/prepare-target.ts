import type { ClientBase } from 'pg';
import type { UploadExplanation } from '#api/explanation.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { sqlState } from '#ledger/connection/postgres.ts';
import { createTableSql, createTarget } from './create-target.ts';
import { tableMissing, verifyTarget } from './verify-target.ts';

/**
 * Verifies the target table, and creates it where it is missing and the schema says `create: true`.
 * @returns null when the table can be loaded into, else what somebody has to do first.
 */
export async function prepareTarget(client: ClientBase, schema: RecordSchemaSpec): Promise<UploadExplanation | null> {
  const wrong = await verifyTarget(client, schema);
  if (wrong === null || wrong.reason !== 'TargetTableMissing' || !schema.target.create) return wrong;
  try {
    await createTarget(client, schema);
  } catch (error) {
    return createRefused(schema, sqlState(error)) ?? Promise.reject(error);
  }
  return verifyTarget(client, schema);
}

function createRefused(schema: RecordSchemaSpec, state: string | undefined): UploadExplanation | null {
  const { table } = schema.target;
  if (state === '3F000') {
    return {
      ...tableMissing(schema),
      message: `The database has no schema for the table ${table}. Create the schema: CREATE SCHEMA …;`,
    };
  }
  if (state !== '42501') return null;
  const sql = createTableSql(schema).replaceAll(/\n\s*/g, ' ');
  return {
    reason: 'TargetCreateDenied',
    message: `The database role may not create the table ${table}. Grant the role CREATE on the schema, or have an administrator run: ${sql};`,
  };
}
