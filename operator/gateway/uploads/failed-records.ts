/** The failed records of an upload, read from its ledger a page at a time. */

import { databaseSecretName } from '#api/names.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { Database } from '#ledger/client/database.ts';
import { readErrorCodes, readFileColumns, readStoredRecords, type StoredRecord } from '#ledger/errors/read-errors.ts';
import type { ErrorSummary } from '#ledger/types.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { checkAllowed } from '#operator/tenancy/allow-list.ts';
import { openLedger } from '#operator/tenancy/open-ledger.ts';
import { createFailedRecordsFormat } from '#runner/report/failed-records-csv.ts';
import type { UploadDeps } from './upload-deps.ts';

/** A record's text has up to 8 KiB, and one download holds one page. */
const PAGE = 200;

export interface FailedRecords {
  codes(): Promise<ErrorSummary[]>;
  page(after: number, limit: number): Promise<StoredRecord[]>;
  /**
   * The records as CSV with the columns of their file, as `batch-upload --errors` writes them. The first page is read
   * before this resolves.
   */
  csv(options: { keepsFormulas: boolean }): Promise<AsyncGenerator<Buffer, void, void>>;
}

/** @returns null for an upload that was not accepted yet: its ledger knows nothing of it. @throws Problem, Fault, KubeError */
export async function openFailedRecords(deps: UploadDeps, upload: BatchUpload): Promise<FailedRecords | null> {
  const { metadata, spec, status } = upload;
  if (status?.startTime === undefined) return null;
  const refusal = checkAllowed(metadata.namespace, spec, deps.config);
  if (refusal) throw new Problem('unprocessable', { detail: refusal.message });
  const secret = { namespace: metadata.namespace, name: databaseSecretName(spec) };
  return createFailedRecords(await openLedger(deps.databases, secret), metadata.uid);
}

function createFailedRecords(database: Database, id: string): FailedRecords {
  const page = (after: number, limit: number) =>
    database.run((client) => readStoredRecords(client, { id, after, limit }));
  return {
    codes: () => database.run((client) => readErrorCodes(client, id)),
    page,
    async csv({ keepsFormulas }) {
      const columns = await database.run((client) => readFileColumns(client, id));
      const first = await page(0, PAGE);
      const format = createFailedRecordsFormat({
        header: columns?.header ?? [],
        // The ledger writes the text of every record as CSV with commas.
        chunkDelimiter: ',',
        delimiter: columns?.delimiter ?? ',',
        keepsFormulas,
      });
      return write(format, first, page);
    },
  };
}

async function* write(
  format: ReturnType<typeof createFailedRecordsFormat>,
  first: StoredRecord[],
  page: FailedRecords['page'],
): AsyncGenerator<Buffer, void, void> {
  yield format.header();
  for (let records = first; records.length > 0; ) {
    yield Buffer.concat(
      records.map(({ rowNumber, faults, rowData }) =>
        format.record({ rowNumber, faults, bytes: Buffer.from(rowData ?? '') }),
      ),
    );
    if (records.length < PAGE) return;
    records = await page(records.at(-1)!.rowNumber, PAGE);
  }
}

/** The file of an upload that has no failed records yet. */
export async function* noFailedRecords(): AsyncGenerator<Buffer, void, void> {
  yield createFailedRecordsFormat({ header: [], chunkDelimiter: ',', delimiter: ',' }).header();
}
