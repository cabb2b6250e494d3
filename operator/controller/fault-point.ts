/**
 * For kill tests: the operator ends at a named point, as if it were killed there. Off unless BATCH_UPLOAD_FAULT_POINT
 * names one of {@link FAULT_POINTS}; once, see `faultFile` in config.ts.
 */
import { existsSync, writeFileSync } from 'node:fs';
import type { Logger } from '#common/log.ts';
import type { FaultSettings } from '#operator/config/controller-config.ts';

export const FAULT_POINTS = [
  /** The ledger's row is there, the status says nothing of it. */
  'after-open-upload',
  /** A Job was created, the status says nothing of it. */
  'after-create-plan-job',
  'after-create-process-job',
  /** The ledger has ended the upload, the status says nothing of it. */
  'after-complete',
  'after-fail',
  /** Before a deleted upload's row is closed. */
  'before-close-deleted',
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];
export type ReachPoint = (point: FaultPoint) => void;

/** @throws Error for a name that is no point. */
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
