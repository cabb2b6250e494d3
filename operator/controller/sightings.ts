/**
 * What the controller has seen of Jobs and pods over several reconciles. Durations are those of the controller's own monotonic clock,
 * because the clocks of the API server and of the nodes may differ by minutes. Pure.
 */
import type { Clock } from '#common/clock.ts';
import type { JobView, JobViews, PodView, Seen } from './types.ts';
import type { UploadMemory } from './upload-memory.ts';

/** A Job that lived for longer than this before it vanished counts as the first one. */
const FORGIVEN_MS = 600_000;

/** Adds to each Job and pod how long it has been seen in its present state. */
export function lookAt(
  { plan, process }: JobViews,
  pods: readonly PodView[],
  { memory, at }: { memory: Readonly<UploadMemory>; at: number },
): { jobs: JobViews<Seen<JobView>>; pods: Seen<PodView>[]; seen: UploadMemory['seen'] } {
  const seen = new Map<string, { state: string; at: number }>();
  const see = <T extends JobView | PodView>(view: T, state: string): Seen<T> => {
    const known = memory.seen.get(view.name);
    const sighting = known?.state === state ? known : { state, at };
    seen.set(view.name, sighting);
    return { ...view, stateMs: at - sighting.at };
  };
  const job = (view: JobView | null) =>
    view && see(view, [view.uid, view.verdict, view.suspended, view.active === 0].join());
  const pod = (view: PodView) => see(view, [view.phase, view.deleting, view.outliving.length > 0].join());
  return { jobs: { plan: job(plan), process: job(process) }, pods: pods.map(pod), seen };
}

export function lastCreation({ created }: Readonly<UploadMemory>, name: string, clock: Clock) {
  if (created?.name !== name) return null;
  const agoMs = clock.monotonic() - created.at;
  return agoMs > FORGIVEN_MS ? null : { times: created.times, agoMs };
}

/** Kubernetes removes an evicted pod soon, so each one is counted when it is seen. */
export function countDisruptions(
  pods: readonly PodView[],
  { memory: { disruptions: known }, at }: { memory: Readonly<UploadMemory>; at: number },
): UploadMemory['disruptions'] {
  let counted = known;
  for (const { name, disrupted } of pods) {
    if (disrupted === null || counted?.pods.has(name)) continue;
    const all = new Set(counted?.pods).add(name);
    counted = { ...disrupted, pod: name, count: (counted?.count ?? 0) + 1, pods: all, at };
  }
  return counted;
}
