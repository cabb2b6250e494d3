/** Runs one UploadSource: its admission, and the loops that bring it notices of objects. */
import type { S3Client } from '@aws-sdk/client-s3';
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { Logger } from '#common/log.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { KubeClient } from '#kube/types.ts';
import { type AdmissionDeps, createAdmission } from '#operator/bridge/admission/admit.ts';
import {
  type Arrivals,
  type ArrivalsDeps,
  createArrivals,
  createSourceLedger,
} from '#operator/bridge/admission/arrivals.ts';
import { createAndRecord } from '#operator/bridge/admission/create-upload.ts';
import { type ObjectRules, watchedPrefix } from '#operator/bridge/admission/object-rules.ts';
import { createRetryQueue, type RetryQueue } from '#operator/bridge/admission/retry-queue.ts';
import { createFeed, type Feed, type Unhandled } from '#operator/bridge/feed/run-feed.ts';
import { createSourceUploads, type SourceUploads } from '#operator/bridge/feed/source-uploads.ts';
import { createWaitingFiles, type WaitingFiles, watchFreed } from '#operator/bridge/feed/waiting-line.ts';
import { feedRules, hasWaitingLine, isSerial, needsUploads } from '#operator/bridge/model/feed-rules.ts';
import type { BridgeMetrics } from '#operator/bridge/model/metrics.ts';
import type { Activity, AdmitNotices, Receiver, ReceiverDeps } from '#operator/bridge/model/types.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';
import {
  addUnreported,
  MAX_RECENT,
  type SourceState,
  type StateRecorder,
} from '#operator/bridge/status/source-state.ts';
import { headVersion, listPage } from '#operator/bridge/storage/storage-calls.ts';
import type { SecretReader, StorageClients } from '#operator/tenancy/storage-clients.ts';
import { type AfterSuccessDeps, runAfterSuccess } from './after-success.ts';
import { keepRunning } from './keep-running.ts';
import { createListPass, type ListPass } from './list-prefix.ts';
import { pollPrefix } from './poll-prefix.ts';
import { createSeenPages, createWaitingPages, type SeenPages } from './seen-pages.ts';

/** One receiver for each kind of source that does not only list. */
export interface Receivers {
  sqs: Receiver;
  webhook: Receiver;
  sftp: Receiver;
}

export interface RunSourceDeps extends ArrivalsDeps {
  client: KubeClient;
  secrets: SecretReader;
  storage: StorageClients;
  receivers: Receivers;
  metrics: BridgeMetrics;
  clock: Clock;
  log: Logger;
  /** Counts, by namespace, how often a file that waited may have become free for a source that finds it. */
  freed: Map<string, number>;
  /** Time between two searches for objects that are due to be deleted or moved; 15 s when absent. */
  afterSuccessMs?: number;
  /** Time between two looks at the files that wait for their turn; 15 s when absent. */
  feedMs?: number;
}

export interface SourceRun {
  source: UploadSource;
  rules: ObjectRules;
  state: SourceState;
  recorder: StateRecorder;
  /** Delay of the first list. */
  delayMs: number;
  /**
   * A suspended source creates nothing: posted events are refused, messages stay in their queue, files stay in place.
   */
  suspended: boolean;
}

const AFTER_SUCCESS_MS = 15_000;
const FEED_MS = 15_000;
/** The memory of waiting files is thrown away after this time, since another bridge may have dropped some. */
const WAITS_MS = 600_000;

/** The activity without which a source sees no files. */
export function mainActivity({ spec }: UploadSource): Activity {
  if (spec.s3Poll) return 'list';
  return spec.sftp ? 'fetch' : 'receive';
}

/** Runs until the signal aborts; never throws. */
export async function runSource(deps: RunSourceDeps, run: SourceRun, signal: AbortSignal): Promise<void> {
  const parts = createParts(deps, run);
  if (run.suspended) {
    if (run.source.spec.s3Event?.webhook) await receive(deps, parts, 'webhook', signal);
    return;
  }
  await Promise.all([
    ...startAdmission(deps, parts, signal),
    ...startIntake(deps, parts, signal),
    ...startFeed(parts, signal),
    ...startAfterSuccess(deps, parts, signal),
  ]);
}

/** What the loops of one run share. */
interface Parts extends SourceRun {
  arrivals: Arrivals;
  retries: RetryQueue;
  callStorage: CallStorage;
  admit: AdmitNotices;
  recount: () => Promise<void>;
  /** The passes over the prefix of a source that lists. */
  pass: ListPass;
  feed: Feed;
  uploads: SourceUploads | null;
  /** Replaced by a receiver that knows of files which are not in the bucket yet. */
  remote: { findUnhandled: (() => Unhandled) | null };
}

