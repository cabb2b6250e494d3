/** The only class of errors that the client throws. */

export interface KubeErrorOptions {
  /** HTTP status; 0 when no answer came (network, timeout, malformed). */
  status: number;
  /** The server's `Status.reason` (such as `NotFound`), or `Network`, `Timeout` or `Malformed` when `status` is 0. */
  reason: string;
  message: string;
  retryAfterSeconds?: number | undefined;
  cause?: unknown;
}

/** The error holds no headers and no request body, so that all of it may be logged. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  readonly retryAfterSeconds?: number;

  constructor(options: KubeErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
    this.reason = options.reason;
    if (options.retryAfterSeconds !== undefined) this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

const hasStatus = (error: unknown, status: number): boolean => error instanceof KubeError && error.status === status;

export const isNotFound = (error: unknown): boolean => hasStatus(error, 404);
export const isConflict = (error: unknown): boolean => hasStatus(error, 409);
export const isForbidden = (error: unknown): boolean => hasStatus(error, 403);
/** True for 410 Gone: a resourceVersion or a continue token has expired, and the caller must list again. */
export const isGone = (error: unknown): boolean => hasStatus(error, 410);
export const isAlreadyExists = (error: unknown): boolean =>
  error instanceof KubeError && error.status === 409 && error.reason === 'AlreadyExists';

/**
 * True when the schema of a CRD does not know a field or a value of the object: the CRD may be older than this program. An admission
 * policy answers with 422, too, and says that it has denied the request.
 */
export const isSchemaRefusal = (error: unknown): boolean =>
  error instanceof KubeError &&
  ((error.status === 422 && error.reason === 'Invalid' && !/denied (the )?request/.test(error.message)) ||
    /field not declared in schema/.test(error.message));

/** A server or a proxy that asks for more is asked again after this time. */
const MAX_RETRY_AFTER_SECONDS = 60;

/** The delay that the server asks for, in ms, at most a minute; 0 when it asks for none. */
export const retryAfterMs = (error: unknown): number =>
  error instanceof KubeError ? Math.min(error.retryAfterSeconds ?? 0, MAX_RETRY_AFTER_SECONDS) * 1000 : 0;

/** A refusal by a quota shows only in the message: `status.causes` would name fields. */
export const isQuotaExceeded = (error: unknown): boolean =>
  error instanceof KubeError && error.status === 403 && error.message.includes('exceeded quota');

/** Says that a quota, an admission rule, a right or the schema forbids what was asked for. */
export function isRefused(error: unknown): error is KubeError {
  return error instanceof KubeError && [400, 403, 422].includes(error.status);
}
