/**
 * The data plane: the process of one pod of a Job, which runs `plan`, `process` or `cleanup`. The process reads its
 * environment and the ledger, and has no access to the Kubernetes API. It reports its result by the ledger, by its exit
 * code and, where the ledger cannot be reached, by its termination message.
 */
import { writeFile } from 'node:fs/promises';
import { Fault, toFault } from '#common/faults.ts';
import {
  EXIT_CODES,
  formatTermination,
  type JobKind,
  type RunnerConfig,
  readRunnerConfig,
  sessionsOfPod,
} from '#common/job-contract.ts';
import { createLogger, type Logger } from '#common/log.ts';
import type { PlannedUpload, UploadRow } from '#ledger/types.ts';
import { failUpload } from '#ledger/uploads/finish-upload.ts';
import { assertRunning } from '#ledger/uploads/lock-upload.ts';
import { assertPlanned, readUpload } from '#ledger/uploads/read-upload.ts';
import type { RunnerDeps } from '#runner/deps.ts';
import { planUpload } from '#runner/plan.ts';
import { createSession } from '#runner/session.ts';
import { createS3Store } from '#runner/storage/s3-store.ts';
import { createTelemetry } from '#runner/telemetry/datadog.ts';
import { assertEndpoint } from '#s3/allowed-endpoint.ts';
import { createS3Client } from '#s3/client.ts';
import type { ReadObject } from '#s3/object-identity.ts';
import { cleanUp } from './cleanup.ts';
import { readPeakMemory } from './telemetry/peak-memory.ts';

const TERMINATION_LOG = '/dev/termination-log';

async function main(): Promise<number> {
  const command = process.argv[2] as JobKind | undefined;
  let log = createLogger('info');
  let config: RunnerConfig | null = null;
  try {
    config = readRunnerConfig(process.env);
    log = createLogger(config.logLevel, { upload: config.uploadId, pod: config.podName, command });
    await run(command, config, log);
    return 0;
  } catch (error) {
    return finish(toFault(error), config, log);
  }
}

async function run(command: JobKind | undefined, config: RunnerConfig, log: Logger): Promise<void> {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => controller.abort(stopped(name)));
  }
  const { signal } = controller;
  const telemetry = await createTelemetry(config.datadog);
  const startedAt = performance.now();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => telemetry.flush());
  const role = command === 'process' ? `process-${config.completionIndex}` : (command ?? 'none');
  const openSession: RunnerDeps['openSession'] = (name, ended) =>
    createSession({
      database: { uri: config.databaseUri, caCert: config.databaseCaCert },
      uploadId: config.uploadId,
      role: name,
      retrySeconds: config.retrySeconds,
      stallSeconds: config.stallSeconds,
      signal: ended,
      log,
    });
  const sessions = Array.from({ length: sessionsOfPod(config.parallelism) }, (_, i) => {
    const session = openSession(i === 0 ? role : `${role}-${i}`, signal);
    cleanup.defer(() => session.close());
    return session;
  });
  const session = sessions[0]!;
  let upload = await session.run((client) => readOpenUpload(client, config.uploadId));
  const { endpoint } = upload.request.s3;
  assertEndpoint(endpoint, { own: process.env['AWS_ENDPOINT_URL_S3'], allowed: config.allowedEndpoints });
  const s3 = createS3Client(upload.request.s3, process.env);
  cleanup.defer(() => s3.destroy());
  const store = createS3Store(s3);
  const stop = (fault: unknown) => controller.abort(fault);
  const deps = { config, store, telemetry, log, signal, stop, session, sessions, openSession };
  switch (command) {
    case 'plan': {
      const object = upload.plan ? null : await planUpload(deps, upload);
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
        message: 'Usage: job-runner plan | process | cleanup (started by the Jobs of the operator).',
      });
  }
  const durationMs = performance.now() - startedAt;
  telemetry.runFinished(durationMs);
  log.info({ durationMs: Math.round(durationMs), ...(await readPeakMemory()) }, 'finished');
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

function stopped(signal: string): Fault {
  return new Fault({
    code: 'UNK_STOPPED',
    category: 'retryable',
    reason: 'Stopped',
    message: `The pod was stopped by ${signal}. The next pod repeats what this one had not committed.`,
  });
}

/** Reports a fault where the operator looks for it. @returns the exit code. */
async function finish(fault: Fault, config: RunnerConfig | null, log: Logger): Promise<number> {
  const { code, reason } = fault;
  // The password may have been changed since this pod began: the next pod gets the present content of the Secret.
  const category = code === 'DB_AUTHENTICATION' ? 'retryable' : fault.category;
  if (category === 'fenced') {
    log.info({ code, reason: fault.message }, 'stopping: the ledger has decided');
    return EXIT_CODES.fenced;
  }
  const stack = category === 'unknown' ? ((fault.cause as Error | undefined)?.stack ?? fault.stack) : undefined;
  log.error({ code, category, reason, explanation: fault.message, ...fault.context, stack }, 'failed');
  if (config && (category === 'permanent' || category === 'unknown')) await recordFailure(fault, config, log);
  await writeFile(TERMINATION_LOG, formatTermination(fault)).catch(() => undefined);
  return EXIT_CODES[category];
}

/** Ends the upload in the ledger after a fault that another try cannot mend. That also stops the other pods. */
async function recordFailure(fault: Fault, config: RunnerConfig, log: Logger): Promise<void> {
  const session = createSession({
    database: { uri: config.databaseUri, caCert: config.databaseCaCert },
    uploadId: config.uploadId,
    role: 'fail',
    retrySeconds: 20,
    stallSeconds: config.stallSeconds,
    signal: AbortSignal.timeout(30_000),
    log,
  });
  try {
    await session.run((client) =>
      failUpload(
        client,
        { id: config.uploadId, attempt: config.attempt },
        { reason: fault.reason, message: fault.message },
      ),
    );
  } catch {
    log.warn({}, 'the failure could not be written to the ledger; the termination message has it');
  } finally {
    await session.close();
  }
}

// A process that ends before main() does must not count as a success.
process.exitCode = EXIT_CODES.retryable;
void main().then((code) => {
  process.exitCode = code;
});
