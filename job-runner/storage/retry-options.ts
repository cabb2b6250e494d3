import type { RunnerConfig } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import type { RetryOptions } from '#s3/retry.ts';

/** Of a pod, as its environment says; every retry is in its log. @param onRetry told of each, for who counts them */
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
