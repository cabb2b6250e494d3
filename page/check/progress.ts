/** Tells how far a check is, at most ten times a second. */
import type { CheckEvent } from './types.ts';

const INTERVAL_MS = 100;

export interface Progress {
  onRead(position: number): void;
  onRecords(records: number, failed: number): void;
}

export function createProgress(
  sizeBytes: number,
  emit: (event: CheckEvent) => void,
  now: () => number = () => performance.now(),
): Progress {
  let bytesRead = 0;
  let records = 0;
  let failed = 0;
  let lastMs = now();

  function tell(): void {
    const nowMs = now();
    if (nowMs - lastMs < INTERVAL_MS) return;
    lastMs = nowMs;
    emit({ type: 'progress', bytesRead, sizeBytes, records, failed });
  }

  return {
    onRead(position) {
      bytesRead = position;
      tell();
    },
    onRecords(recordsSoFar, failedSoFar) {
      records = recordsSoFar;
      failed = failedSoFar;
      tell();
    },
  };
}
