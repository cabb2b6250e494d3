/** Lists a prefix once, page by page, and admits the new objects. All known objects of a page cost one ledger query. */
import type { Clock } from '#common/clock.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { Arrivals } from '#operator/bridge/admission/arrivals.ts';
import type { ObjectRules } from '#operator/bridge/admission/object-rules.ts';
import { quietPeriodLeftMs } from '#operator/bridge/admission/quiet-period.ts';
import { noticeId, type RetryQueue } from '#operator/bridge/admission/retry-queue.ts';
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
  clock: Clock;
}

/** A pass records only refused objects that are younger than the previous pass. The margin is for unequal clocks. */
const CLOCK_SKEW_MS = 600_000;

/** @param since wall clock, ms, of the start of the previous pass; null when every object counts as new. */
export async function listPrefix(deps: ListDeps, since: number | null, signal: AbortSignal): Promise<void> {
  let token: string | null = null;
  let page = 0;
  do {
    signal.throwIfAborted();
    const { objects, next } = await deps.list(token, signal);
    await handlePage(deps, { objects, page, since }, signal);
    token = next;
    page += 1;
  } while (token !== null);
  deps.seen.endPass(page);
}

async function handlePage(
  deps: ListDeps,
  { objects, page, since }: { objects: readonly ListedObject[]; page: number; since: number | null },
  signal: AbortSignal,
): Promise<void> {
  const { source, rules, arrivals, recorder, retries, seen, clock } = deps;
  if (seen.isUnchanged(page, objects)) return;
  const { bucket } = source.spec.s3;
  const accepted: (ListedObject & { schemaName: string })[] = [];
  // A page on which every object is handled is skipped by later passes until it changes.
  let allHandled = true;
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
  const fresh: ObjectNotice[] = [];
  for (const object of accepted.filter((_, at) => !known[at])) {
    if (seen.isKnown(object)) continue;
    const notice = toNotice(bucket, object);
    const waitMs = quietPeriodLeftMs(source, object.lastModified, clock.now());
    if (waitMs > 0) {
      allHandled = false;
      recorder.begin(noticeId(notice), clock.now() + waitMs);
      retries.put(notice, waitMs);
    } else fresh.push(notice);
  }
  const outcomes = fresh.length > 0 ? await deps.admit(fresh, signal) : [];
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome.kind === 'Later') allHandled = false;
    // The object was deleted after the list, or the storage is not consistent yet and the next pass finds it.
    else if (outcome.kind === 'Ignored' && outcome.reason === 'ObjectNotFound') allHandled = false;
    // On some servers HEAD and list differ, so that the ledger query misses the object: it is remembered here.
    else if (outcome.kind === 'Known') seen.addKnown(toListed(fresh[at]!));
  }
  if (allHandled) seen.keep(page, objects);
}

function toNotice(bucket: string, { key, eTag, size, lastModified }: ListedObject): ObjectNotice {
  return { bucket, key, versionId: null, eTag, size, sequencer: null, event: null, lastModified };
}

function toListed({ key, eTag, size, lastModified }: ObjectNotice): ListedObject {
  return { key, eTag: eTag ?? '', size: size ?? 0, lastModified: lastModified ?? 0 };
}
