/** All that one source does while it runs: its admission, and the loops that tell it of objects. */
import type { S3Client } from '@aws-sdk/client-s3';
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { Logger } from '#common/log.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { KubeClient } from '#kube/types.ts';
import { createAdmission } from '#operator/bridge/admission/admit.ts';
import { type Arrivals, type ArrivalsDeps, createArrivals } from '#operator/bridge/admission/arrivals.ts';
import { type ObjectRules, watchedPrefix } from '#operator/bridge/admission/object-rules.ts';
import { createRetryQueue } from '#operator/bridge/admission/retry-queue.ts';
import type { BridgeMetrics } from '#operator/bridge/metrics.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';
import type { SourceState, StateRecorder } from '#operator/bridge/status/source-state.ts';
import { headVersion, listPage } from '#operator/bridge/storage/storage-calls.ts';
import type { SecretReader, StorageClients } from '#operator/bridge/storage/storage-clients.ts';
import type { Activity, AdmitNotices, Receiver, ReceiverDeps } from '#operator/bridge/types.ts';
import { runAfterSuccess } from './after-success.ts';
import { keepRunning } from './keep-running.ts';
import { pollPrefix } from './poll-prefix.ts';
import { createSeenPages } from './seen-pages.ts';

/** The parts that know how files arrive, besides lists. */
export interface Receivers {
  sqs: Receiver;
  webhook: Receiver;
  sftp: Receiver;
}

export interface RunSourceDeps extends ArrivalsDeps {
  client: Pick<KubeClient, 'create'>;
  secrets: SecretReader;
  storage: StorageClients;
  receivers: Receivers;
  metrics: BridgeMetrics;
  clock: Clock;
  log: Logger;
  /** Between two looks for what is due; 15 s when absent. */
  afterSuccessMs?: number;
}

export interface SourceRun {
  source: UploadSource;
  rules: ObjectRules;
  state: SourceState;
  recorder: StateRecorder;
  /** Of the first list. */
  delayMs: number;
  /** Nothing is created: posted events are refused, all others stay where they are. */
  suspended: boolean;
}

const AFTER_SUCCESS_MS = 15_000;

/** The activity without which a source sees nothing. */
export function mainActivity({ spec }: UploadSource): Activity {
  if (spec.s3Poll) return 'list';
  return spec.sftp ? 'fetch' : 'receive';
}

/** Until aborted; never throws. */
export async function runSource(deps: RunSourceDeps, running: SourceRun, signal: AbortSignal): Promise<void> {
  const { clock, log, metrics, secrets } = deps;
  const { source, rules, state, recorder, delayMs, suspended } = running;
  const { spec } = source;
  const { namespace, name } = source.metadata as { namespace: string; name: string };
  const arrivals = createArrivals(deps, source);
  const recount = createRecount(arrivals, state);
  const retries = createRetryQueue({ clock });
  const storage = createStorage(deps, source);
  const { bucket } = spec.s3;
  const prefix = watchedPrefix(namespace, name, spec);
  const admission = {
    head: ({ key, versionId }: { key: string; versionId: string | null }, ending: AbortSignal) =>
      storage((s3) => headVersion(s3, { bucket, key, versionId }, ending), ending),
    onCreated: (seconds: number) => metrics.eventToUpload.observe(seconds),
  };
  const admit = suspended
    ? refuseAll
    : createAdmission({ ...deps, ...running, ...admission, arrivals, retries, recount });
  const runner: ReceiverDeps = {
    ...{ admit, recorder, clock, log },
    readSecret: (secret, ending) => secrets.read({ namespace, name: secret }, ending),
    openStorage: (ending) => deps.storage.open(namespace, spec.s3, ending),
    judge: ({ key, size }) => {
      const judgement = rules.judge({ bucket, key });
      return judgement.meant ? rules.judgeSize(size) : judgement;
    },
    knownKeys: (keys) => arrivals.knownKeys(keys),
    rejectEvent: (event) => arrivals.reject(event),
  };
  const keep = (activity: Activity, run: Receiver) =>
    keepRunning({ activity, recorder, clock, log, run: () => run(source, runner, signal) }, signal);
  const poll = (seconds: number) =>
    pollPrefix(
      {
        ...{ source, rules, arrivals, admit, recorder, retries, clock },
        list: (token, ending) => storage((s3) => listPage(s3, { bucket, prefix, token }, ending), ending),
        seen: createSeenPages(),
        intervalMs: seconds * 1000,
        delayMs,
        since: state.lastListTime,
        onPass: ({ ok, seconds: took }) => metrics.listDuration.observe({ ok: String(ok) }, took),
      },
      signal,
    );

  if (suspended) return spec.s3Event?.webhook ? keep('receive', deps.receivers.webhook) : undefined;
  const loops: Promise<void>[] = [
    keepRunning({ activity: 'ledger', recorder, clock, log, run: () => retries.run(admit, signal) }, signal),
    recountAtStart(recount, { recorder, clock }, signal),
  ];
  if (spec.s3Poll) loops.push(poll(spec.s3Poll.intervalSeconds));
  if (spec.s3Event) loops.push(poll(spec.s3Event.relistSeconds));
  if (spec.s3Event?.sqs) loops.push(keep('receive', deps.receivers.sqs));
  if (spec.s3Event?.webhook) loops.push(keep('receive', deps.receivers.webhook));
  if (spec.sftp) loops.push(keep('fetch', deps.receivers.sftp));
  if (!spec.sftp && spec.afterSuccess.action !== 'Keep') {
    const openStorage = (ending: AbortSignal) => deps.storage.open(namespace, spec.s3, ending);
    const onDone = (action: string, ok: boolean) => metrics.afterSuccess.inc({ action, ok: String(ok) });
    const after = {
      source,
      arrivals,
      openStorage,
      recorder,
      clock,
      intervalMs: deps.afterSuccessMs ?? AFTER_SUCCESS_MS,
      onDone,
    };
    loops.push(runAfterSuccess(after, signal));
  }
  await Promise.all(loops);
}

const refuseAll: AdmitNotices = async (notices) =>
  notices.map(() => ({ kind: 'Later', reason: 'Suspended', message: 'spec.suspend is true: nothing is created.' }));

/** Calls with the client of the source; keys that were refused are read again at the next call. */
function createStorage({ storage }: RunSourceDeps, { metadata, spec }: UploadSource) {
  const namespace = metadata.namespace;
  return async <T>(call: (s3: S3Client) => Promise<T>, signal: AbortSignal): Promise<T> => {
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
 * Once, before anything is created: what a killed process had made and not yet said in the status. Fails as the ledger
 * does, and is tried again by the next call.
 */
function createRecount(arrivals: Pick<Arrivals, 'count'>, state: SourceState): () => Promise<void> {
  let counting: Promise<void> | null = null;
  const count = async () => {
    const { created, last } = await arrivals.count();
    state.created = Math.max(state.created, created);
    if (last && last.time.getTime() > (state.lastCreated?.time ?? 0)) {
      state.lastCreated = { ...last, time: last.time.getTime() };
    }
  };
  return () => {
    counting ??= count().catch((error) => {
      counting = null;
      throw error;
    });
    return counting;
  };
}

/** So that the status is right although nothing arrives. */
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
