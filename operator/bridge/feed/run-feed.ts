/**
 * Gives the waiting files of one source their turn, in their order, and deletes ended uploads beyond the history limits.
 * What waits and what has its turn is in the ledger, and what has ended is in the API server, so that a process that
 * starts anew, or a second one, goes on where the first one was. Before a file of a Serial source has its turn the prefix
 * is listed to its end, so that every file that is older and has arrived by then comes first.
 */
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import { createSemaphore } from '#common/semaphore.ts';
import { BATCH_UPLOADS, type UploadSource } from '#kube/custom-resources.ts';
import { isConflict } from '#kube/errors.ts';
import type { KubeClient } from '#kube/types.ts';
import type { FilePosition, WaitingFile } from '#ledger/types.ts';
import type { NewArrival } from '#operator/bridge/admission/arrivals.ts';
import { type FeedRules, hasWaitingLine } from '#operator/bridge/model/feed-rules.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';
import type { StateRecorder } from '#operator/bridge/status/source-state.ts';
import { type ActiveUpload, describeFeed } from './describe-feed.ts';
import { chooseExpired } from './history-policy.ts';
import { type PrepareTurnDeps, prepareTurn } from './prepare-turn.ts';
import { describeUpload, hasEnded, hasFailed, type SourceUpload, type SourceUploads } from './source-uploads.ts';
import { decideTurn, type TurnDecision } from './turn-policy.ts';
import { OUT_OF_ORDER, type Turn, type WaitingFiles, type WaitingLine } from './waiting-line.ts';

/** The first file that is not in the ledger yet; `Unknown` while nobody can say; null when there is none. */
export type Unhandled = FilePosition | 'Unknown' | null;

export interface FeedDeps extends PrepareTurnDeps {
  source: UploadSource;
  rules: FeedRules;
  files: WaitingFiles;
  /** Null where the uploads need not be known, since nothing limits them. */
  uploads: SourceUploads | null;
  client: Pick<KubeClient, 'find' | 'delete'>;
  /** Creates the upload of a turn. @returns false when it was created before. @throws Fault, KubeError */
  create(file: NewArrival, signal: AbortSignal): Promise<boolean>;
  /** Looks at everything that has arrived by now. Called for Serial only. @throws Fault */
  findUnhandled(signal: AbortSignal): Promise<Unhandled>;
  /** Called before every creation, so that uploads of an earlier process are counted first. @throws Fault */
  recount(): Promise<void>;
  recorder: StateRecorder;
  clock: Clock;
  /** Time between two looks while files wait or uploads are limited. */
  tickMs: number;
  /** Called for each upload that was deleted because of a history limit. */
  onDeleted?: (() => void) | undefined;
}

export interface Feed {
  /** Asks for a look at once, because something has changed. */
  wake(): void;
  /** Runs until the signal aborts; never throws. */
  run(signal: AbortSignal): Promise<void>;
}

const BACKOFF = { baseMs: 2_000, maxMs: 60_000 };
/** The time between two looks at a source without limits, where only an earlier spec can have left waiting files. */
const UNLIMITED_TICK_MS = 600_000;
/** Files that have their turn in one step, and uploads that are deleted in one step. */
const BATCH = 100;
/** Uploads that are looked up in the ledger together. */
const LOOKUP = 1_000;
const CONCURRENCY = 8;
const CALL_MS = 15_000;
/** After this time without a first list of the uploads the source says so. */
const LIST_PATIENCE_MS = 30_000;

const NOT_LISTED = {
  reason: 'UploadsNotListed',
  message:
    'The bridge cannot list the BatchUploads of the source, so that no file has its turn. Check that the API server answers, and that the chart’s Role of the bridge allows to list and watch batchuploads in the namespace.',
} as const;

