import type { ClientBase } from 'pg';
import type { LedgerScope } from '#ledger/types.ts';

/** Takes back the registration of a file for an upload that was never made, so that the file can be registered otherwise. */
export async function releaseFile(
  client: ClientBase,
  { clusterId, namespace, id, uploadName }: LedgerScope & { id: string; uploadName: string },
): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_files SET upload_name = NULL, registered_at = NULL
     WHERE cluster_id = $1 AND namespace = $2 AND id = $3 AND upload_name = $4`,
    [clusterId, namespace, id, uploadName],
  );
}