function createParts(deps: RunSourceDeps, run: SourceRun): Parts {
  const { source, suspended, recorder } = run;
  const { client, clock, log, metrics } = deps;
  const ledger = createSourceLedger(deps, source);
  const arrivals = createArrivals(ledger, source);
  const { namespace } = source.metadata;
  const { freed } = deps;
  const onFreed = () => void freed.set(namespace, (freed.get(namespace) ?? 0) + 1);
  const files = watchFreed(createWaitingFiles(ledger, source), onFreed);
  const waits = createWaitingPages(() =>
    JSON.stringify([freed.get(namespace), Math.floor(clock.monotonic() / WAITS_MS), ledger.sources().sort()]),
  );
  const rules = feedRules(source);
  const retries = createRetryQueue({ clock });
  const recount = createRecount(run, { arrivals, files });
  const callStorage = createCallStorage(deps, source);
  const head = headOf(source, callStorage);
  const remote: Parts['remote'] = { findUnhandled: null };
  const onCreated = (seconds: number) => metrics.eventToUpload.observe(seconds);
  const enqueue: AdmissionDeps['enqueue'] = async (waiting) => {
    await files.add(waiting);
    if (waiting.length > 0) feed.wake();
  };
  const admission: AdmissionDeps = {
    ...{ source, rules: run.rules, client, arrivals, recorder, retries, clock, head, recount, onCreated },
    enqueue: hasWaitingLine(rules) ? enqueue : null,
  };
  const admit = suspended ? postponeAll : createAdmission(admission);
  const pass = createPass(run, { arrivals, retries, callStorage, admit, waits, clock });
  const onChange = () => feed.wake();
  const uploads = needsUploads(rules) ? createSourceUploads({ client, source, log, onChange }) : null;
  const feed: Feed = createFeed({
    ...{ source, rules, files, uploads, client, head, recount, recorder, clock },
    objectRules: run.rules,
    create: (file, ending) => createAndRecord({ source, client, arrivals, clock, onCreated }, file, ending),
    findUnhandled: async (ending) => {
      if (!source.spec.sftp) return pass.run(ending);
      return remote.findUnhandled === null ? 'Unknown' : remote.findUnhandled();
    },
    tickMs: deps.feedMs ?? FEED_MS,
    onDeleted: () => metrics.deletedUploads.inc(),
  });
  return { ...run, arrivals, retries, callStorage, admit, recount, pass, feed, uploads, remote };
}

function headOf({ spec }: UploadSource, callStorage: CallStorage): AdmissionDeps['head'] {
  const { bucket } = spec.s3;
  return ({ key, versionId }, ending) =>
    callStorage((s3) => headVersion(s3, { bucket, key, versionId }, ending), ending);
}

function createPass(
  { source, rules, recorder, state }: SourceRun,
  parts: Pick<Parts, 'arrivals' | 'retries' | 'callStorage' | 'admit'> & { waits: () => SeenPages; clock: Clock },
): ListPass {
  const { metadata, spec } = source;
  const { bucket } = spec.s3;
  const prefix = watchedPrefix(metadata.namespace, metadata.name, spec);
  const list = (token: string | null, ending: AbortSignal) =>
    parts.callStorage((s3) => listPage(s3, { bucket, prefix, token }, ending), ending);
  return createListPass({ ...parts, source, rules, recorder, list, seen: createSeenPages() }, state.lastListTime);
}

/** The loops that give waiting files their turn. */
function startFeed({ feed, uploads }: Parts, signal: AbortSignal): Promise<void>[] {
  return [feed.run(signal), ...(uploads ? [uploads.run(signal)] : [])];
}

/** The loops that admit retried notices and make the counts right. */
function startAdmission(
  { clock, log }: RunSourceDeps,
  { recorder, retries, admit, recount }: Parts,
  signal: AbortSignal,
): Promise<void>[] {
  return [
    keepRunning({ activity: 'ledger', recorder, clock, log, run: () => retries.run(admit, signal) }, signal),
    recountAtStart(recount, { recorder, clock }, signal),
  ];
}

/** The loops that bring notices: lists and receivers. */
function startIntake(deps: RunSourceDeps, parts: Parts, signal: AbortSignal): Promise<void>[] {
  const { s3Poll, s3Event, sftp } = parts.source.spec;
  const loops: Promise<void>[] = [];
  if (s3Poll) loops.push(poll(deps, parts, s3Poll.intervalSeconds, signal));
  if (s3Event) loops.push(poll(deps, parts, s3Event.relistSeconds, signal));
  if (s3Event?.sqs) loops.push(receive(deps, parts, 'sqs', signal));
  if (s3Event?.webhook) loops.push(receive(deps, parts, 'webhook', signal));
  if (sftp) loops.push(receive(deps, parts, 'sftp', signal));
  return loops;
}

function poll(
  { clock, metrics }: RunSourceDeps,
  { recorder, delayMs, pass }: Parts,
  intervalSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  return pollPrefix(
    {
      pass,
      recorder,
      clock,
      intervalMs: intervalSeconds * 1000,
      delayMs,
      onPass: ({ ok, seconds }) => metrics.listDuration.observe({ ok: String(ok) }, seconds),
    },
    signal,
  );
}

