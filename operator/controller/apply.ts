/** Carries out the actions of a decision, one after the other. Every action can be repeated. */
import type { ClientBase } from 'pg';
import { isTrue } from '#api/conditions.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import { ANNOTATIONS, KUEUE } from '#api/labels.ts';
import type { RunnerCommand } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { isAlreadyExists, isConflict, isNotFound, isRefused } from '#kube/errors.ts';
import { keyOf } from '#kube/object-cache.ts';
import { JOBS } from '#kube/resource-types.ts';
import type { KubeClient } from '#kube/types.ts';
import type { Database } from '#ledger/client/database.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { assignUpload, loseClaim, withdrawUpload } from '#ledger/uploads/assignments.ts';
import { dequeueUpload } from '#ledger/uploads/claim-content.ts';
import { countActiveTime } from '#ledger/uploads/count-active-time.ts';
import { completeUpload, failUpload } from '#ledger/uploads/finish-upload.ts';
import { retryUpload } from '#ledger/uploads/retry-upload.ts';
import type { RunnerSettings } from '#operator/config/runner-settings.ts';
import { buildPlanJob } from '#operator/jobs/plan-job.ts';
import type { JobInput, NewJob } from '#operator/jobs/pod-template.ts';
import { sizeOfLoad, sizeOfPlanned } from '#operator/jobs/pods-of-load.ts';
import { buildProcessJob } from '#operator/jobs/process-job.ts';
import { prepareLedger } from '#operator/tenancy/prepare-ledger.ts';
import { type AcceptInput, acceptUpload, explainFault } from './accept-upload.ts';
import type { ReachPoint } from './fault-point.ts';
import { nameTaken } from './job-policy.ts';
import type { WarmPods } from './pool/warm-pods.ts';
import type { Action, JobView, Outcome } from './types.ts';

export interface ApplyDeps {
  client: Pick<KubeClient, 'create' | 'find' | 'delete' | 'patchMerge'>;
  log: Logger;
  settings: RunnerSettings;
  clusterId: string;
  reachPoint: ReachPoint;
  findMigrator: (namespace: string) => AcceptInput['findMigrator'];
  findServiceAccount: (namespace: string) => Promise<string | null>;
  warmPods: Pick<WarmPods, 'keep' | 'start' | 'excuse' | 'find'>;
}

export interface ApplyInput {
  upload: BatchUpload;
  /** Null only when the ledger is out of reach; no action that needs the ledger is decided then. */
  database: Database | null;
  row: UploadProgress | null;
  /** The sessions of the database that the upload may have. */
  parallelism: number;
  /** Called when a Job of this name was made. */
  onCreate: (name: string) => void;
  /** Called when a Job is deleted to be made again, with the number of Jobs deleted so far. */
  onRecreate: (recreated: number) => void;
  signal: AbortSignal;
}

export async function applyActions(deps: ApplyDeps, input: ApplyInput, actions: readonly Action[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const action of actions) {
    input.signal.throwIfAborted();
    outcomes.push(await applyAction(deps, input, action));
  }
  return outcomes;
}

async function applyAction(deps: ApplyDeps, input: ApplyInput, action: Action): Promise<Outcome> {
  switch (action.type) {
    case 'migrate':
      return migrateLedger(deps, input);
    case 'accept':
      return accept(deps, input, action);
    case 'createJob':
      return createJob(deps, input, action);
    case 'assign':
      return assign(deps, input, action);
    case 'startPods':
      await deps.warmPods.start(action.pool, input.signal);
      return { type: 'done' };
    case 'loseClaim':
      deps.warmPods.excuse(action.pool, action.pod);
      return changeAssignment(input, (client, id) => loseClaim(client, { id, ...action }));
    case 'withdraw':
      return withdraw(deps, input, action);
    case 'deleteJob':
      return deleteJob(deps, input, action);
    case 'setParallelism':
      return setParallelism(deps, input, action);
    case 'expireJob':
      return expireJob(deps, input, action);
    case 'countTime':
      return countTime(input, action);
    case 'complete':
      return complete(deps, input);
    case 'dequeue':
      return dequeue(deps, input);
    case 'retry':
      return retry(deps, input, action);
    case 'fail':
      return fail(deps, input, action);
    default:
      throw new Error(action satisfies never);
  }
}

async function migrateLedger({ findMigrator, log }: ApplyDeps, { upload, database }: ApplyInput): Promise<Outcome> {
  const namespace = upload.metadata.namespace;
  const migrator = { database: database!, findMigrator: findMigrator(namespace) };
  const why = await prepareLedger(migrator).catch((error) => explainFault(error) ?? Promise.reject(error));
  if (why) return { type: isTrue(upload.status, 'Accepted') ? 'degraded' : 'waiting', why };
  log.info({ namespace }, 'the ledger is up to date');
  return { type: 'again' };
}

