/** Answers that refuse a request (RFC 9457), and requests that got no answer. */

/** The words of the gateway's problem types, and `offline`: no answer came. */
export const PROBLEM_TYPES = [
  'invalid-request',
  'unauthenticated',
  'forbidden',
  'namespace-not-enabled',
  'not-found',
  'method-not-allowed',
  'conflict',
  'key-reused',
  'precondition-failed',
  'too-large',
  'unsupported-media-type',
  'unprocessable',
  'too-many-requests',
  'internal',
  'unavailable',
  'offline',
] as const;
export type ProblemType = (typeof PROBLEM_TYPES)[number];

export interface ProblemPart {
  pointer?: string;
  parameter?: string;
  header?: string;
  detail: string;
}

interface ProblemFacts {
  /** 0: no answer came. */
  status: number;
  type: ProblemType;
  /** The gateway's own words, in English: what was wrong and what to do. */
  detail: string;
  errors?: ProblemPart[];
  retryAfterSeconds?: number | null;
}

export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly type: ProblemType;
  readonly detail: string;
  readonly errors: ProblemPart[];
  readonly retryAfterSeconds: number | null;

  constructor({ status, type, detail, errors = [], retryAfterSeconds = null }: ProblemFacts, cause?: unknown) {
    super(detail, { cause });
    this.status = status;
    this.type = type;
    this.detail = detail;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The type of an answer that a proxy before the gateway has written. */
const TYPE_OF_STATUS: Record<number, ProblemType> = {
  400: 'invalid-request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  405: 'method-not-allowed',
  409: 'conflict',
  412: 'precondition-failed',
  413: 'too-large',
  415: 'unsupported-media-type',
  422: 'unprocessable',
  429: 'too-many-requests',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
};

export async function readProblem(response: Response): Promise<ProblemError> {
  const { status } = response;
  const body = await readJson(response);
  const word = typeof body.type === 'string' ? body.type.slice(body.type.lastIndexOf('/') + 1) : '';
  const known = PROBLEM_TYPES.find((type) => type === word);
  return new ProblemError({
    status,
    type: known ?? TYPE_OF_STATUS[status] ?? 'internal',
    detail: typeof body.detail === 'string' ? body.detail : '',
    errors: Array.isArray(body.errors) ? body.errors : [],
    retryAfterSeconds: readRetryAfter(response.headers.get('retry-after')),
  });
}

export function offlineProblem(cause: unknown): ProblemError {
  return new ProblemError({ status: 0, type: 'offline', detail: '' }, cause);
}

/** An answer that is no JSON object comes from a proxy, and says nothing to a person. */
async function readJson(response: Response): Promise<Record<string, unknown> & { errors?: ProblemPart[] }> {
  try {
    const body: unknown = await response.json();
    return typeof body === 'object' && body !== null ? { ...body } : {};
  } catch {
    return {};
  }
}

function readRetryAfter(text: string | null): number | null {
  return text !== null && /^\d{1,6}$/.test(text) ? Number(text) : null;
}
