/**
 * Everything that crosses the boundary between the operator and a Job's pods: command, environment, exit codes,
 * termination message. The operator's Job builders and the runner's main share this file and nothing else.
 */

import type { FaultCode } from './fault-codes.ts';
import { Fault } from './faults.ts';

export { EXIT_CODES } from './faults.ts';

/** The commands of the job runner that do an upload's work. */
export type RunnerCommand = 'plan' | 'process';

/** `cleanup` runs after the upload's end and removes the copies of its file; `pool` loads small uploads one after the other. */
export type JobKind = RunnerCommand | 'cleanup' | 'pool';

/** The environment of a pod. Values of Secrets come by secretKeyRef, all others as plain values. */
export const ENV = {
  /** The upload's id in the ledger: metadata.uid of the BatchUpload. Required, but in a pod of a pool. */
  uploadId: 'BATCH_UPLOAD_ID',
  /** The number of the upload's attempt for which the pod works; 1 when absent. */
  attempt: 'BATCH_UPLOAD_ATTEMPT',
  /** The pool for which a pod claims small uploads in the ledger. Required in a pod of a pool. */
  pool: 'BATCH_UPLOAD_POOL',
  /** The time for which a pod of a pool waits for another upload before it ends, in seconds; 10 when absent. */
  poolIdleSeconds: 'BATCH_UPLOAD_POOL_IDLE_SECONDS',
  /** The namespace of the BatchUpload. Required. */
  namespace: 'BATCH_UPLOAD_NAMESPACE',
  /**
   * The upload's spec.parallelism, from which the planner chooses the number of indexes and each pod the number of its
   * sessions of the database; 4 when absent.
   */
  parallelism: 'BATCH_UPLOAD_PARALLELISM',
  /**
   * The size up to which the pod that plans a file also loads the file, in bytes; no limit when absent. The operator
   * reads the variable too, and passes its value on.
   */
  inlineLimitBytes: 'BATCH_UPLOAD_INLINE_LIMIT_BYTES',
  /**
   * The size of the largest record that is accepted, in bytes; 16777216 (16 MiB) when absent. The operator reads the
   * variable too, and passes its value on.
   */
  maxRecordBytes: 'BATCH_UPLOAD_MAX_RECORD_BYTES',
  /**
   * The time for which a pod retries a lost connection to the database or the storage, in seconds; 600 when absent. The
   * operator reads the variable too, and passes its value on.
   */
  retrySeconds: 'BATCH_UPLOAD_RETRY_SECONDS',
  /**
   * The time without a byte after which a connection that nobody has closed counts as broken, in seconds; 30 when
   * absent. The operator reads the variable too, and passes its value on.
   */
  stallSeconds: 'BATCH_UPLOAD_STALL_SECONDS',
  /**
   * The storage servers that an upload may name in spec.source.s3.endpoint besides that of its Secret and those of AWS:
   * origins or host names, separated by commas; none when absent. The operator and the bridge read the variable too, and
   * the chart sets it from its value `uploads.allowedEndpoints`.
   */
  allowedEndpoints: 'BATCH_UPLOAD_ALLOWED_ENDPOINTS',
  /**
   * The time by which a replica may be behind the database, in seconds (spec.target.protect); no limit when absent.
   */
  maxReplicaLagSeconds: 'BATCH_UPLOAD_MAX_REPLICA_LAG_SECONDS',
  /** The number of bytes of WAL that the server may write in a second (spec.target.protect); no limit when absent. */
  maxWalBytesPerSecond: 'BATCH_UPLOAD_MAX_WAL_BYTES_PER_SECOND',
  /** The pod's completion index, set by Kubernetes; 0 when absent. */
  completionIndex: 'JOB_COMPLETION_INDEX',
  /** The name of the pod in logs and in the ledger, set by the downward API; `unknown` when absent. */
  podName: 'POD_NAME',
  /** The URI of the database, from the key `uri` of the database Secret. Required. */
  databaseUri: 'DATABASE_URL',
  /** The CA certificate of the database in PEM, from the key `ca.crt` of the database Secret; none when absent. */
  databaseCaCert: 'DATABASE_CA_CERT',
  /**
   * `true` switches DogStatsD and APM on, to the address in dd-trace's own DD_* variables; off when absent. The
   * operator reads the variable too.
   */
  datadog: 'BATCH_UPLOAD_DATADOG',
  /** The lowest level that is logged: `trace`, `debug`, `info`, `warn`, `error` or `fatal`; `info` when absent. */
  logLevel: 'LOG_LEVEL',
} as const;

