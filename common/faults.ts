/**
 * Faults: one class for everything that is thrown, one table from category to exit code.
 * A record that fails a rule is a value, never an exception.
 */
import type { FaultCode } from './fault-codes.ts';

/** How a fault is handled; see {@link EXIT_CODES}. */
export type FaultCategory =
  /** The input or the configuration is wrong: trying again gives the same answer. */
  | 'permanent'
  /** PostgreSQL or the storage is away or overloaded: a later try may succeed. */
  | 'retryable'
  /** The upload is no longer running, or this attempt is not the current one: stop quietly. */
  | 'fenced'
  /** Everything else: a defect. The upload fails with the stack in the log. */
  | 'unknown';

/**
 * Exit codes of the job runner, one to one with the Job's `podFailurePolicy`:
 * `permanent` fails the Job, `retryable` counts against the index, `fenced` is success
 * (the ledger has already decided; the pod has nothing left to say). `unknown` fails the Job.
 */
export const EXIT_CODES = { permanent: 40, unknown: 41, retryable: 75, fenced: 0 } as const satisfies Record<
  FaultCategory,
  number
>;

export interface FaultOptions {
  code: FaultCode;
  category: FaultCategory;
  /** For people, without record values: what happened and what to do. */
  message: string;
  /** Of a retryable one: this process cannot try again, only a new one can. */
  restart?: boolean;
  /** Reason of the `Failed` condition (CamelCase) when the fault ends the upload. */
  reason?: string;
  cause?: unknown;
  /** Logged as fields; never record values. */
  context?: Record<string, unknown>;
}

export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly category: FaultCategory;
  readonly reason: string;
  readonly context: Record<string, unknown>;
  readonly #restart: boolean;

  constructor(options: FaultOptions) {
    super(options.message, { cause: options.cause });
    this.code = options.code;
    this.category = options.category;
    this.reason = options.reason ?? 'Unknown';
    this.context = options.context ?? {};
    this.#restart = options.restart ?? false;
  }

  /** May this process try again? */
  get retryable(): boolean {
    return this.category === 'retryable' && !this.#restart;
  }
}

/** Wraps anything that was thrown; a {@link Fault} stays as it is. */
export function toFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  return new Fault({
    code: 'UNK_001',
    category: 'unknown',
    reason: 'InternalError',
    message: `Unexpected error: ${error instanceof Error ? error.name : typeof error}. The stack is in the pod's log.`,
    cause: error,
  });
}
