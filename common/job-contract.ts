/**
 * All that crosses the boundary between the operator and a Job's pods: command, environment, exit codes,
 * termination message. The operator's Job builders and the runner's main both read this file, nothing else.
 */

import type { FaultCode } from './fault-codes.ts';
import { Fault } from './faults.ts';

export { EXIT_CODES } from './faults.ts';

/** What an upload's work is done by. */
export type RunnerCommand = 'plan' | 'process';

/** `cleanup` comes after the upload's end and removes the copies of its file. */
export type JobKind = RunnerCommand | 'cleanup';

/** Environment of a pod. Secret values come by secretKeyRef, the rest as plain values. */
export const ENV = {
  uploadId: 'BATCH_UPLOAD_ID',
  attempt: 'BATCH_UPLOAD_ATTEMPT',
  namespace: 'BATCH_UPLOAD_NAMESPACE',
  /** Of the upload, for the planner's choice of indexes. */
  parallelism: 'BATCH_UPLOAD_PARALLELISM',
  /** Objects up to this size are processed by the pod that planned them. */
  inlineLimitBytes: 'BATCH_UPLOAD_INLINE_LIMIT_BYTES',
  maxRecordBytes: 'BATCH_UPLOAD_MAX_RECORD_BYTES',
  /** How long a lost database or storage connection is retried inside the pod. */
  retrySeconds: 'BATCH_UPLOAD_RETRY_SECONDS',
  /** After this long without a byte a connection is taken for broken, although nobody has closed it. */
  stallSeconds: 'BATCH_UPLOAD_STALL_SECONDS',
  completionIndex: 'JOB_COMPLETION_INDEX',
  podName: 'POD_NAME',
  databaseUri: 'DATABASE_URL',
  databaseCaCert: 'DATABASE_CA_CERT',
  /** `true` switches DogStatsD and APM on; dd-trace's own DD_* variables say where to. */
  datadog: 'BATCH_UPLOAD_DATADOG',
  logLevel: 'LOG_LEVEL',
} as const;

/**
 * Of the runner's process. Its young objects are few and die at once: a small space for them takes 50 MB less at the
 * same speed (195 MB to 145 MB at the peak, two processes loading certifications).
 */
export const NODE_OPTIONS = '--max-semi-space-size=2';

/**
 * Of glibc, which otherwise raises with every large piece that is freed, up to 32 MiB, what it takes from the system alone and
 * gives back to it; between the buffers of a load it then keeps what is free. At the peak of 10,000,000 records, half of them
 * bad: 157 to 222 MB without, 154 to 166 MB with this, at the same speed.
 */
export const MALLOC_ENV = { MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '1048576' } as const;

export const DEFAULTS = {
  inlineLimitBytes: 48 * 1024 * 1024,
  maxRecordBytes: 16 * 1024 * 1024,
  maxChunkBytes: 8 * 1024 * 1024,
  retrySeconds: 600,
  stallSeconds: 30,
} as const;

/** At most this many completion indexes: thousands of completed pods cripple a kubelet. */
export const MAX_INDEXES = 128;

/** Bytes after which an index is worth a pod of its own although no more of them run at a time: it has its own backoff. */
const MOST_BYTES_PER_INDEX = 512 * 1024 * 1024;

export interface IndexLimits {
  chunks: number;
  /** Pods at a time. */
  parallelism: number;
  /** Bytes that one pod does alone. */
  inlineLimitBytes: number;
}

/**
 * Number of completion indexes of a process Job: as many as leave no pod more than one does alone, up to `parallelism`; pods
 * help each other, so that finer parts would only be more starts. A file of more than {@link MOST_BYTES_PER_INDEX} for each
 * takes several whole waves of pods. At most {@link MAX_INDEXES} and never more than chunks.
 */
export function chooseIndexes(sizeBytes: number, { chunks, parallelism, inlineLimitBytes }: IndexLimits): number {
  const waves = Math.max(1, Math.ceil(sizeBytes / (parallelism * MOST_BYTES_PER_INDEX)));
  const wanted = Math.min(Math.ceil(sizeBytes / Math.max(1, inlineLimitBytes)), waves * parallelism);
  return Math.max(1, Math.min(wanted, MAX_INDEXES, chunks));
}

/** The contiguous run of chunk numbers that an index owns: [first, end). */
export function chunksOfIndex(index: number, indexes: number, chunks: number): { first: number; end: number } {
  return { first: Math.floor((index * chunks) / indexes), end: Math.floor(((index + 1) * chunks) / indexes) };
}

/** Under which the copies of an upload's file lie. */
export function workPrefix(uploadId: string): string {
  return `work/${uploadId}/`;
}

/** Is the key below {@link workPrefix} of some upload? A file that a user keeps in a folder of that name is not. */
export function isWorkKey(key: string): boolean {
  return /^work\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\//.test(key);
}

/** In which bucket: spec.work's, else the source's. */
export function workBucket(sourceBucket: string, work: { s3: { bucket: string } } | undefined): string {
  return work?.s3.bucket ?? sourceBucket;
}

/** Written to /dev/termination-log: what a pod could not say in the ledger. At most 4 KiB. */
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

/** Null when the text is not ours (a crash of the container itself). */
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

export interface RunnerConfig {
  uploadId: string;
  attempt: number;
  namespace: string;
  parallelism: number;
  inlineLimitBytes: number;
  maxRecordBytes: number;
  retrySeconds: number;
  stallSeconds: number;
  completionIndex: number;
  podName: string;
  databaseUri: string;
  databaseCaCert: string | undefined;
  datadog: boolean;
  logLevel: string;
}

/** Reads a pod's environment, once. @throws Fault CFG_001 that names the variable. */
export function readRunnerConfig(env: NodeJS.ProcessEnv): RunnerConfig {
  return {
    uploadId: text(env, ENV.uploadId),
    attempt: integer(env, ENV.attempt, 1),
    namespace: text(env, ENV.namespace),
    parallelism: integer(env, ENV.parallelism, 4),
    inlineLimitBytes: integer(env, ENV.inlineLimitBytes, DEFAULTS.inlineLimitBytes),
    maxRecordBytes: integer(env, ENV.maxRecordBytes, DEFAULTS.maxRecordBytes),
    retrySeconds: integer(env, ENV.retrySeconds, DEFAULTS.retrySeconds),
    stallSeconds: integer(env, ENV.stallSeconds, DEFAULTS.stallSeconds),
    completionIndex: integer(env, ENV.completionIndex, 0),
    podName: env[ENV.podName] ?? 'unknown',
    databaseUri: text(env, ENV.databaseUri),
    databaseCaCert: env[ENV.databaseCaCert] || undefined,
    datadog: env[ENV.datadog] === 'true',
    logLevel: env[ENV.logLevel] ?? 'info',
  };
}

function text(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw configFault(`The variable ${name} is not set: this command is started by the operator's Jobs.`);
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
