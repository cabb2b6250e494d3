/** Kubernetes events for what got worse between two statuses of a source; recorded after the new one was written. Pure. */
import type { Explanation } from '#api/explanation.ts';
import type { UploadSourceStatus } from '#api/upload-source.gen.ts';
import type { SourceConditionType } from '#api/upload-source-conditions.ts';

/** What people do on purpose is no warning. */
const QUIET = new Set(['Suspended', 'NotAccepted']);

export function warningsOf(before: UploadSourceStatus | undefined, after: UploadSourceStatus): Explanation[] {
  const warnings: Explanation[] = [];
  for (const [type, bad] of [
    ['Accepted', 'False'],
    ['Ready', 'False'],
    ['Degraded', 'True'],
  ] as const) {
    const now = find(after, type);
    const known = find(before, type);
    if (now?.status !== bad || QUIET.has(now.reason)) continue;
    if (known?.status === bad && known.reason === now.reason) continue;
    warnings.push({ reason: now.reason, message: now.message });
  }
  return warnings;
}

function find(status: UploadSourceStatus | undefined, type: SourceConditionType) {
  return status?.conditions?.find((condition) => condition.type === type);
}