async function accept(
  { clusterId, findMigrator, reachPoint }: ApplyDeps,
  { upload, database }: ApplyInput,
  { schema }: Extract<Action, { type: 'accept' }>,
): Promise<Outcome> {
  const namespace = upload.metadata.namespace;
  try {
    const why = await acceptUpload({
      upload,
      clusterId,
      schema,
      database: database!,
      findMigrator: findMigrator(namespace),
    });
    if (why) return { type: 'waiting', why };
  } catch (error) {
    const why = explainFault(error);
    if (!why) throw error;
    return { type: 'waiting', why };
  }
  reachPoint('after-open-upload');
  return { type: 'again' };
}

async function createJob(
  deps: ApplyDeps,
  { upload, row, parallelism, onCreate, signal }: ApplyInput,
  { kind, recreated }: Extract<Action, { type: 'createJob' }>,
): Promise<Outcome> {
  const { client, log, settings, reachPoint } = deps;
  const { namespace, uid } = upload.metadata;
  const serviceAccount = await deps.findServiceAccount(namespace);
  const input: JobInput = { upload, attempt: row!.attempt, parallelism, settings, serviceAccount, recreated };
  const job = kind === 'plan' ? buildPlanJob(input, sizeOfPlanned(row!)) : buildProcessJob(input, sizeOfLoad(row!));
  try {
    await client.create(JOBS, job, { signal });
    onCreate(job.metadata.name);
    log.info({ namespace, upload: upload.metadata.name, job: job.metadata.name, recreated }, 'created a Job');
    reachPoint(kind === 'plan' ? 'after-create-plan-job' : 'after-create-process-job');
    return { type: 'done' };
  } catch (error) {
    if (isAlreadyExists(error)) return adopt(deps, job, { uid, onCreate, signal });
    return refused(error, kind) ?? Promise.reject(error);
  }
}

async function assign(
  { warmPods, log }: ApplyDeps,
  { upload, database, row, signal }: ApplyInput,
  { pool }: Extract<Action, { type: 'assign' }>,
): Promise<Outcome> {
  const { uid: id, namespace, name } = upload.metadata;
  const { parallelism } = upload.spec;
  const assigned = { id, attempt: row!.attempt, pool: pool.id, parallelism };
  await database!.run((client) => assignUpload(client, assigned));
  log.debug({ namespace, upload: name, pool: pool.id }, 'assigned an upload to a pool');
  warmPods.keep(keyOf(upload), { pool: pool.id, namespace, pod: null, place: database!.place });
  await warmPods.start(pool, signal);
  return { type: 'done' };
}

/** A pod may have claimed the upload since the upload was observed. */
async function withdraw(
  deps: ApplyDeps,
  input: ApplyInput,
  { alsoClaimed }: Extract<Action, { type: 'withdraw' }>,
): Promise<Outcome> {
  const { upload, database, row } = input;
  const { uid: id, namespace } = upload.metadata;
  const { attempt } = row!;
  const pod = await database!.run((client) => withdrawUpload(client, { id, attempt, alsoClaimed }));
  const job = deps.warmPods.find(namespace, pod)?.job;
  const because = 'the pod has an upload that was taken out of its pool';
  if (job && !job.deleting) await deleteJob(deps, input, { type: 'deleteJob', job, because, recreated: 0 });
  return { type: 'again' };
}

async function changeAssignment(
  { upload, database }: ApplyInput,
  change: (client: ClientBase, id: string) => Promise<void>,
): Promise<Outcome> {
  await database!.run((client) => change(client, upload.metadata.uid));
  return { type: 'again' };
}

/**
 * A Job of this name exists. The upload's own Job is missing only in the cache: the cache is behind, or something has
 * taken the labels away by which the cache selects Jobs, and the operator puts them back. Any other Job is in the way.
 */
async function adopt(
  { client, log }: ApplyDeps,
  { metadata: { namespace, name, labels } }: NewJob,
  { uid, onCreate, signal }: { uid: string; signal: AbortSignal } & Pick<ApplyInput, 'onCreate'>,
): Promise<Outcome> {
  const ref = { namespace, name };
  const found = await client.find(JOBS, ref, { signal });
  if (found === undefined) return { type: 'done' };
  if (!found.metadata?.ownerReferences?.some((owner) => owner.uid === uid)) {
    return { type: 'degraded', why: nameTaken(ref) };
  }
  const present = found.metadata.labels ?? {};
  // Kueue forbids another queue for a Job that has pods, and no cache selects Jobs by the labels of Kueue.
  const own = Object.entries(labels ?? {}).filter(([key]) => !isKueues(key));
  if (own.every(([key, value]) => present[key] === value)) return { type: 'done' };
  await client.patchMerge(JOBS, ref, { metadata: { labels: Object.fromEntries(own) } }, { signal });
  // Labels that are taken away again and again are put back after growing waits, like a Job that is deleted.
  onCreate(name);
  log.warn({ namespace, job: name }, 'put the labels of a Job back that something has taken away');
  return { type: 'done' };
}

const isKueues = (key: string) => Object.values<string>(KUEUE).includes(key);

