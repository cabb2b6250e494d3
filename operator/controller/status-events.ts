/** The events for what changed between two statuses; they are recorded after the new status is written. Pure. */
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import { type ConditionType, findCondition } from '#api/conditions.ts';

export interface StatusEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

const NORMAL: readonly [ConditionType, string][] = [
  ['Accepted', 'Accepted'],
  ['Planned', 'Planned'],
  ['Suspended', 'Suspended'],
  ['Complete', 'Completed'],
];

/** What the upload's own spec asks for is nothing that somebody has to mend. */
const BY_SPEC = new Set(['Suspended', 'Cancelled']);

export function eventsOf(before: BatchUploadStatus | undefined, after: BatchUploadStatus): StatusEvent[] {
  const events: StatusEvent[] = [];
  for (const [condition, reason] of NORMAL) {
    const message = becameTrue(before, after, condition);
    if (message !== null) events.push({ type: 'Normal', reason, message });
  }
  const waits = findCondition(after, 'Accepted');
  if (
    waits?.status === 'False' &&
    !BY_SPEC.has(waits.reason) &&
    waits.reason !== findCondition(before, 'Accepted')?.reason
  ) {
    events.push({ type: 'Warning', reason: waits.reason, message: waits.message });
  }
  const degraded = findCondition(after, 'Degraded');
  const known = findCondition(before, 'Degraded');
  if (degraded?.status === 'True' && (known?.status !== 'True' || known.reason !== degraded.reason)) {
    events.push({ type: 'Warning', reason: 'Degraded', message: `${degraded.reason}: ${degraded.message}` });
  }
  const failed = findCondition(after, 'Failed');
  if (failed && becameTrue(before, after, 'Failed') !== null) {
    events.push(
      failed.reason === 'Cancelled'
        ? { type: 'Normal', reason: 'Cancelled', message: failed.message }
        : { type: 'Warning', reason: 'Failed', message: `${failed.reason}: ${failed.message}` },
    );
  }
  if (failed?.status === 'False' && findCondition(before, 'Failed')?.status === 'True') {
    events.push({ type: 'Normal', reason: 'Retried', message: failed.message });
  }
  const suspended = findCondition(after, 'Suspended');
  if (suspended?.status === 'False' && findCondition(before, 'Suspended')?.status === 'True') {
    events.push({ type: 'Normal', reason: 'Resumed', message: suspended.message });
  }
  return events;
}

function becameTrue(before: BatchUploadStatus | undefined, after: BatchUploadStatus, type: ConditionType) {
  const now = findCondition(after, type);
  return now?.status === 'True' && findCondition(before, type)?.status !== 'True' ? now.message : null;
}
