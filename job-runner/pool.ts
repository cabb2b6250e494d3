/**
 * The program of a warm pod: claims small uploads of its pool in the ledger, one at a time, and ends when none has come for a
 * while. An upload then costs no start of a pod, which takes longer than the upload itself. What becomes of an upload is in the
 * ledger: the exit code of the pod says nothing of it.
 *
 * | the work on a claimed upload ends with  | the upload                        | the pod    |
 * |-----------------------------------------|-----------------------------------|------------|
 * | no fault, or the ledger has decided     | is as the ledger says             | goes on    |
 * | a file that is too large, or is copied  | gets a Job of its own             | goes on    |
 * | a fault that another try cannot mend    | has failed                        | goes on    |
 * | an unknown fault                        | has failed                        | ends       |
 * | a fault that passes                     | goes to another pod, then to a Job of its own | ends |
 * | a signal                                | goes to another pod               | ends, and without an upload well |
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, toFault } from '#common/faults.ts';
import { MOST_BYTES_OF_A_POOL, type PoolConfig, type RunnerConfig } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import {
  type Claim,
  type ClaimedUpload,
  claimUpload,
  endClaim,
  giveUpClaim,
  loseClaim,
  returnClaim,
} from '#ledger/uploads/assignments.ts';
import { NotForPool } from '#runner/plan.ts';
import { forgetLiteralPatterns } from '#runner/processor/expression-functions.ts';
import { createProtectPolicy } from '#runner/protect/protect-policy.ts';
import { isLasting, logFault, openUploadSession, type RunDeps, recordFailure, runUpload } from '#runner/run-upload.ts';
import type { Session } from '#runner/session.ts';

/** An idle pod asks the ledger this often. */
const POLL_MS = 150;
/** A pod that does not reach the ledger for so long ends, and the uploads of the pool get Jobs of their own. */
const CLAIM_SECONDS = 30;
/** A pod ends after so many uploads, and what its process has gathered in memory with it. */
const MOST_UPLOADS = 1000;
/** A pod that is stopped has 30 s, of which the last transaction of its upload may have taken 5. */
const LAST_WORDS_MS = 10_000;

type PoolDeps = Omit<RunDeps, 'onDone' | 'mostBytes' | 'protectPolicy'> & {
  /** Makes the log of the work on one upload. */
  logOf: (uploadId: string) => Logger;
};

/** @throws Fault that ends the pod */
export async function servePool(config: PoolConfig, deps: PoolDeps): Promise<void> {
  const { pool, podName: pod, idleMs } = config;
  const { signal, log } = deps;
  // The uploads of a pool have the same limits and the same server. A small upload alone sees nothing of what it writes.
  const known = config.protect === null ? {} : { protectPolicy: createProtectPolicy(config.protect) };
  // The name of the pool stands where the sessions of an upload have its id.
  const retrySeconds = Math.min(config.retrySeconds, CLAIM_SECONDS);
  const open = () => openUploadSession({ ...config, uploadId: pool, retrySeconds }, 'claim', { signal, log });
  let session = open();
  try {
    let idleSince = performance.now();
    for (let served = 0; served < MOST_UPLOADS; ) {
      let claimed = await session
        .run((client) => claimUpload(client, { pool, pod }))
        .catch((error) => {
          if (!signal.aborted) throw error;
          return null;
        });
      if (claimed === null) {
        // A pod that is stopped while it has no upload has done its work. The operator sees the end of a pod that has just claimed one.
        if (signal.aborted || performance.now() - idleSince > idleMs) break;
        await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) break;
        continue;
      }
      // A pod has one connection at a time, since an administrator of a database counts them.
      await session.close();
      while (claimed !== null) {
        served += 1;
        claimed = await serveUpload(config, claimed, { ...deps, ...known, mayClaim: served < MOST_UPLOADS });
      }
      session = open();
      idleSince = performance.now();
    }
    log.info({ pool }, 'no upload waits for this pod');
  } finally {
    await session.close();
  }
}

/** @returns the next upload of the pod, if there was one at the end of this one. @throws Fault that ends the pod */
async function serveUpload(
  pool: PoolConfig,
  claimed: ClaimedUpload,
  { mayClaim, ...deps }: PoolDeps & Pick<RunDeps, 'protectPolicy'> & { mayClaim: boolean },
): Promise<ClaimedUpload | null> {
  const { id, attempt, parallelism } = claimed;
  const claim: Claim = { id, attempt, pod: pool.podName };
  const config: RunnerConfig = { ...pool, uploadId: id, attempt, parallelism };
  const log = deps.logOf(id);
  const telemetry = deps.telemetry.ofUpload(id);
  let next: ClaimedUpload | null = null;
  const onDone = async (session: Session) => {
    try {
      await session.run(async (client) => {
        await endClaim(client, claim);
        if (mayClaim) next = await claimUpload(client, { pool: pool.pool, pod: pool.podName });
      });
    } catch (err) {
      // The upload is loaded, and the next claim gives it to this pod again, which then finds nothing to do.
      log.warn({ err }, 'the ledger could not be told that the upload is loaded');
    }
  };
  forgetLiteralPatterns();
  try {
    await runUpload('plan', config, { ...deps, telemetry, log, mostBytes: MOST_BYTES_OF_A_POOL, onDone });
  } catch (error) {
    if (error instanceof NotForPool) {
      log.info({ because: error.message }, 'giving the upload back');
      await settle(config, claim, { log, change: returnClaim });
      return null;
    }
    await endByFault(toFault(error), { config, claim, log, stopped: deps.signal });
  }
  return next;
}

/** @throws the fault, where the pod has to end */
async function endByFault(
  fault: Fault,
  { config, claim, log, stopped }: { config: RunnerConfig; claim: Claim; log: Logger; stopped: AbortSignal },
): Promise<void> {
  const { category } = fault;
  const isPassing = category !== 'fenced' && !isLasting(fault);
  if (!isPassing || !stopped.aborted) logFault(fault, log);
  if (isLasting(fault)) await recordFailure(fault, config, log);
  const change = !isPassing ? endClaim : stopped.aborted ? giveUpClaim : loseClaim;
  await settle(config, claim, { log, change });
  stopped.throwIfAborted();
  if (isPassing || category === 'unknown') throw fault;
}

/** Writes what became of a claim. Where that fails, the operator sees that the pod has ended. */
async function settle(
  config: RunnerConfig,
  claim: Claim,
  { log, change }: { log: Logger; change: typeof endClaim },
): Promise<void> {
  const ended = { signal: AbortSignal.timeout(LAST_WORDS_MS), log };
  const session = openUploadSession({ ...config, retrySeconds: LAST_WORDS_MS / 1000 }, 'claim', ended);
  try {
    await session.run((client) => change(client, claim));
  } catch (err) {
    log.warn({ err }, 'the ledger could not be told what became of the upload of this pod');
  } finally {
    await session.close();
  }
}
