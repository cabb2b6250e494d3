/** What the ledger of a namespace knows of a file. */
import { type FileRow, findFile } from '#ledger/gateway/files.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { type LedgerDeps, withLedger } from '#operator/gateway/http/with-ledger.ts';
import type { Identity } from '#operator/gateway/model/types.ts';

/**
 * Finds a file of the identity's own: whatever rights somebody has on uploads, a file is open only to the user that asked
 * for its place. @throws Problem not-found
 */
export async function findOwnFile(
  deps: LedgerDeps,
  { namespace, id, identity }: { namespace: string; id: string; identity: Pick<Identity, 'user'> },
): Promise<FileRow> {
  const file = await withLedger(deps, namespace, (client, scope) => findFile(client, { ...scope, id }));
  if (file !== undefined && file.creator === identity.user) return file;
  throw new Problem('not-found', {
    detail: `${identity.user} has no file ${id} in the namespace ${namespace}. Ask for a place: POST /v1/namespaces/${namespace}/files.`,
  });
}

/** @throws Problem conflict unless the file can still be put and registered */
export function assertOpen({ id, state, uploadName }: FileRow): void {
  switch (state) {
    case 'Open':
      return;
    case 'Registered':
      throw new Problem('conflict', {
        detail: `The file ${id} is loaded by the upload ${uploadName} and cannot be changed any more. Ask for a place of its own for another file.`,
      });
    case 'Abandoned':
      throw new Problem('conflict', { detail: `The file ${id} was deleted by its sender. Ask for a new place.` });
    case 'Removed':
      throw new Problem('conflict', {
        detail: `The file ${id} was not registered within a day and has been removed. Ask for a new place and put the file again.`,
      });
    default:
      throw new Error(state satisfies never);
  }
}
