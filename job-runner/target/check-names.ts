/** Checks the names of a RecordSchema's target, before anybody looks for the table. Pure. */
import type { UploadExplanation } from '#api/explanation.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { STAGE_ROW_NAME, STAGES, SYSTEM_COLUMNS } from './names.ts';

/** The schema of the ledger's own tables. A file loaded into them would change what is known about uploads. */
export const LEDGER_SCHEMA = 'batch_upload';

/** PostgreSQL cuts a longer name, and says so in a notice alone. */
const MOST_NAME_BYTES = 63;

export function checkNames({ target }: RecordSchemaSpec): UploadExplanation | null {
  const { table, columns } = target;
  if (table.startsWith(`${LEDGER_SCHEMA}.`)) return inLedger(table);
  if (Object.values<string>(STAGES).includes(table)) {
    return taken(
      `The table ${table} would be hidden by a temporary one of this name, in which pods sort records. Put its schema in front of it in spec.target.table of the RecordSchema, as in public.${table}, or name another table.`,
    );
  }
  const long = [...table.split('.'), ...columns.map(({ name }) => name)].find(
    (name) => new TextEncoder().encode(name).length > MOST_NAME_BYTES,
  );
  if (long !== undefined) {
    return taken(
      `The name ${long} has more than ${MOST_NAME_BYTES} bytes in UTF-8, and PostgreSQL cuts longer names. Write the name in spec.target of the RecordSchema as the table has it, or rename the table or its column.`,
    );
  }
  const own = columns.find(({ name }) => name === STAGE_ROW_NAME || SYSTEM_COLUMNS.has(name));
  if (!own) return null;
  const whose = own.name === STAGE_ROW_NAME ? 'of the temporary tables in which pods sort records' : 'of PostgreSQL';
  return taken(
    `The column ${own.name} has the name of a column ${whose}. Give the column of the table ${table} another name, also in spec.target.columns of the RecordSchema.`,
  );
}

export function inLedger(table: string): UploadExplanation {
  return taken(
    `The table ${table} is in the schema ${LEDGER_SCHEMA}, which is the ledger's own. Name a table of another schema in spec.target.table of the RecordSchema.`,
  );
}

function taken(message: string): UploadExplanation {
  return { reason: 'TargetNameTaken', message };
}
