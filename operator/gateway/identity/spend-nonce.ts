/** Lets each nonce of a message signature pass once, whichever replica gets it. */
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { Fault } from '#common/faults.ts';
import { spendNonce } from '#ledger/gateway/nonces.ts';
import { cannotAsk, unauthenticated } from '#operator/gateway/http/refusals.ts';
import type { GatewayDeps } from '#operator/gateway/model/types.ts';
import { openLedger } from '#operator/tenancy/open-ledger.ts';
import { MAX_AGE_SECONDS, type SignatureInput } from './signature-input.ts';

/**
 * The clocks of gateways and of the database may differ by so much, in seconds, without a nonce being forgotten while a
 * signature with it is valid somewhere.
 */
const CLOCK_MARGIN_SECONDS = 300;
/** Somebody who sends a request again and again, without a key, must not keep the database busy. */
const REMEMBERED = 10_000;

export type NonceDeps = Pick<GatewayDeps, 'databases' | 'clusterId'>;

/**
 * @returns a function that throws a Problem: unauthenticated when the nonce was used, unavailable when the ledger cannot
 * be asked.
 */
export function createNonceSpender(deps: NonceDeps) {
  // The nonces that this replica knows to be used, the oldest first.
  const used = new Set<string>();
  return async (namespace: string, input: SignatureInput): Promise<void> => {
    const id = JSON.stringify([namespace, input.keyId, input.nonce]);
    const isNew = !used.has(id) && (await askLedger(deps, namespace, input));
    used.add(id);
    if (used.size > REMEMBERED) used.delete(used.values().next().value!);
    if (isNew) return;
    throw unauthenticated(
      'The nonce was used before. Sign every request anew, also one that is sent again, with a nonce of its own.',
    );
  };
}

async function askLedger(
  { databases, clusterId }: NonceDeps,
  namespace: string,
  { keyId, nonce, created }: SignatureInput,
): Promise<boolean> {
  const expiresAt = new Date((created + MAX_AGE_SECONDS + CLOCK_MARGIN_SECONDS) * 1000);
  try {
    const database = await openLedger(databases, { namespace, name: DEFAULT_NAMES.databaseSecret });
    return await database.run((client) => spendNonce(client, { clusterId, namespace }, { keyId, nonce, expiresAt }));
  } catch (error) {
    // Other errors can name what is no business of a partner; the log has them.
    const why = error instanceof Fault ? `: ${error.message}` : '.';
    throw cannotAsk(
      `The ledger of the namespace, which remembers the nonces of signatures, cannot be used${why}`,
      error,
    );
  }
}
