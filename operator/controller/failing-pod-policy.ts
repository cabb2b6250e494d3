/**
 * Finds pods that fail again and again while their Job still tries. Pure.
 *
 * | observed of one index of the Job         | said                                             |
 * |------------------------------------------|--------------------------------------------------|
 * | a pod has succeeded                      |                                                  |
 * | the newest pod has failed                | PodsFailing, until the next pod runs             |
 * | two pods or more have failed             | PodsFailing, until one succeeds                  |
 * | two pods or more were ended from outside | PodsDisrupted                                    |
 */
import type { UploadExplanation } from '#api/explanation.ts';
import { count } from '#common/text.ts';
import { RETRIES_PER_INDEX } from '#operator/jobs/pod-template.ts';
import { describeEnd } from './failure-policy.ts';
import type { JobView, Observed, PodView } from './types.ts';

/** One pod that is evicted is everyday life of a cluster. */
const MANY_DISRUPTIONS = 2;
/** Time for which the status speaks of evicted pods after the last one. */
const SAID_MS = 600_000;

export interface FailingResult {
  failing: UploadExplanation | null;
  /** Time until the status stops to speak of evicted pods, unless more are evicted; null when it does not. */
  checkAfterMs: number | null;
}

export function findFailing(
  { pods, disruptions }: Pick<Observed, 'pods' | 'disruptions'>,
  job: JobView | null,
): FailingResult {
  if (job === null || job.suspended || job.verdict !== 'none') return NOT_FAILING;
  const byIndex = Map.groupBy(
    pods.filter((pod) => pod.job === job.name),
    ({ index }) => index,
  );
  let worst: PodView[] = [];
  for (const tries of byIndex.values()) {
    if (tries.some(({ phase }) => phase === 'Succeeded')) continue;
    const failed = tries.filter((pod) => isFailed(pod) && pod.disrupted === null);
    const isTriedAgain = tries.some(({ phase }) => phase === 'Running' || phase === 'Pending');
    const isFailing = failed.length >= 2 || (failed.length === 1 && !isTriedAgain);
    if (isFailing && failed.length > worst.length) worst = failed;
  }
  if (worst.length > 0) return { failing: explainFailing(worst), checkAfterMs: null };
  if (disruptions === null || disruptions.count < MANY_DISRUPTIONS || disruptions.agoMs >= SAID_MS) return NOT_FAILING;
  return { failing: explainDisrupted(disruptions), checkAfterMs: SAID_MS - disruptions.agoMs };
}

const NOT_FAILING: FailingResult = { failing: null, checkAfterMs: null };

const isFailed = ({ phase, terminated }: PodView) => phase === 'Failed' && terminated !== null;

function explainFailing(failed: readonly PodView[]): UploadExplanation {
  const last = failed.reduce((a, b) => ((a.terminated?.finishedAt ?? 0) > (b.terminated?.finishedAt ?? 0) ? a : b));
  const times =
    failed.length === 1
      ? 'A pod has failed once'
      : `Pods for the same part of the upload have failed ${failed.length} times`;
  return {
    reason: 'PodsFailing',
    message: `${times}; Kubernetes tries ${RETRIES_PER_INDEX + 1} times, then the upload fails. ${describeEnd(last)}`,
  };
}

function explainDisrupted({
  count: times,
  pod,
  reason,
  message,
}: NonNullable<Observed['disruptions']>): UploadExplanation {
  const said = message === '' ? '' : `: ${message.replace(/[.\s]*$/, '')}`;
  return {
    reason: 'PodsDisrupted',
    message: `${count(times, 'pod')} of the upload were ended from outside before their work was done, and each time a new pod goes on where the last one was. The last one is ${pod} (${reason}${said}). If this goes on, find what evicts them: a full node, a drain, or a pod of a higher priority.`,
  };
}