export function createFeed(deps: FeedDeps): Feed {
  const { recorder, clock, uploads } = deps;
  let awake = new AbortController();
  return {
    wake: () => awake.abort(),
    async run(signal) {
      const startedAt = clock.monotonic();
      let failures = 0;
      let isBegun = false;
      while (!signal.aborted) {
        awake = new AbortController();
        const either = AbortSignal.any([signal, awake.signal]);
        let waitMs = uploads === null ? UNLIMITED_TICK_MS : deps.tickMs;
        try {
          // The first list of the watch wakes the feed.
          const isListed = uploads === null || uploads.hasSynced;
          if (!isBegun) await dropLeftOut(deps, signal);
          isBegun = true;
          if (isListed) await advance(deps, signal);
          if (isListed) recorder.problem('feed', null);
          else if (clock.monotonic() - startedAt > LIST_PATIENCE_MS) recorder.problem('feed', NOT_LISTED);
          failures = 0;
        } catch (error) {
          if (signal.aborted) return;
          failures += 1;
          recorder.problem('feed', explainError(error));
          waitMs = backoffMs(failures, BACKOFF);
        }
        await sleep(clock, waitMs, either);
      }
    },
  };
}

/**
 * Drops the waiting files that the spec leaves out by now: another source may have to take them, and their turn may be far
 * away. A file of an SFTP source stays until its turn, since no other source can take it, and it does not come again.
 * @throws Fault, KubeError
 */
async function dropLeftOut({ source, objectRules, files, recorder }: FeedDeps, signal: AbortSignal): Promise<void> {
  if (source.spec.sftp) return;
  for (let page = await files.waiting(''); page.length > 0; page = await files.waiting(page.at(-1)!.name)) {
    for (const { name, bucket, key, size } of page) {
      signal.throwIfAborted();
      const judgement = objectRules.judge({ bucket, key });
      const refusal = judgement.accepted ? objectRules.judgeSize(size) : judgement;
      if (refusal === null) continue;
      const { reason, message } = refusal;
      await files.drop({ name, from: 'Waiting', reason, message });
      recorder.ignored(key, { reason, message });
    }
  }
}

/** Takes steps until no file can have its turn, then deletes what is beyond the history limits. @throws Fault, KubeError */
async function advance(deps: FeedDeps, signal: AbortSignal): Promise<void> {
  await deps.recount();
  while (await takeStep(deps, signal)) signal.throwIfAborted();
  await deleteExpired(deps, signal);
}

/** @returns whether files had their turn, so that another step may find more. */
async function takeStep(deps: FeedDeps, signal: AbortSignal): Promise<boolean> {
  const { rules, files } = deps;
  const { active, ended, lastTurn } = await observe(deps, signal);
  const loaded = rules.serial ? await refuseOlder(deps) : null;
  const failedLast = await findFailedLast(deps, { ended, loaded });
  const decision = decideTurn({ rules, active: active.map(({ name }) => name), failedLast });
  const step = { ...(await files.read()), active, decision, ended };
  if (decision.kind !== 'Free' || step.waiting === 0) {
    report(deps, step, null);
    return false;
  }
  const unhandled = rules.serial ? await deps.findUnhandled(signal) : null;
  if (unhandled === 'Unknown') {
    report(deps, step, unhandled);
    return false;
  }
  // The list may have brought files that are older than what is loaded.
  const notBefore = rules.serial ? await refuseOlder(deps) : null;
  const room = Math.min(decision.room, BATCH);
  const taken = await files.take({ lastTurn, room, before: unhandled, notBefore });
  report(deps, step, unhandled);
  const states = await inParallel(taken, (file) => startTurn(deps, file, signal));
  return taken.length > 0 && !states.includes('Creating');
}

/** Refuses waiting files that are older than what was loaded. @returns the newest file that was loaded. */
async function refuseOlder({ files, recorder }: FeedDeps): Promise<FilePosition | null> {
  const loaded = await files.newestLoaded();
  if (loaded === null) return null;
  for (const { key, message } of await files.refuseOlder(loaded)) {
    const why = { reason: OUT_OF_ORDER, message };
    recorder.ignored(key, why);
    recorder.warn({ reason: OUT_OF_ORDER, message: `${key}: ${message}` });
  }
  return loaded;
}

