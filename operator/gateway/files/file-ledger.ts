/** The ledger of a namespace, where the gateway keeps what it knows of files. */
import type pg from 'pg';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { Fault } from '#common/faults.ts';
import { type FileRow, findFile } from '#ledger/gateway/files.ts';
import type { LedgerScope } from '#ledger/types.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { GatewayDeps, Identity } from '#operator/gateway/model/types.ts';
import { openLedger } from '#operator/tenancy/open-ledger.ts';

export type LedgerDeps = Pick<GatewayDeps, 'clusterId' | 'databases'>;

/** @throws Problem unavailable for errors of the database, its Secret or its ledger; KubeError */
export async function withLedger<T>(
  { clusterId, databases }: LedgerDeps,
  namespace: string,
  work: (client: pg.PoolClient, scope: LedgerScope) => Promise<T>,
): Promise<T> {
  try {
    const database = await openLedger(databases, { namespace, name: DEFAULT_NAMES.databaseSecret });
    return await database.run((client) => work(client, { clusterId, namespace }));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Problem('unavailable', {
      detail: `The database in which the namespace ${namespace} keeps what it knows of files cannot be used. ${error.message} Nothing was lost; send the request again then.`,
      ...(error.category === 'retryable' ? { retryAfterSeconds: 5 } : {}),
      cause: error,
    });
  }
}

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
