/** One pass over a prefix, page by page: what is new is admitted, what is known costs one question a page. */
import type { Clock } from '#common/clock.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { Arrivals } from '#operator/bridge/admission/arrivals.ts';
import type { ObjectRules } from '#operator/bridge/admission/object-rules.ts';
import { quietPeriodLeftMs } from '#operator/bridge/admission/quiet-period.ts';
import { noticeId, type RetryQueue } from '#operator/bridge/admission/retry-queue.ts';
import type { StateRecorder } from '#operator/bridge/status/source-state.ts';
import type { ListedObject, ListedPage } from '#operator/bridge/storage/storage-calls.ts';
import type { AdmitNotices, ObjectNotice } from '#operator/bridge/types.ts';
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

/** An object that is not meant is told of once: it is new when it is younger than the list before, with room for clocks. */
const CLOCKS_MS = 600_000;

/** @param since start of the pass before, wall clock in ms; null: everything is new. */
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
  const meant: (ListedObject & { schemaName: string })[] = [];
  let settled = true;
  for (const object of objects) {
    const judgement = rules.judge({ bucket, key: object.key });
    const refusal = judgement.meant ? rules.judgeSize(object.size) : judgement;
    if (refusal === null && judgement.meant) meant.push({ ...object, schemaName: judgement.schemaName });
    else if (since === null || object.lastModified > since - CLOCKS_MS) {
      if (seen.addIgnored(object)) recorder.ignored(object.key, refusal!);
    }
  }
  const known = meant.length > 0 ? await arrivals.listed(meant) : [];
  signal.throwIfAborted();
  const fresh: ObjectNotice[] = [];
  for (const object of meant.filter((_, at) => !known[at])) {
    if (seen.isKnown(object)) continue;
    const notice = toNotice(bucket, object);
    const waitMs = quietPeriodLeftMs(source, object.lastModified, clock.now());
    if (waitMs > 0) {
      settled = false;
      recorder.begin(noticeId(notice), clock.now() + waitMs);
      retries.put(notice, waitMs);
    } else fresh.push(notice);
  }
  const outcomes = fresh.length > 0 ? await deps.admit(fresh, signal) : [];
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome.kind === 'Later') settled = false;
    // Deleted meanwhile, and the next list lacks it; or the storage does not show everywhere yet what it lists.
    else if (outcome.kind === 'Ignored' && outcome.reason === 'ObjectNotFound') settled = false;
    // Its head said something else than the list, as some servers do: not asked for again at every pass.
    else if (outcome.kind === 'Known') seen.addKnown(toListed(fresh[at]!));
  }
  if (settled) seen.keep(page, objects);
}

function toNotice(bucket: string, { key, eTag, size, lastModified }: ListedObject): ObjectNotice {
  return { bucket, key, versionId: null, eTag, size, sequencer: null, event: null, lastModified };
}

function toListed({ key, eTag, size, lastModified }: ObjectNotice): ListedObject {
  return { key, eTag: eTag ?? '', size: size ?? 0, lastModified: lastModified ?? 0 };
}
