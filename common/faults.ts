/**
 * One class for all errors that our code throws, and one table from their category to the exit code.
 * A record that fails a rule is a value, never an exception.
 */
import type { FaultCode } from './fault-codes.ts';

/** How a fault is handled; see {@link EXIT_CODES}. */
export type FaultCategory =
  /** The input or the configuration is wrong: another try would give the same result. */
  | 'permanent'
  /** PostgreSQL or the storage is away or overloaded: a later try may succeed. */
  | 'retryable'
  /** The upload is no longer running, or this attempt is not the current one: stop quietly. */
  | 'fenced'
  /** The cause is a defect of the program. The upload fails, and the log has the stack. */
  | 'unknown';

/**
 * Exit codes of the job runner, one to one with the Job's `podFailurePolicy`: `permanent` and `unknown` fail the Job,
 * `retryable` counts against the index, and `fenced` is success, because the ledger has already decided.
 */
export const EXIT_CODES = { permanent: 40, unknown: 41, retryable: 75, fenced: 0 } as const satisfies Record<
  FaultCategory,
  number
>;

export interface FaultOptions {
  code: FaultCode;
  category: FaultCategory;
  /** Text for people, without record values: what happened, why, and what to do. */
  message: string;
  /** True for a retryable fault that only a new process can retry. */
  restart?: boolean;
  /** Reason of the `Failed` condition (CamelCase) when the fault ends the upload. */
  reason?: string;
  cause?: unknown;
  /** Fields for the log; they must never hold record values. */
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

  /** True when this process may try again. */
  get retryable(): boolean {
    return this.category === 'retryable' && !this.#restart;
  }
}

/** Wraps any thrown value; a {@link Fault} is returned unchanged. */
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
