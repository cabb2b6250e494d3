/**
 * The data plane: the process of one pod of a Job, which runs `plan`, `process` or `cleanup` for one upload, or `pool` for many
 * small ones. The process reads its environment and the ledger, and has no access to the Kubernetes API. It reports its result
 * by the ledger, by its exit code and, where the ledger cannot be reached, by its termination message.
 */
import { writeFile } from 'node:fs/promises';
import { Fault, toFault } from '#common/faults.ts';
import {
  EXIT_CODES,
  formatTermination,
  type JobKind,
  type PodConfig,
  type RunnerConfig,
  readPoolConfig,
  readRunnerConfig,
} from '#common/job-contract.ts';
import { createLogger, type Logger } from '#common/log.ts';
import { servePool } from '#runner/pool.ts';
import { isLasting, logFault, recordFailure, runUpload } from '#runner/run-upload.ts';
import { createTelemetry } from '#runner/telemetry/datadog.ts';
import { S3Clients } from '#s3/client.ts';

const TERMINATION_LOG = '/dev/termination-log';

async function main(): Promise<number> {
  const command = process.argv[2] as JobKind | undefined;
  let log = createLogger('info');
  let upload: RunnerConfig | null = null;
  try {
    if (command === 'pool') {
      const config = readPoolConfig(process.env);
      const fields = { pod: config.podName, command };
      const logOf = (upload: string) => createLogger(config.logLevel, { upload, ...fields });
      log = createLogger(config.logLevel, { pool: config.pool, ...fields });
      await withParts(config, log, (parts) => servePool(config, { ...parts, logOf }));
      return 0;
    }
    const config = readRunnerConfig(process.env);
    // Copies that cannot be removed are no failure of the upload, which may be tried again by now.
    if (command !== 'cleanup') upload = config;
    log = createLogger(config.logLevel, { upload: config.uploadId, pod: config.podName, command });
    await withParts(config, log, (parts) => runUpload(command, config, parts));
    return 0;
  } catch (error) {
    return finish(toFault(error), upload, log);
  }
}

/** Makes what a process has once, whatever uploads it works for. */
async function withParts(
  config: PodConfig,
  log: Logger,
  work: (parts: Parameters<typeof runUpload>[2]) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => controller.abort(stopped(name)));
  }
  await using cleanup = new AsyncDisposableStack();
  const telemetry = await createTelemetry(config.datadog);
  cleanup.defer(() => telemetry.flush());
  const s3Clients = new S3Clients(process.env);
  cleanup.defer(() => s3Clients.destroy());
  await work({ telemetry, log, s3Clients, signal: controller.signal });
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
  logFault(fault, log);
  if (fault.category === 'fenced') return EXIT_CODES.fenced;
  if (config && isLasting(fault)) await recordFailure(fault, config, log);
  await writeFile(TERMINATION_LOG, formatTermination(fault)).catch(() => undefined);
  return isLasting(fault) ? EXIT_CODES[fault.category] : EXIT_CODES.retryable;
}

// A process that ends before main() does must not count as a success.
process.exitCode = EXIT_CODES.retryable;
void main().then((code) => {
  process.exitCode = code;
});