/** The greatest number that a pod reads from a variable: all numbers of 15 digits are exact in JavaScript. */
export const MOST_OF_A_VARIABLE = 999_999_999_999_999;

/**
 * Node options of the runner's process. The runner's young objects are few and die at once: with a small space for
 * them a process takes 50 MB less at the same speed (195 MB to 145 MB at the peak, two processes loading
 * certifications).
 */
export const NODE_OPTIONS = '--max-semi-space-size=2';

/**
 * Settings of glibc's malloc. Without them glibc raises, with every large block that is freed, the size (up to 32 MiB)
 * from which a block is mapped on its own and returned to Linux; free memory between the buffers of a load then stays
 * with the process. At the peak of 10,000,000 records, half of them bad: 157 to 222 MB without, 154 to 166 MB with the
 * settings, at the same speed.
 */
export const MALLOC_ENV = { MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '1048576' } as const;

export const DEFAULTS = {
  /** No limit: the pod that plans a file also loads it wherever one pod is enough. */
  inlineLimitBytes: Number.MAX_SAFE_INTEGER,
  maxRecordBytes: 16 * 1024 * 1024,
  maxChunkBytes: 8 * 1024 * 1024,
  retrySeconds: 600,
  stallSeconds: 30,
  poolIdleSeconds: 10,
} as const;

/**
 * A pod loads with at most so many sessions of the database at a time: one process reads, checks and encodes records
 * several times as fast as one session of PostgreSQL stores them.
 */
export const SESSIONS_PER_POD = 4;

/**
 * Bytes of a file from which another session is worth its start. Where a pod has all of its sessions, another session
 * means another pod, whose start takes 2 to 3 seconds: a pod loads 64 MiB in 2 to 6 seconds, and two pods load them in
 * half of that time at best.
 */
export const BYTES_PER_SESSION = 16 * 1024 * 1024;

/** A pod of a pool loads files that are worth one session. Larger ones get a Job of their own. */
export const MOST_BYTES_OF_A_POOL = BYTES_PER_SESSION;

/** The largest number of completion indexes: thousands of completed pods cripple a kubelet. */
export const MAX_INDEXES = 128;

/** Bytes for each session from which another wave of pods is worth its starts: every index has its own backoff. */
const MOST_BYTES_PER_SESSION = 512 * 1024 * 1024;

export interface IndexLimits {
  chunks: number;
  /** Number of sessions of the database that load at the same time. */
  parallelism: number;
  /** Bytes that one pod loads alone. */
  inlineLimitBytes: number;
}

/**
 * Number of sessions that each pod of an upload has. Pods have equally many sessions and together never more than
 * `parallelism`, since an administrator of a database counts its connections: 5 sessions are one pod of 4, 6 are two
 * pods of 3.
 */
export function sessionsOfPod(parallelism: number): number {
  const pods = Math.max(1, Math.round(parallelism / SESSIONS_PER_POD));
  return Math.max(1, Math.min(SESSIONS_PER_POD, Math.floor(parallelism / pods)));
}

/** Number of pods that run at the same time. A pod that has more sessions than `parallelism` allows runs alone. */
export function podsAtOnce(parallelism: number, sessionsPerPod: number): number {
  return Math.max(1, Math.floor(parallelism / sessionsPerPod));
}

