/** What all steps of one load share, and how they reach the database. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { Interrupts } from '#cli/io/interrupts.ts';
import { PROCESS_NAME } from '#cli/io/orphans.ts';
import type { Terminal } from '#cli/io/terminal.ts';
import { Fault } from '#common/faults.ts';
import { DEFAULTS, type RunnerConfig } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import type { UploadRequest } from '#ledger/types.ts';
import type { RunnerDeps } from '#runner/deps.ts';
import { createSession, type Session } from '#runner/session.ts';
import { NO_TELEMETRY } from '#runner/telemetry/datadog.ts';
import type { LoadProgress } from './load-progress.ts';
import type { LoadSource } from './source.ts';

/** The end of a load is written to the ledger within this time, or not at all. */
const END_MS = 30_000;

export interface LoadRequest {
  schema: RecordSchemaSpec;
  databaseUri: string;
  /** Has the command line made the database itself? Then no cluster uses its ledger. */
  isOwnDatabase: boolean;
  namespace: string;
  request: UploadRequest;
  limits: { maxFailedRecords: number | undefined; maxFailedPercent: number | undefined };
  parallelism: number;
  rowsOfCode: number;
  /** The file for the failed records. */
  errors: string | undefined;
  terminal: Terminal;
  interrupts: Interrupts;
}

export interface Loading {
  source: LoadSource;
  load: LoadRequest;
  /** The upload's id in the ledger. */
  id: string;
  /** Aborts everything: after Ctrl-C, or when one session has failed. */
  stop: AbortController;
  progress: LoadProgress;
  log: Logger;
  cleanup: AsyncDisposableStack;
}

/** Opens a session that ends with the load, and whose work ends when the load is stopped. */
export function createLoadSession(loading: Loading, role: string): Session {
  return openSession(loading, role, { signal: loading.stop.signal, retrySeconds: DEFAULTS.retrySeconds });
}

/** Opens a session that writes and reads the end of a load, also after the load was stopped. */
export function createEndSession(loading: Loading): Session {
  return openSession(loading, 'end', { signal: AbortSignal.timeout(END_MS), retrySeconds: END_MS / 1000 });
}

/** Opens a session that reads what a load has found, also after one of its sessions has failed. Ctrl-C ends it. */
export function createReportSession(loading: Loading): { session: Session; signal: AbortSignal } {
  const { stop, load } = loading;
  const own = new AbortController();
  if (stop.signal.aborted) load.interrupts.handleOnce(() => own.abort(interrupted()));
  const signal = stop.signal.aborted ? own.signal : stop.signal;
  return { session: openSession(loading, 'report', { signal, retrySeconds: DEFAULTS.retrySeconds }), signal };
}

function openSession(
  { id, load, log, cleanup }: Loading,
  role: string,
  limits: { signal: AbortSignal; retrySeconds: number },
): Session {
  const session = createSession({
    database: { uri: load.databaseUri },
    uploadId: id,
    role,
    stallSeconds: DEFAULTS.stallSeconds,
    log,
    ...limits,
  });
  cleanup.defer(() => session.close());
  return session;
}

export function createDeps(loading: Loading, sessions: readonly Session[], attempt: number): RunnerDeps {
  const { id, load, source, stop, log } = loading;
  const config: RunnerConfig = {
    uploadId: id,
    attempt,
    namespace: load.namespace,
    parallelism: load.parallelism,
    inlineLimitBytes: DEFAULTS.inlineLimitBytes,
    maxRecordBytes: DEFAULTS.maxRecordBytes,
    retrySeconds: DEFAULTS.retrySeconds,
    stallSeconds: DEFAULTS.stallSeconds,
    completionIndex: 0,
    podName: PROCESS_NAME,
    databaseUri: load.databaseUri,
    databaseCaCert: undefined,
    allowedEndpoints: [],
    protect: null,
    datadog: false,
    logLevel: 'warn',
  };
  return {
    config,
    session: sessions[0]!,
    sessions,
    store: source.store,
    telemetry: NO_TELEMETRY,
    log,
    signal: stop.signal,
    openSession: (role, signal) => openSession(loading, role, { signal, retrySeconds: DEFAULTS.retrySeconds }),
    stop: (fault) => stop.abort(fault),
  };
}

/** The advice for a fault that the load waits out, by the fault's code. */
const ADVICE: Record<string, string> = {
  DB_53100: ': the disk of the database is full. Free some space there, and the load goes on',
};

/** Shows warnings and errors alone: the ledger has the rest. */
export function createLoadLog({ stderr }: Terminal): Logger {
  const show = (fields: object, message: string) => {
    const { code } = fields as { code?: string };
    stderr.write(`${stderr.isTTY ? '\r\x1b[2K' : ''}${message}${code ? ` (${code})${ADVICE[code] ?? ''}` : ''}\n`);
  };
  return { debug: () => undefined, info: () => undefined, warn: show, error: show };
}

export const interrupted = (): Fault =>
  stopped('The load was interrupted. Call the same command again, and it goes on where it was.');

/** The fault of a load that ends early, and that the same command goes on with. */
export function stopped(message: string): Fault {
  return new Fault({ code: 'UNK_STOPPED', category: 'retryable', restart: true, reason: 'Stopped', message });
}
