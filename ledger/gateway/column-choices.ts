/** The statements on what people have chosen for the columns of a header. */
import type { ClientBase } from 'pg';
import type { ColumnMapping } from '#api/source-format.ts';
import { asciiJson } from '#common/ascii-json.ts';
import type { LedgerScope } from '#ledger/types.ts';

export interface ChoiceKey extends LedgerScope {
  schemaName: string;
  /** SHA-256 in hex. */
  headerHash: string;
}

export interface ColumnChoice {
  columns: ColumnMapping[];
  /** The user. */
  chosenBy: string;
  chosenAt: Date;
}

/** The choices of a namespace; the oldest ones are forgotten for newer ones. */
export const MOST_CHOICES = 500;

const RETURNED = 'c.columns, c.chosen_by AS "chosenBy", c.chosen_at AS "chosenAt"';

/** Keeps a choice in the place of the one before. */
export async function keepChoice(
  client: ClientBase,
  { clusterId, namespace, schemaName, headerHash }: ChoiceKey,
  { columns, chosenBy }: Omit<ColumnChoice, 'chosenAt'>,
): Promise<ColumnChoice> {
  const { rows } = await client.query<ColumnChoice>(
    `WITH forgotten AS (
       DELETE FROM batch_upload.batch_upload_column_choices WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM batch_upload.batch_upload_column_choices
         WHERE cluster_id = $1 AND namespace = $2 AND (schema_name, header_hash) <> ($3, $4)
         ORDER BY chosen_at DESC OFFSET ${MOST_CHOICES - 1} FOR UPDATE SKIP LOCKED)))
     INSERT INTO batch_upload.batch_upload_column_choices AS c
       (cluster_id, namespace, schema_name, header_hash, columns, chosen_by)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (cluster_id, namespace, schema_name, header_hash)
       DO UPDATE SET columns = excluded.columns, chosen_by = excluded.chosen_by, chosen_at = now()
     RETURNING ${RETURNED}`,
    [clusterId, namespace, schemaName, headerHash, asciiJson(columns), chosenBy],
  );
  return rows[0]!;
}

export async function findChoice(
  client: ClientBase,
  { clusterId, namespace, schemaName, headerHash }: ChoiceKey,
): Promise<ColumnChoice | undefined> {
  const { rows } = await client.query<ColumnChoice>(
    `SELECT ${RETURNED} FROM batch_upload.batch_upload_column_choices c
     WHERE cluster_id = $1 AND namespace = $2 AND schema_name = $3 AND header_hash = $4`,
    [clusterId, namespace, schemaName, headerHash],
  );
  return rows[0];
}
