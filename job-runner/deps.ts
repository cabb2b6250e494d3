import type { RunnerConfig } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import type { ProtectPolicy } from '#runner/protect/protect-policy.ts';
import type { Session } from '#runner/session.ts';
import type { FileStore } from '#runner/storage/file-store.ts';
import type { Telemetry } from '#runner/telemetry/datadog.ts';

/** What main.ts makes once for every command of the runner. */
export interface RunnerDeps {
  /** The first of `sessions`. */
  session: Session;
  /** The sessions with the database that load at the same time. A session connects when it is first used. */
  sessions: readonly Session[];
  config: RunnerConfig;
  store: FileStore;
  telemetry: Telemetry;
  log: Logger;
  signal: AbortSignal;
  /** Set in a pod of a pool, which takes no larger file, and none that has to be copied. */
  mostBytes?: number;
  /** A pod of a pool with limits of spec.target.protect keeps here what it knows of the server from the uploads before; see pool.ts. */
  protectPolicy?: ProtectPolicy;
  /** Opens another session, which the caller closes; its work ends with the signal. */
  openSession(role: string, signal: AbortSignal): Session;
  /** Ends the work of all sessions after a fault that another try cannot mend. */
  stop(fault: unknown): void;
}