interface Observed extends Pick<WaitingLine, 'lastTurn'> {
  active: ActiveUpload[];
  ended: SourceUpload[];
}

/**
 * Looks at the source's uploads, and notes in the ledger which turns have ended. The upload of the last turn is known even
 * if the watch is behind: another bridge may have given that turn, and may have noted its end. An upload has not ended while
 * it is open in the ledger, whatever its status says and whether or not its resource exists: a promoted standby may lack its
 * end, and the operator then goes on with the upload or closes its row. Its turn may have ended long ago.
 */
async function observe(deps: FeedDeps, signal: AbortSignal): Promise<Observed> {
  const { uploads, files, rules } = deps;
  const active = new Map<string, ActiveUpload>();
  const endedTurns: string[] = [];
  const { turns, open, lastTurn } = await files.read();
  await inParallel(turns, async (turn) => {
    const state = turn.isCreated ? await observeTurn(deps, turn, signal) : await startTurn(deps, turn, signal);
    if (state === 'Ended') endedTurns.push(turn.name);
    else if (state !== 'Dropped') active.set(turn.name, { name: turn.name, key: turn.key, state });
  });
  await files.end(endedTurns);
  const known = uploads?.all() ?? [];
  const openKeys = new Map(uploads === null ? [] : open.map(({ name, key }) => [name, key]));
  const asked = new Set([...(rules.serial && lastTurn !== null ? [lastTurn.name] : []), ...openKeys.keys()]);
  const unseen = [...asked].filter((name) => !active.has(name) && !uploads?.get(name));
  const gone = new Set<string>();
  await inParallel(unseen, async (name) => {
    const found = await findUpload(deps, name, signal);
    if (found !== undefined) known.push(found);
    else gone.add(name);
  });
  for (const [name, key] of openKeys) {
    if (!active.has(name)) active.set(name, { name, key, state: gone.has(name) ? 'Ending' : 'Active' });
  }
  for (const upload of known) if (!hasEnded(upload)) active.set(upload.name, upload);
  const ended = known.filter((upload) => hasEnded(upload) && !active.has(upload.name));
  return { active: [...active.values()], ended, lastTurn };
}

/** @returns `Ended`, or what the upload does. */
async function observeTurn(deps: FeedDeps, turn: Turn, signal: AbortSignal): Promise<ActiveUpload['state'] | 'Ended'> {
  const { uploads } = deps;
  if (uploads === null) return 'Ended';
  // Where the watch has no such upload, it is behind, or somebody has taken the label away, or the upload was deleted.
  const found = uploads.get(turn.name) ?? (await findUpload(deps, turn.name, signal));
  if (found !== undefined && !hasEnded(found)) return found.state;
  if (!turn.isOpen) return 'Ended';
  return found === undefined ? 'Ending' : 'Active';
}

async function findUpload(
  { client, source }: FeedDeps,
  name: string,
  signal: AbortSignal,
): Promise<SourceUpload | undefined> {
  const ref = { namespace: source.metadata.namespace, name };
  const found = await client.find(BATCH_UPLOADS, ref, { signal, timeoutMs: CALL_MS });
  return found && describeUpload(found);
}

/** Creates the upload of a turn. @returns null when the upload exists. */
async function startTurn(
  deps: FeedDeps,
  waiting: WaitingFile,
  signal: AbortSignal,
): Promise<'Creating' | 'Dropped' | null> {
  const { recorder, files, clock } = deps;
  const { name } = waiting;
  try {
    const turn = await prepareTurn(deps, waiting, signal);
    // A bridge that ended before it recorded the arrival may have created the upload of what the file was then.
    if (turn.kind === 'Drop' && (await findUpload(deps, name, signal)) === undefined) {
      if (turn.instead) await files.add([turn.instead]);
      await files.drop({ name, from: 'Taken', ...turn.why });
      recorder.end(name, waiting, { kind: 'Ignored', ...turn.why });
      return 'Dropped';
    }
    const isNew = await deps.create(turn.file, signal);
    recorder.end(name, waiting, { kind: isNew ? 'Created' : 'Known', name });
    return null;
  } catch (error) {
    signal.throwIfAborted();
    recorder.begin(name, clock.now());
    recorder.end(name, waiting, { kind: 'Later', ...explainError(error) });
    return 'Creating';
  }
}

