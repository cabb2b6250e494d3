/** The ledger of a namespace, where the gateway keeps what it must remember between two requests. */
import type pg from 'pg';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { Fault } from '#common/faults.ts';
import type { LedgerScope } from '#ledger/types.ts';
import type { GatewayDeps } from '#operator/gateway/model/types.ts';
import { openLedger } from '#operator/tenancy/open-ledger.ts';
import { Problem } from './problem.ts';

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
      detail: `The database in which the namespace ${namespace} has its ledger cannot be used. ${error.message} Nothing was lost; send the request again then.`,
      ...(error.category === 'retryable' ? { retryAfterSeconds: 5 } : {}),
      cause: error,
    });
  }
}