/** A refusal by quota, admission or rights becomes a condition and is tried again slowly; it never fails the upload. */
function refused(error: unknown, kind: RunnerCommand): Outcome | null {
  if (!isRefused(error)) return null;
  const why: UploadExplanation = {
    reason: 'JobRefused',
    message: `The API server refused the ${kind} Job, and the operator tries again until the cause (a quota, an admission rule, a right, a value of spec.podTemplate) is mended: ${error.message}`,
  };
  return { type: 'degraded', why };
}

async function deleteJob(
  { client, log }: ApplyDeps,
  { upload, onRecreate, signal }: ApplyInput,
  { job, because, recreated }: Extract<Action, { type: 'deleteJob' }>,
): Promise<Outcome> {
  const { namespace } = upload.metadata;
  log.info({ namespace, job: job.name, because }, 'deleting a Job');
  // The precondition spares a Job of the same name that was created after this one was observed. For such a Job the API server
  // answers with a conflict.
  const options = { propagationPolicy: 'Background', preconditions: { uid: job.uid }, signal } as const;
  try {
    await client.delete(JOBS, { namespace, name: job.name }, options);
  } catch (error) {
    if (!isConflict(error)) throw error;
    return { type: 'done' };
  }
  onRecreate(recreated);
  return { type: 'done' };
}

async function setParallelism(
  { client }: ApplyDeps,
  { upload, signal }: ApplyInput,
  { job, parallelism, completions }: Extract<Action, { type: 'setParallelism' }>,
): Promise<Outcome> {
  const applied = { [ANNOTATIONS.parallelism]: String(parallelism) };
  const patch = {
    metadata: { annotations: applied },
    spec: { parallelism, ...(completions === null ? {} : { completions }) },
  };
  return patchJob(client, { upload, job, patch, signal });
}

async function expireJob(
  { client, settings }: ApplyDeps,
  { upload, signal }: ApplyInput,
  { job }: Extract<Action, { type: 'expireJob' }>,
): Promise<Outcome> {
  const patch = { spec: { ttlSecondsAfterFinished: settings.jobTtlSeconds } };
  try {
    return await patchJob(client, { upload, job, patch, signal });
  } catch (error) {
    if (!isRefused(error)) throw error;
    const message = `The API server refused the time to live of the Job ${job.name}, which stays until somebody deletes it: ${error.message}`;
    return { type: 'degraded', why: { reason: 'JobRefused', message } };
  }
}

async function countTime(
  { upload, database, row }: ApplyInput,
  { isActive }: Extract<Action, { type: 'countTime' }>,
): Promise<Outcome> {
  const { attempt } = row!;
  await database!.run((client) => countActiveTime(client, { id: upload.metadata.uid, attempt, isActive }));
  return { type: 'done' };
}

async function patchJob(
  client: Pick<KubeClient, 'patchMerge'>,
  { upload, job, patch, signal }: { upload: BatchUpload; job: JobView; patch: object; signal: AbortSignal },
): Promise<Outcome> {
  try {
    await client.patchMerge(JOBS, { namespace: upload.metadata.namespace, name: job.name }, patch, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return { type: 'done' };
}

async function complete({ log, reachPoint }: ApplyDeps, { upload, database }: ApplyInput): Promise<Outcome> {
  const { uid, namespace, name } = upload.metadata;
  const status = await database!.finish(uid, (client) => completeUpload(client, uid));
  if (status === 'Processing')
    throw new Error('the audit rows say that every record is done, but the rows of chunks and records do not');
  log.info({ namespace, upload: name, status }, 'all chunks are done');
  reachPoint('after-complete');
  return { type: 'again' };
}

async function dequeue({ log }: ApplyDeps, { upload, database }: ApplyInput): Promise<Outcome> {
  const { uid, namespace, name } = upload.metadata;
  const status = await database!.finish(uid, (client) => dequeueUpload(client, uid));
  log.info({ namespace, upload: name, status }, 'the upload with the same content has ended');
  return { type: 'again' };
}

async function retry(
  { log }: ApplyDeps,
  { upload, database, onRecreate }: ApplyInput,
  { generation }: Extract<Action, { type: 'retry' }>,
): Promise<Outcome> {
  const { uid, namespace, name } = upload.metadata;
  const status = await database!.finish(uid, (client) => retryUpload(client, { id: uid, generation }));
  log.info({ namespace, upload: name, status, generation }, 'the upload is tried again');
  // The Jobs of the new attempt have other names and count from zero.
  onRecreate(0);
  return { type: 'again' };
}

async function fail(
  { log, reachPoint }: ApplyDeps,
  { upload, database }: ApplyInput,
  { attempt, reason, message }: Extract<Action, { type: 'fail' }>,
): Promise<Outcome> {
  const { uid, namespace, name } = upload.metadata;
  await database!.finish(uid, (client) => failUpload(client, { id: uid, attempt }, { reason, message }));
  log.warn({ namespace, upload: name, reason }, 'the upload has failed');
  reachPoint('after-fail');
  return { type: 'again' };
}
