/** Does one command for one upload, from the connection to the end. */
import { Fault } from '#common/faults.ts';
import { type JobKind, type RunnerConfig, sessionsOfPod } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import type { PlannedUpload, UploadRow } from '#ledger/types.ts';
import { failUpload } from '#ledger/uploads/finish-upload.ts';
import { assertRunning } from '#ledger/uploads/lock-upload.ts';
import { assertPlanned, readUpload } from '#ledger/uploads/read-upload.ts';
import type { RunnerDeps } from '#runner/deps.ts';
import { NotForPool, planUpload } from '#runner/plan.ts';
import type { ProtectPolicy } from '#runner/protect/protect-policy.ts';
import { createSession, type Session } from '#runner/session.ts';
import { createS3Store } from '#runner/storage/s3-store.ts';
import type { Telemetry } from '#runner/telemetry/datadog.ts';
import { assertEndpoint } from '#s3/allowed-endpoint.ts';
import type { S3Clients } from '#s3/client.ts';
import type { ReadObject } from '#s3/object-identity.ts';
import { cleanUp } from './cleanup.ts';
import { readPeakMemory } from './telemetry/peak-memory.ts';

export interface RunDeps {
  telemetry: Telemetry;
  log: Logger;
  s3Clients: S3Clients;
  /** Stops the work. */
  signal: AbortSignal;
  /** See {@link RunnerDeps}. A pod of a pool also has one session alone. */
  mostBytes?: number;
  /** See {@link RunnerDeps}. */
  protectPolicy?: ProtectPolicy;
  /** Called when the work is done, with a session that is still connected. */
  onDone?: (session: Session) => Promise<void>;
}

/** @throws Fault, and NotForPool where `mostBytes` is set */
export async function runUpload(command: JobKind | undefined, config: RunnerConfig, run: RunDeps): Promise<void> {
  const { log, telemetry } = run;
  const controller = new AbortController();
  const signal = AbortSignal.any([run.signal, controller.signal]);
  const startedAt = performance.now();
  await using cleanup = new AsyncDisposableStack();
  // What still listens to the signal of this upload would stay in memory as long as the process.
  cleanup.defer(() => controller.abort());
  const role = command === 'process' ? `process-${config.completionIndex}` : (command ?? 'none');
  const openSession: RunnerDeps['openSession'] = (name, ended) =>
    openUploadSession(config, name, { signal: ended, log });
  const count = run.mostBytes === undefined ? sessionsOfPod(config.parallelism) : 1;
  const sessions = Array.from({ length: count }, (_, i) => {
    const session = openSession(i === 0 ? role : `${role}-${i}`, signal);
    cleanup.defer(() => session.close());
    return session;
  });
  const session = sessions[0]!;
  let upload = await session.run((client) => readOpenUpload(client, config.uploadId));
  const { endpoint } = upload.request.s3;
  assertEndpoint(endpoint, { own: process.env['AWS_ENDPOINT_URL_S3'], allowed: config.allowedEndpoints });
  const store = createS3Store(run.s3Clients.get(upload.request.s3));
  const stop = (fault: unknown) => controller.abort(fault);
  const { mostBytes, protectPolicy } = run;
  const deps: RunnerDeps = {
    ...{ config, store, telemetry, log, signal, stop, session, sessions, openSession },
    ...(mostBytes === undefined ? {} : { mostBytes }),
    ...(protectPolicy === undefined ? {} : { protectPolicy }),
  };
  switch (command) {
    case 'plan': {
      if (mostBytes !== undefined) assertForPool(upload, { attempt: config.attempt, mostBytes });
      const isToPlan = upload.plan === null || upload.status === 'Planning';
      const object = isToPlan ? await planUpload(deps, upload) : null;
      upload = await session.run((client) => readOpenUpload(client, config.uploadId));
      assertPlanned(upload);
      if (upload.status === 'Processing' && upload.plan.execution === 'Inline') await runProcess(deps, upload, object);
      break;
    }
    case 'process': {
      assertRunning(upload, { id: upload.id, attempt: config.attempt, status: 'Processing' });
      assertPlanned(upload);
      await runProcess(deps, upload, null);
      break;
    }
    case 'cleanup':
      await session.close();
      await cleanUp(deps, upload);
      break;
    default:
      throw new Fault({
        code: 'CFG_002',
        category: 'permanent',
        reason: 'InvalidConfiguration',
        message: 'Usage: job-runner plan | process | cleanup | pool (started by the Jobs of the operator).',
      });
  }
  const durationMs = performance.now() - startedAt;
  telemetry.runFinished(durationMs);
  log.info({ durationMs: Math.round(durationMs), ...(await readPeakMemory()) }, 'finished');
  await run.onDone?.(session);
}

/** An upload may have ended while it waited for a pod, and its file is then not read for nothing. */
function assertForPool(upload: UploadRow, { attempt, mostBytes }: { attempt: number; mostBytes: number }): void {
  const { id, status, plan } = upload;
  assertRunning(upload, { id, attempt, status: status === 'Processing' ? 'Processing' : 'Planning' });
  if (plan?.work) throw new NotForPool('the file has been copied');
  if (plan && plan.sizeBytes > mostBytes) throw new NotForPool('the file is too large for a pool');
}

/**
 * The record processor with CEL and RE2 takes half of the start, so it is loaded only here: a plan does not need it.
 */
async function runProcess(deps: RunnerDeps, upload: PlannedUpload, object: ReadObject | null): Promise<void> {
  const { processIndex } = await import('#runner/process.ts');
  await processIndex(deps, upload, object);
}

async function readOpenUpload(client: Parameters<typeof readUpload>[0], id: string): Promise<UploadRow> {
  const upload = await readUpload(client, id);
  if (!upload) assertRunning(null, { id, attempt: 0, status: 'Planning' });
  return upload!;
}

/** Ends the upload in the ledger after a fault that another try cannot mend. That also stops the other pods. */
export async function recordFailure(fault: Fault, config: RunnerConfig, log: Logger): Promise<void> {
  const session = openUploadSession({ ...config, retrySeconds: 20 }, 'fail', {
    signal: AbortSignal.timeout(30_000),
    log,
  });
  const { uploadId: id, attempt } = config;
  const { reason, message } = fault;
  try {
    await session.run((client) => failUpload(client, { id, attempt }, { reason, message }));
  } catch {
    log.warn({}, 'the failure could not be written to the ledger; the termination message has it');
  } finally {
    await session.close();
  }
}

/** Logs a fault with what a reader of the log needs. */
export function logFault(fault: Fault, log: Logger): void {
  const { category, code, reason } = fault;
  if (category === 'fenced') {
    log.info({ code, reason: fault.message }, 'stopping: the ledger has decided');
    return;
  }
  const stack = category === 'unknown' ? ((fault.cause as Error | undefined)?.stack ?? fault.stack) : undefined;
  log.error({ code, category, reason, explanation: fault.message, ...fault.context, stack }, 'failed');
}

/** Is the fault one that another try cannot mend, so that the ledger has to have it? */
export function isLasting({ code, category }: Fault): boolean {
  // The password may have been changed since this pod began: the next pod gets the present content of the Secret.
  return (category === 'permanent' && code !== 'DB_AUTHENTICATION') || category === 'unknown';
}

export function openUploadSession(
  {
    databaseUri: uri,
    databaseCaCert: caCert,
    uploadId,
    retrySeconds,
    stallSeconds,
  }: Omit<RunnerConfig, 'attempt' | 'parallelism'>,
  role: string,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Session {
  return createSession({ database: { uri, caCert }, uploadId, role, retrySeconds, stallSeconds, signal, log });
}
