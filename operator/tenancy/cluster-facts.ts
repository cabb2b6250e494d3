/** Facts that are read from the cluster: its id, the runners' service account, the Secret of the migrating role. */
import { DATABASE_SECRET_KEYS, DEFAULT_NAMES } from '#api/defaults.ts';
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { SERVICE_ACCOUNTS } from '#kube/custom-resources.ts';
import { isForbidden, retryAfterMs } from '#kube/errors.ts';
import { NAMESPACES, SECRETS } from '#kube/resource-types.ts';
import type { KubeClient } from '#kube/types.ts';
import { connectionConfig } from '#ledger/client/pool-connection.ts';

/** The uid of the namespace kube-system, which identifies the cluster for every operator in it. */
async function readClusterId(client: Pick<KubeClient, 'get'>, signal: AbortSignal): Promise<string> {
  const namespace = await client.get(NAMESPACES, { name: 'kube-system' }, { signal });
  return namespace.metadata!.uid!;
}

const CLUSTER_ID_BACKOFF = { baseMs: 500, maxMs: 30_000 };

/** Reads the cluster's id until the API server answers; null when the signal aborts before. */
export async function awaitClusterId(
  { client, clock, log }: { client: Pick<KubeClient, 'get'>; clock: Clock; log: Logger },
  signal: AbortSignal,
): Promise<string | null> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      return await readClusterId(client, signal);
    } catch (err) {
      if (signal.aborted) return null;
      const retryInMs = Math.max(backoffMs(failures, CLUSTER_ID_BACKOFF), retryAfterMs(err));
      log.warn({ err, failures, retryInMs }, 'the id of the cluster could not be read and is read again');
      await sleep(clock, retryInMs, signal);
    }
  }
  return null;
}

/** Time for which the answer about a service account is reused. */
const REUSE_MS = 60_000;

/** Finds the name of the runners' service account in a namespace; null where there is none. */
export function createServiceAccountFinder(client: Pick<KubeClient, 'find'>, clock: Clock) {
  const known = new Map<string, { name: string | null; at: number }>();
  return async (namespace: string): Promise<string | null> => {
    const entry = known.get(namespace);
    if (entry && clock.monotonic() - entry.at < REUSE_MS) return entry.name;
    const ref = { namespace, name: DEFAULT_NAMES.serviceAccount };
    const found = await client.find(SERVICE_ACCOUNTS, ref, { timeoutMs: 10_000 }).catch(ifForbidden);
    const name = found ? DEFAULT_NAMES.serviceAccount : null;
    known.set(namespace, { name, at: clock.monotonic() });
    return name;
  };
}

/**
 * Finds the connection of the role that may migrate, from the Secret `batch-upload-migrate`; null without the Secret.
 */
export function createMigratorFinder(client: Pick<KubeClient, 'find'>) {
  return (namespace: string) => async () => {
    const ref = { namespace, name: DEFAULT_NAMES.migrateSecret };
    const secret = await client.find(SECRETS, ref, { timeoutMs: 10_000 }).catch(ifForbidden);
    const read = (key: string) => {
      const value = secret?.data?.[key];
      return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
    };
    const uri = read(DATABASE_SECRET_KEYS.uri);
    return uri ? connectionConfig({ uri: uri.trim(), caCert: read(DATABASE_SECRET_KEYS.caCert), namespace }) : null;
  };
}

/** An optional object that the Role does not name counts as absent. */
function ifForbidden(error: unknown): undefined {
  if (isForbidden(error)) return undefined;
  throw error;
}
