import type { ClientBase } from 'pg';
import type { MatchedColumn } from '#api/source-format.ts';

export interface FileColumns {
  /** The first columns of the file; long names are cut. */
  columns: MatchedColumn[];
  /** The number of all columns. */
  total: number;
}

const MOST_COLUMNS = 100;
const NAME_CHARACTERS = 256;

/** Reads what became of the columns of the file. @returns null where the plan does not say it. */
export async function readColumns(client: ClientBase, id: string): Promise<FileColumns | null> {
  const { rows } = await client.query<FileColumns>(
    `SELECT jsonb_array_length(u.columns) AS total, (
       SELECT coalesce(jsonb_agg(c.value || jsonb_build_object('name', left(c.value->>'name', ${NAME_CHARACTERS}))
         ORDER BY c.ordinality), '[]')
       FROM jsonb_array_elements(u.columns) WITH ORDINALITY c WHERE c.ordinality <= ${MOST_COLUMNS}) AS columns
     FROM batch_upload.batch_uploads u WHERE u.id = $1 AND u.columns IS NOT NULL`,
    [id],
  );
  return rows[0] ?? null;
}
