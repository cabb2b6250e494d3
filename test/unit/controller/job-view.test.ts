import { expect, it } from 'vitest';
import type { Job } from '#kube/resource-types.ts';
import { unfinishedJobs } from '#operator/controller/job-policy.ts';
import { newestAttempt, viewAllJobs, viewCleanupJobs, viewJob } from '#operator/controller/job-view.ts';
import { UID } from './observed.ts';

it('Jobs of every attempt that are not at their end are found, and not the one that removes a copy', () => {
  const made = (kind: string, attempt: number, ended?: string): Job => ({
    metadata: {
      name: `${kind}-${attempt}`,
      labels: { 'batchupload.dev/kind': kind, 'batchupload.dev/attempt': String(attempt) },
      ownerReferences: [{ apiVersion: 'v', kind: 'BatchUpload', name: 'u', uid: UID }],
    },
    status: ended === undefined ? {} : { conditions: [{ type: ended, status: 'True' }] },
  });
  const jobs = [made('plan', 1, 'Complete'), made('process', 1), made('process', 2), made('cleanup', 1)];
  const names = unfinishedJobs(viewAllJobs(jobs, UID)).map(({ name }) => name);
  expect(names).toEqual(['process-1', 'process-2']);
});

it.each<[string, string, { ended?: string; deletionTimestamp?: string }, boolean]>([
  ['it goes on', `${UID}-cleanup-1`, {}, true],
  ['it is complete', `${UID}-cleanup-1`, { ended: 'Complete' }, false],
  ['it has failed', `${UID}-cleanup-3`, { ended: 'Failed' }, false],
  ['it is being deleted', `${UID}-cleanup-1`, { deletionTimestamp: '2026-01-01T00:00:00Z' }, false],
  ['it is another kind of Job', `${UID}-plan-1`, {}, false],
  ['it is the Job of somebody else', `${UID}-cleanup-x`, {}, false],
])('a Job that removes copies, and %s', (_what, name, { ended, ...deletion }, isFound) => {
  const status = ended === undefined ? {} : { conditions: [{ type: ended, status: 'True' }] };
  const job = { metadata: { name, uid: 'j', ...deletion }, status } as unknown as Job;
  expect(viewCleanupJobs([job], UID)).toEqual(isFound ? [{ name, uid: 'j', kind: 'cleanup' }] : []);
});

it.each([
  ['4', 4],
  [undefined, 1],
  ['', 1],
  ['0', 1],
  ['-3', 1],
  ['0.5', 1],
  ['many', 1],
])('pods of a Job with the note %j have %d sessions each', (note, sessions) => {
  const annotations = note === undefined ? {} : { 'batchupload.dev/sessions-per-pod': note };
  expect(viewJob({ metadata: { name: 'j', annotations } }, 'process', UID).sessionsPerPod).toBe(sessions);
});

it('the newest attempt is known without the ledger', () => {
  const named = (...names: string[]) => names.map((name): Job => ({ metadata: { name } }));
  expect(newestAttempt([], UID)).toBe(1);
  expect(newestAttempt(named(`${UID}-plan-1`, `${UID}-process-12`, `${UID}-plan-2`), UID)).toBe(12);
  expect(newestAttempt(named(`${UID}-cleanup-3`, 'other-plan-4'), UID)).toBe(1);
});
