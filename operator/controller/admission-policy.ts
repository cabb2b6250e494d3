/**
 * Decides what becomes of a Job in a queue of Kueue, which says when the Job has pods and how many. Pure.
 *
 * | the Job                | the spec or the turn asks for              | what happens                             |
 * |------------------------|--------------------------------------------|------------------------------------------|
 * | waits for admission    | what the Job was made with                 | nothing                                  |
 * | waits for admission    | another queue, or none                     | it is made again                         |
 * | waits for admission    | other resources, priority or nodes of its pods | it is made again                     |
 * | waits for admission    | another image alone                        | nothing, it keeps its place              |
 * | waits for admission    | a service account that is not allowed      | nothing, no other Job could be made      |
 * | waits for admission    | other pods, or pods with other sessions    | it is made again                         |
 * | waits for admission    | more sessions, but a limit has no room for all of them | nothing, it keeps its place  |
 * | has pods               | anything else                              | nothing, until Kueue suspends the Job    |
 * | has planned, and ends  | a Job of several pods                      | that Job is made when this one has ended |
 *
 * The values that Kueue sets on a Job are left as they are. Kueue refuses a changed parallelism for some Jobs, and evicts others
 * for it; the sessions of a pod are part of the template, which nobody may change.
 */
import { sessionsOfPod } from '#common/job-contract.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { templateOfNote } from '#operator/jobs/pod-template.ts';
import { podsOfLoad, sizeOfPlanned } from '#operator/jobs/pods-of-load.ts';
import type { JobView, Observed } from './types.ts';

/** Does the Job wait until Kueue gives it pods, for the first time or after an eviction? */
export function waitsForAdmission(job: JobView | null): job is JobView & { queue: string } {
  return job?.owned === true && !job.deleting && job.verdict === 'none' && job.queue !== null && job.suspended;
}

/** Kueue gives the quota of a Job back some moments after the Job has ended. */
const GIVES_BACK_MS = 2_000;

/**
 * Says that the Job that has planned still holds quota of the queue. Kueue would admit the next Job with one pod less, and leave it
 * so to the end of the file. A Job whose pod does not end by itself is not waited for.
 * @returns the time to wait, in ms; Infinity: until the Job has ended; 0: no longer
 */
export function quotaHeldMs({ upload, jobs: { plan }, pods }: Pick<Observed, 'upload' | 'jobs' | 'pods'>): number {
  if (upload.spec.queueName === undefined || !plan?.owned) return 0;
  const { name, finished, deleting, suspended, stateMs } = plan;
  if (finished) return Math.max(0, GIVES_BACK_MS - stateMs);
  if (deleting || suspended) return 0;
  return pods.some((pod) => pod.job === name && (pod.deleting || pod.outliving.length > 0)) ? 0 : Infinity;
}

/** The sessions that the pods may have together: the chart's limits may allow fewer than the upload asks for. */
export function sessionsWanted({ upload, turn }: Pick<Observed, 'upload' | 'turn'>): number {
  return turn.type === 'admitted' ? turn.sessions : upload.spec.parallelism;
}

/** Says why a Job that waits for admission has to be made again; null where it has not, or does not wait. */
export function findMisfit(
  observed: Pick<Observed, 'upload' | 'turn' | 'settings' | 'refusedAccount'>,
  row: UploadProgress,
  job: JobView,
): string | null {
  if (!waitsForAdmission(job) || observed.refusedAccount) return null;
  const { queueName, parallelism } = observed.upload.spec;
  if (job.appliedQueue !== (queueName ?? null))
    return 'it waits in a queue, and spec.queueName has another value by now';
  const template = templateOfNote(job.settings);
  if (template !== null && template !== templateOfNote(observed.settings))
    return 'it waits in a queue, and the chart or spec.podTemplate has other values by now';
  // Something has taken the notes of this Job away, and would take them from the next one, too.
  if (job.appliedParallelism === null) return null;
  const wanted = sessionsWanted(observed);
  // Sessions that a limit of the chart leaves by and by are not worth the Job's place in the queue.
  const isLimited = wanted < parallelism;
  if (isLimited && job.appliedParallelism * job.sessionsPerPod <= wanted) return null;
  const sessionsPerPod = sessionsOfPod(wanted);
  const size = sizeOfPlanned(row);
  const pods = size === null ? 1 : podsOfLoad(wanted, { size, sessionsPerPod });
  const fits = job.sessionsPerPod === sessionsPerPod && job.appliedParallelism === pods;
  return fits ? null : 'it waits in a queue, and the upload may have other sessions by now';
}
