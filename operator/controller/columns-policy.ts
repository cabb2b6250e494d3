/** Shows what became of the columns of a file in a status, which has no room for all columns of every file. Pure. */
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import { cutText } from '#common/text.ts';
import type { FileColumns } from '#ledger/uploads/read-columns.ts';

export type ShownColumns = Pick<BatchUploadStatus, 'columns' | 'columnsOmitted'>;

const LIST_BYTES = 3584;
const NAME_BYTES = 256;
const FIELD_BYTES = 128;

/** @param found null where the plan says nothing of columns */
export function showColumns(found: FileColumns | null): ShownColumns {
  const columns: NonNullable<ShownColumns['columns']> = [];
  let left = LIST_BYTES;
  for (const { name, field, ignored } of found?.columns ?? []) {
    // Somebody may have altered the row in the ledger.
    if (typeof name !== 'string') continue;
    const shown = {
      name: cutText(name, NAME_BYTES),
      ...(typeof field === 'string' ? { field: cutText(field, FIELD_BYTES) } : {}),
      ...(ignored === true ? { ignored } : {}),
    };
    left -= Buffer.byteLength(JSON.stringify(shown)) + 1;
    if (left < 0) break;
    columns.push(shown);
  }
  if (columns.length === 0) return {};
  const columnsOmitted = found!.total - columns.length;
  return { columns, ...(columnsOmitted > 0 ? { columnsOmitted } : {}) };
}

/** The columns as the status shows them already. */
export function columnsOf({ columns, columnsOmitted }: BatchUploadStatus): ShownColumns {
  return { ...(columns ? { columns } : {}), ...(columnsOmitted ? { columnsOmitted } : {}) };
}