/**
 * Number of completion indexes of an upload: enough that its sessions have {@link BYTES_PER_SESSION} each, and no pod
 * more than it loads alone, up to `parallelism` sessions. Pods help each other, so that smaller parts would only mean
 * more starts. A file of more than {@link MOST_BYTES_PER_SESSION} for each session takes several whole waves of pods.
 * The number is at most {@link MAX_INDEXES} and never more than the chunks.
 */
export function chooseIndexes(sizeBytes: number, { chunks, parallelism, inlineLimitBytes }: IndexLimits): number {
  const perPod = sessionsOfPod(parallelism);
  const bytesPerSession = Math.min(BYTES_PER_SESSION, Math.max(1, inlineLimitBytes / perPod));
  const sessions = Math.min(parallelism, Math.ceil(sizeBytes / bytesPerSession), chunks);
  const pods = Math.min(podsAtOnce(parallelism, perPod), Math.ceil(sessions / perPod));
  const waves = Math.max(1, Math.ceil(sizeBytes / (parallelism * MOST_BYTES_PER_SESSION)));
  return Math.max(1, Math.min(waves * pods, MAX_INDEXES, chunks));
}

/** The contiguous range of chunk numbers that an index owns: [first, end). An index beyond `indexes` owns none. */
export function chunksOfIndex(index: number, indexes: number, chunks: number): { first: number; end: number } {
  const boundary = (number: number) => Math.floor((Math.min(number, indexes) * chunks) / indexes);
  return { first: boundary(index), end: boundary(index + 1) };
}

/** The prefix of the keys of the copies of an upload's file. */
export function workPrefix(uploadId: string): string {
  return `work/${uploadId}/`;
}

/**
 * The key of the copy that a pod makes. Each attempt but the first has a folder of its own, so that the cleanup after an attempt
 * leaves the copies of a later one alone.
 */
export function workKey(uploadId: string, { attempt, podName }: { attempt: number; podName: string }): string {
  const folder = attempt === 1 ? '' : `attempt-${attempt}/`;
  return `${workPrefix(uploadId)}${folder}${podName}/canonical.csv`;
}

