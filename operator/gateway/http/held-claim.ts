/**
 * The claim of a request with an Idempotency-Key, held for as long as the request is carried out. The completion of a
 * file of terabytes takes minutes, in which a repetition must not begin a second one.
 */
import { randomUUID } from 'node:crypto';
import { type Clock, sleep } from '#common/clock.ts';
import type { Database } from '#ledger/client/database.ts';
import {
  claimRequest,
  type RequestClaim,
  type RequestKey,
  releaseRequest,
  renewClaim,
  type StoredAnswer,
  storeAnswer,
} from '#ledger/gateway/requests.ts';

/** The ledger lets a claim be taken over that was not renewed for a minute. */
const RENEW_MS = 20_000;
/** After 20 minutes the request hangs, and a repetition may try it. */
const MOST_RENEWALS = 60;

export interface HeldClaim {
  /** Keeps the answer; null frees the key. @throws Fault when the ledger cannot be used */
  conclude(answer: StoredAnswer | null): Promise<void>;
}

type Refused = Exclude<RequestClaim, { kind: 'claimed' }>;

/** @returns the claim, or what became of the request that has the key. */
export async function holdRequest(
  { database, clock }: { database: Database; clock: Clock },
  id: RequestKey,
  hash: string,
): Promise<{ kind: 'held'; claim: HeldClaim } | Refused> {
  const claimed = { ...id, claim: randomUUID() };
  const found = await database.run((client) => claimRequest(client, claimed, hash));
  if (found.kind !== 'claimed') return found;
  const endRenewals = renewRegularly(clock, () => database.run((client) => renewClaim(client, claimed)));
  const claim: HeldClaim = {
    async conclude(answer) {
      endRenewals();
      await database.run((client) => (answer ? storeAnswer(client, claimed, answer) : releaseRequest(client, claimed)));
    },
  };
  return { kind: 'held', claim };
}

/** @returns a function that ends the renewals. */
function renewRegularly(clock: Clock, renew: () => Promise<boolean>): () => void {
  const ended = new AbortController();
  const run = async () => {
    for (let left = MOST_RENEWALS; left > 0; left -= 1) {
      await sleep(clock, RENEW_MS, ended.signal);
      // A renewal that fails is made up for by the next one.
      if (ended.signal.aborted || !(await renew().catch(() => true))) return;
    }
  };
  void run();
  return () => ended.abort();
}
