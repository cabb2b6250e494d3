/**
 * Fault points for kill tests: the operator ends at a named point as if it were killed there. They are off unless
 * BATCH_UPLOAD_FAULT_POINT names one of {@link FAULT_POINTS}, and act once, see {@link FaultSettings.file}.
 */
import { existsSync, writeFileSync } from 'node:fs';
import type { Logger } from '#common/log.ts';
import type { FaultSettings } from '#operator/config/controller-config.ts';

export const FAULT_POINTS = [
  /** The ledger row is written, the status is not. */
  'after-open-upload',
  /** A Job is created, the status is not written. */
  'after-create-plan-job',
  'after-create-process-job',
  /** The ledger has ended the upload, the status is not written. */
  'after-complete',
  'after-fail',
  /** The row of a deleted upload is about to be closed. */
  'before-close-deleted',
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];
export type ReachPoint = (point: FaultPoint) => void;

/** @throws Error when no fault point has the name. */
export function createFaultPoints(settings: FaultSettings | null, log: Logger): ReachPoint {
  if (settings === null) return () => undefined;
  const { point, file } = settings;
  if (!FAULT_POINTS.includes(point as FaultPoint)) {
    throw new Error(`there is no fault point ${point}; there are ${FAULT_POINTS.join(', ')}`);
  }
  return (reached) => {
    if (reached !== point || (file !== undefined && existsSync(file))) return;
    if (file !== undefined) writeFileSync(file, `${new Date().toISOString()}\n`);
    log.warn({ point }, 'ending at the fault point');
    process.exit(137);
  };
}