function receive(deps: RunSourceDeps, parts: Parts, kind: keyof Receivers, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps;
  const { source, recorder } = parts;
  const receiverDeps = toReceiverDeps(deps, parts);
  const activity = kind === 'sftp' ? 'fetch' : 'receive';
  const run = () => deps.receivers[kind](source, receiverDeps, signal);
  return keepRunning({ activity, recorder, clock, log, run }, signal);
}

function toReceiverDeps(
  { secrets, storage, clock, log }: RunSourceDeps,
  { source, rules, arrivals, admit, recorder, feed, remote }: Parts,
): ReceiverDeps {
  const { metadata, spec } = source;
  const { namespace } = metadata;
  return {
    admit,
    recorder,
    clock,
    log,
    readSecret: (name, ending) => secrets.read({ namespace, name }, ending),
    openStorage: (ending) => storage.open(namespace, spec.s3, ending),
    judge: ({ key, size }) => {
      const judgement = rules.judge({ bucket: spec.s3.bucket, key });
      return judgement.accepted ? rules.judgeSize(size) : judgement;
    },
    knownKeys: (keys) => arrivals.knownKeys(keys),
    rejectEvent: (event) => arrivals.reject(event),
    onUnhandled: (find) => {
      remote.findUnhandled = find;
      if (find !== null) feed.wake();
    },
  };
}

/** The loop that deletes or moves the objects of complete uploads. The SFTP receiver puts remote files away itself. */
function startAfterSuccess(
  { storage, metrics, clock, afterSuccessMs }: RunSourceDeps,
  { source, arrivals, recorder }: Parts,
  signal: AbortSignal,
): Promise<void>[] {
  const { metadata, spec } = source;
  if (spec.sftp || spec.afterSuccess.action === 'Keep') return [];
  const deps: AfterSuccessDeps = {
    source,
    arrivals,
    recorder,
    clock,
    openStorage: (ending) => storage.open(metadata.namespace, spec.s3, ending),
    intervalMs: afterSuccessMs ?? AFTER_SUCCESS_MS,
    onDone: (action, ok) => metrics.afterSuccess.inc({ action, ok: String(ok) }),
  };
  return [runAfterSuccess(deps, signal)];
}

const postponeAll: AdmitNotices = async (notices) =>
  notices.map(() => ({
    kind: 'Later',
    reason: 'Suspended',
    message: 'Nothing is created, since spec.suspend is true. Set it to false to go on.',
  }));

type CallStorage = <T>(call: (s3: S3Client) => Promise<T>, signal: AbortSignal) => Promise<T>;

/** Calls the storage with the source's client. When the storage refuses the access keys, the Secret is read again. */
function createCallStorage({ storage }: RunSourceDeps, { metadata, spec }: UploadSource): CallStorage {
  const namespace = metadata.namespace;
  return async (call, signal) => {
    const s3 = await storage.open(namespace, spec.s3, signal);
    try {
      return await call(s3);
    } catch (error) {
      if (error instanceof Fault && error.reason === 'StorageAccessDenied') storage.distrust(namespace, spec.s3);
      throw error;
    }
  };
}

/**
 * Counts the source's arrivals in the ledger once, before anything is created: an earlier process may have been killed
 * before it wrote its count to the status. For the same reason the files that a Serial source has refused are read. When
 * the ledger fails, the call fails, and the next call tries again.
 */
function createRecount(
  { source, state, recorder }: SourceRun,
  { arrivals, files }: { arrivals: Pick<Arrivals, 'count'>; files: Pick<WaitingFiles, 'lastRefused'> },
): () => Promise<void> {
  let counting: Promise<void> | null = null;
  const count = async () => {
    const { created, last } = await arrivals.count();
    const refused = isSerial(source.spec) ? await files.lastRefused(MAX_RECENT) : [];
    state.created = Math.max(state.created, created);
    if (last && last.time.getTime() > (state.lastCreated?.time ?? 0)) {
      state.lastCreated = { ...last, time: last.time.getTime() };
    }
    const unreported = addUnreported(
      state,
      refused.map(({ at, ...file }) => ({ ...file, time: at.getTime() })),
    );
    for (const { key, reason, message } of unreported) recorder.warn({ reason, message: `${key}: ${message}` });
  };
  return () => {
    counting ??= count().catch((error) => {
      counting = null;
      throw error;
    });
    return counting;
  };
}

/** Makes the counts in the status right even if nothing arrives. */
async function recountAtStart(
  recount: () => Promise<void>,
  { recorder, clock }: { recorder: StateRecorder; clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      await recount();
      recorder.problem('ledger', null);
      return;
    } catch (error) {
      recorder.problem('ledger', explainError(error));
      await sleep(clock, backoffMs(failures, { baseMs: 5_000, maxMs: 300_000 }), signal);
    }
  }
}
