/**
 * Answers that refuse a request: problem details of RFC 9457. The `type` of a problem is a path of the documentation
 * that stays; `detail` says what was wrong with this request and what to do.
 */

/** Every problem that the API has: its status and its title. The key is the last part of the problem's `type`. */
export const PROBLEMS = {
  'invalid-request': { status: 400, title: 'The request is not valid' },
  unauthenticated: { status: 401, title: 'The request does not prove who sends it' },
  forbidden: { status: 403, title: 'The sender may not do this' },
  'namespace-not-enabled': { status: 404, title: 'There is no such namespace here' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'method-not-allowed': { status: 405, title: 'The path has no such method' },
  conflict: { status: 409, title: 'The present state does not allow this' },
  'key-reused': { status: 422, title: 'The Idempotency-Key belongs to another request' },
  'precondition-failed': { status: 412, title: 'The upload has changed meanwhile' },
  'too-large': { status: 413, title: 'The request is too large' },
  'unsupported-media-type': { status: 415, title: 'The body has another type than the endpoint takes' },
  unprocessable: { status: 422, title: 'The request cannot be carried out as it is' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'The gateway failed' },
  unavailable: { status: 503, title: 'Something that the gateway needs is away' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemType = keyof typeof PROBLEMS;

export interface ProblemOptions {
  /** What was wrong and what to do, for the sender. Never a value of a record, a token or a key. */
  detail: string;
  /** The parts of the request that are wrong: a JSON pointer into the body, or the name of a parameter or header. */
  errors?: { pointer?: string; parameter?: string; header?: string; detail: string }[] | undefined;
  /** Seconds after which the sender may try again; the header Retry-After. */
  retryAfterSeconds?: number | undefined;
  /** Further headers of the answer, for example WWW-Authenticate. */
  headers?: Record<string, string> | undefined;
  cause?: unknown;
}

/** An error that a handler throws to refuse its request. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly type: ProblemType;
  readonly status: number;
  readonly options: ProblemOptions;

  constructor(type: ProblemType, options: ProblemOptions) {
    super(options.detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.type = type;
    this.status = PROBLEMS[type].status;
    this.options = options;
  }

  /** The answer's body. */
  toJSON(instance?: string) {
    const { title, status } = PROBLEMS[this.type];
    const { detail, errors } = this.options;
    return {
      type: `https://batchupload.dev/problems/${this.type}`,
      title,
      status,
      detail,
      ...(instance === undefined ? {} : { instance }),
      ...(errors === undefined ? {} : { errors }),
    };
  }
}