/** The failed uploads of which nothing newer was loaded, in their order. Nobody asks for them without an order. */
async function findFailedLast(
  { rules, files }: FeedDeps,
  { ended, loaded }: { ended: readonly SourceUpload[]; loaded: FilePosition | null },
): Promise<readonly string[]> {
  if (!rules.serial || rules.skipFailed) return [];
  return files.atTheEnd(
    ended.filter(hasFailed).map(({ name }) => name),
    loaded,
  );
}

async function deleteExpired(deps: FeedDeps, signal: AbortSignal): Promise<void> {
  const { rules, uploads, files } = deps;
  const seen = (uploads?.all() ?? []).filter(hasEnded);
  const toCandidate = (upload: SourceUpload) => ({ ...upload, isSuccessful: upload.state === 'Complete' });
  const isBeyond = chooseExpired(seen.map(toCandidate), { limits: rules.keep, holding: new Set() }).length > 0;
  if (!isBeyond) return;
  // A part of an upload that is open in the ledger is still to be loaded, whatever its status says.
  const open = new Set((await files.read()).open.map(({ name }) => name));
  const ended = seen.filter(({ name }) => !open.has(name));
  const loaded = rules.serial ? await files.newestLoaded() : null;
  const holding = new Set(await findFailedLast(deps, { ended, loaded }));
  // An upload whose arrival is not recorded would be created again, and one that somebody has applied is not counted.
  const own = await findOwn(
    deps,
    ended.map(({ name }) => name),
  );
  const expired = chooseExpired(ended.filter(({ name }) => own.has(name)).map(toCandidate), {
    limits: rules.keep,
    holding,
  });
  await inParallel(expired.slice(0, BATCH), (upload) => deleteUpload(deps, upload, signal));
}

async function findOwn({ files }: FeedDeps, names: readonly string[]): Promise<Set<string>> {
  let own = new Set<string>();
  for (let at = 0; at < names.length; at += LOOKUP) {
    own = own.union(await files.ownUploads(names.slice(at, at + LOOKUP)));
  }
  return own;
}

/** Deletes the upload as it was seen: one that was changed since, by a retry for example, stays. */
async function deleteUpload(deps: FeedDeps, upload: SourceUpload, signal: AbortSignal): Promise<void> {
  const { client, source, onDeleted } = deps;
  const { name, uid, resourceVersion } = upload;
  const ref = { namespace: source.metadata.namespace, name };
  try {
    const preconditions = { uid, resourceVersion };
    const options = { preconditions, propagationPolicy: 'Background', signal, timeoutMs: CALL_MS } as const;
    if (await client.delete(BATCH_UPLOADS, ref, options)) onDeleted?.();
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}

interface Step extends WaitingLine {
  active: readonly ActiveUpload[];
  ended: readonly SourceUpload[];
  decision: TurnDecision;
}

function report(
  { rules, source, recorder }: FeedDeps,
  { active, ended, waiting, since, decision }: Step,
  unhandled: Unhandled,
): void {
  if (!hasWaitingLine(rules)) return;
  const { namespace } = source.metadata;
  const holder = decision.kind === 'Held' ? ended.find(({ name }) => name === decision.by) : undefined;
  recorder.feed(describeFeed({ namespace, rules, active, waiting, decision, holder, unhandled }));
  recorder.waitingSince('feed', since?.getTime() ?? null);
}

function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const gate = createSemaphore(CONCURRENCY);
  return Promise.all(items.map((item) => gate.run(() => work(item))));
}
