/** Derives Kubernetes events from the conditions that got worse between two statuses of a source. Pure. */
import type { Explanation } from '#api/explanation.ts';
import type { UploadSourceStatus } from '#api/upload-source.gen.ts';
import type { SourceConditionType } from '#api/upload-source-conditions.ts';

/**
 * These reasons make no warning: a person suspended the source on purpose, or the condition Accepted has the warning.
 */
const WITHOUT_WARNING = new Set(['Suspended', 'NotAccepted']);

export function warningsOf(before: UploadSourceStatus | undefined, after: UploadSourceStatus): Explanation[] {
  const warnings: Explanation[] = [];
  for (const [type, bad] of [
    ['Accepted', 'False'],
    ['Ready', 'False'],
    ['Degraded', 'True'],
  ] as const) {
    const present = find(after, type);
    const previous = find(before, type);
    if (present?.status !== bad || WITHOUT_WARNING.has(present.reason)) continue;
    if (previous?.status === bad && previous.reason === present.reason) continue;
    warnings.push({ reason: present.reason, message: present.message });
  }
  return warnings;
}

function find(status: UploadSourceStatus | undefined, type: SourceConditionType) {
  return status?.conditions?.find((condition) => condition.type === type);
}