/** @returns the attempt for which a copy with this key of {@link workKey} was made. */
export function attemptOfWorkKey(key: string): number {
  return Number(/^work\/[^/]+\/attempt-(\d+)\/[^/]+\//.exec(key)?.[1] ?? 1);
}

/** Is the key below {@link workPrefix} of any upload? A user's own file in a folder named `work` is not. */
export function isWorkKey(key: string): boolean {
  return /^work\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\//.test(key);
}

/** The bucket of the copies: the bucket of spec.work if there is one, else the bucket of the file. */
export function workBucket(sourceBucket: string, work: { s3: { bucket: string } } | undefined): string {
  return work?.s3.bucket ?? sourceBucket;
}

/** The content of /dev/termination-log, at most 4 KiB: the fault that a pod could not write into the ledger. */
export interface TerminationMessage {
  code: FaultCode;
  category: Fault['category'];
  reason: string;
  message: string;
}

export function formatTermination(fault: Fault): string {
  const message: TerminationMessage = {
    code: fault.code,
    category: fault.category,
    reason: fault.reason,
    message: fault.message.slice(0, 1500),
  };
  return JSON.stringify(message);
}

/** Null when the job runner did not write the text, for example after a crash of the container itself. */
export function parseTermination(text: string | undefined): TerminationMessage | null {
  if (!text) return null;
  try {
    const value = JSON.parse(text) as Partial<TerminationMessage>;
    if (typeof value.reason !== 'string' || typeof value.message !== 'string') return null;
    return value as TerminationMessage;
  } catch {
    return null;
  }
}

/** The limits of spec.target.protect; at least one of them is set. */
export interface ProtectLimits {
  /** Null: the lag is not limited. */
  maxReplicaLagSeconds: number | null;
  /** Null: the WAL is not limited. */
  maxWalBytesPerSecond: number | null;
}

/** The settings that every pod has. */
export interface PodConfig {
  namespace: string;
  inlineLimitBytes: number;
  maxRecordBytes: number;
  retrySeconds: number;
  stallSeconds: number;
  completionIndex: number;
  podName: string;
  databaseUri: string;
  databaseCaCert: string | undefined;
  allowedEndpoints: string[];
  /** Null: the upload is not to spare its database. */
  protect: ProtectLimits | null;
  datadog: boolean;
  logLevel: string;
}

/** The settings of a pod that works for one upload, or of a pod of a pool while it has an upload. */
export interface RunnerConfig extends PodConfig {
  uploadId: string;
  attempt: number;
  parallelism: number;
}

export interface PoolConfig extends PodConfig {
  pool: string;
  idleMs: number;
}

/** Reads the environment of a pod that works for one upload. @throws Fault CFG_001 that names the variable. */
export function readRunnerConfig(env: NodeJS.ProcessEnv): RunnerConfig {
  return {
    uploadId: text(env, ENV.uploadId),
    attempt: integer(env, ENV.attempt, 1),
    parallelism: integer(env, ENV.parallelism, 4),
    ...readPodConfig(env),
  };
}

/** Reads the environment of a pod of a pool. @throws Fault CFG_001 that names the variable. */
export function readPoolConfig(env: NodeJS.ProcessEnv): PoolConfig {
  return {
    pool: text(env, ENV.pool),
    idleMs: integer(env, ENV.poolIdleSeconds, DEFAULTS.poolIdleSeconds) * 1000,
    ...readPodConfig(env),
  };
}

function readPodConfig(env: NodeJS.ProcessEnv): PodConfig {
  return {
    namespace: text(env, ENV.namespace),
    inlineLimitBytes: integer(env, ENV.inlineLimitBytes, DEFAULTS.inlineLimitBytes),
    maxRecordBytes: integer(env, ENV.maxRecordBytes, DEFAULTS.maxRecordBytes),
    retrySeconds: integer(env, ENV.retrySeconds, DEFAULTS.retrySeconds),
    stallSeconds: integer(env, ENV.stallSeconds, DEFAULTS.stallSeconds),
    completionIndex: integer(env, ENV.completionIndex, 0),
    podName: env[ENV.podName] ?? 'unknown',
    databaseUri: text(env, ENV.databaseUri),
    databaseCaCert: env[ENV.databaseCaCert] || undefined,
    allowedEndpoints: (env[ENV.allowedEndpoints] ?? '').split(',').filter(Boolean),
    protect: readProtect(env),
    datadog: env[ENV.datadog] === 'true',
    logLevel: env[ENV.logLevel] ?? 'info',
  };
}

function readProtect(env: NodeJS.ProcessEnv): ProtectLimits | null {
  const limit = (name: string) => integer(env, name, 0) || null;
  const maxReplicaLagSeconds = limit(ENV.maxReplicaLagSeconds);
  const maxWalBytesPerSecond = limit(ENV.maxWalBytesPerSecond);
  return (maxReplicaLagSeconds ?? maxWalBytesPerSecond) ? { maxReplicaLagSeconds, maxWalBytesPerSecond } : null;
}

function text(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value)
    throw configFault(
      `The variable ${name} is not set. Only the operator's Jobs start this command, and they set the variable.`,
    );
  return value;
}

function integer(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const value = env[name];
  if (value === undefined || value === '') return fallback;
  if (!/^\d{1,15}$/.test(value)) throw configFault(`The variable ${name} must be a whole number.`);
  return Number(value);
}

function configFault(message: string): Fault {
  return new Fault({ code: 'CFG_001', category: 'permanent', reason: 'InvalidConfiguration', message });
}
