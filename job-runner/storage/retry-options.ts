import type { RunnerConfig } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import type { RetryOptions } from '#s3/retry.ts';

/** Makes the pod's retry options from its configuration; each retry is logged. @param onRetry called for each retry. */
export function createRetryOptions(
  { config, signal, log }: { config: RunnerConfig; signal: AbortSignal; log: Logger },
  onRetry: () => void = () => {},
): RetryOptions {
  return {
    signal,
    retrySeconds: config.retrySeconds,
    stallSeconds: config.stallSeconds,
    onRetry(fault, attempt) {
      onRetry();
      log.warn({ code: fault.code, attempt }, 'storage fault, trying again');
    },
  };
}
