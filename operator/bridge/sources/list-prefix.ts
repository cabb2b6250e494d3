/** Lists a prefix once, page by page, and admits the new objects. All known objects of a page cost one ledger query. */
import type { Clock } from '#common/clock.ts';
import { createSemaphore } from '#common/semaphore.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { FilePosition } from '#ledger/types.ts';
import type { Arrivals } from '#operator/bridge/admission/arrivals.ts';
import type { ObjectRules } from '#operator/bridge/admission/object-rules.ts';
import { quietPeriodLeftMs } from '#operator/bridge/admission/quiet-period.ts';
import { noticeId, type RetryQueue } from '#operator/bridge/admission/retry-queue.ts';
import { earlier, positionOf } from '#operator/bridge/model/file-position.ts';
import type { AdmitNotices, ObjectNotice } from '#operator/bridge/model/types.ts';
import type { StateRecorder } from '#operator/bridge/status/source-state.ts';
import type { ListedObject, ListedPage } from '#operator/bridge/storage/storage-calls.ts';
import type { SeenPages } from './seen-pages.ts';

export interface ListDeps {
  source: UploadSource;
  rules: ObjectRules;
  arrivals: Pick<Arrivals, 'listed'>;
  /** @throws Fault */
  list(token: string | null, signal: AbortSignal): Promise<ListedPage>;
  admit: AdmitNotices;
  recorder: StateRecorder;
  retries: RetryQueue;
  seen: SeenPages;
  /** Returns the memory of the files that wait; see createWaitingPages. */
  waits: () => SeenPages;
  clock: Clock;
}

/** A pass records only refused objects that are younger than the previous pass. The margin is for unequal clocks. */
const CLOCK_SKEW_MS = 600_000;

export interface ListPass {
  /**
   * Lists the prefix to its end; a call that comes meanwhile lists after it.
   * @returns the first object in the order of the source that is neither an upload nor in the ledger yet; null: none is.
   * @throws Fault
   */
  run(signal: AbortSignal): Promise<FilePosition | null>;
}

/** @param since wall clock, ms, of the last pass of an earlier process; null when every object counts as new. */
export function createListPass(deps: ListDeps, since: number | null): ListPass {
  const gate = createSemaphore(1);
  let previous = since;
  return {
    run: (signal) =>
      gate.run(async () => {
        const startedAt = deps.clock.now();
        const unhandled = await listPrefix(deps, previous, signal);
        previous = startedAt;
        return unhandled;
      }),
  };
}

/**
 * @param since wall clock, ms, of the start of the previous pass; null when every object counts as new.
 * @returns the first object in the order of the source that is not handled yet.
 */
export async function listPrefix(
  deps: ListDeps,
  since: number | null,
  signal: AbortSignal,
): Promise<FilePosition | null> {
  let token: string | null = null;
  let page = 0;
  let unhandled: FilePosition | null = null;
  do {
    signal.throwIfAborted();
    const { objects, next } = await deps.list(token, signal);
    unhandled = earlier(unhandled, await handlePage(deps, { objects, page, since }, signal));
    token = next;
    page += 1;
  } while (token !== null);
  for (const pages of [deps.seen, deps.waits()]) pages.endPass(page);
  return unhandled;
}

async function handlePage(
  deps: ListDeps,
  { objects, page, since }: { objects: readonly ListedObject[]; page: number; since: number | null },
  signal: AbortSignal,
): Promise<FilePosition | null> {
  const { source, rules, arrivals, recorder, retries, seen, clock } = deps;
  // The memory is taken before the look at the ledger: a waiting file may be dropped, or its source deleted, at any time.
  const waits = deps.waits();
  if (seen.isUnchanged(page, objects) || waits.isUnchanged(page, objects)) return null;
  const { bucket } = source.spec.s3;
  const accepted: (ListedObject & { schemaName: string })[] = [];
  // A page on which every object is handled for good is skipped by later passes until it changes.
  let allHandled = true;
  let unhandled: FilePosition | null = null;
  const isLater = (notice: ObjectNotice, { lastModified }: { lastModified: number }) => {
    allHandled = false;
    unhandled = earlier(unhandled, positionOf(source, notice, lastModified));
  };
  for (const object of objects) {
    const judgement = rules.judge({ bucket, key: object.key });
    const refusal = judgement.accepted ? rules.judgeSize(object.size) : judgement;
    if (refusal === null && judgement.accepted) accepted.push({ ...object, schemaName: judgement.schemaName });
    else if (since === null || object.lastModified > since - CLOCK_SKEW_MS) {
      if (seen.addIgnored(object)) recorder.ignored(object.key, refusal!);
    }
  }
  const known = accepted.length > 0 ? await arrivals.listed(accepted) : [];
  signal.throwIfAborted();
  let hasWaiting = known.includes('Waiting');
  const fresh: ObjectNotice[] = [];
  for (const object of accepted.filter((_, at) => known[at] === null)) {
    if (seen.isKnown(object)) continue;
    if (waits.isKnown(object)) {
      hasWaiting = true;
      continue;
    }
    const notice = toNotice(bucket, object);
    const waitMs = quietPeriodLeftMs(source, object.lastModified, clock.now());
    if (waitMs > 0) {
      isLater(notice, object);
      recorder.begin(noticeId(notice), clock.now() + waitMs);
      retries.put(notice, waitMs);
    } else fresh.push(notice);
  }
  const outcomes = fresh.length > 0 ? await deps.admit(fresh, signal) : [];
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome.kind === 'Later') isLater(fresh[at]!, toListed(fresh[at]!));
    // The object was deleted after the list, or the storage is not consistent yet and the next pass finds it.
    else if (outcome.kind === 'Ignored' && outcome.reason === 'ObjectNotFound') allHandled = false;
    // On some servers HEAD and list differ, so that the ledger query misses the object: it is remembered here.
    else if (outcome.kind === 'Known') seen.addKnown(toListed(fresh[at]!));
    else if (outcome.kind === 'Waiting') {
      hasWaiting = true;
      waits.addKnown(toListed(fresh[at]!));
    }
  }
  if (allHandled) (hasWaiting ? waits : seen).keep(page, objects);
  return unhandled;
}

function toNotice(bucket: string, { key, eTag, size, lastModified }: ListedObject): ObjectNotice {
  return { bucket, key, versionId: null, eTag, size, sequencer: null, event: null, lastModified };
}

function toListed({ key, eTag, size, lastModified }: ObjectNotice): ListedObject {
  return { key, eTag: eTag ?? '', size: size ?? 0, lastModified: lastModified ?? 0 };
}
