/**
 * Requests to the gateway with the session's cookie as proof. A request that is answered 401 waits until the person has
 * signed in again, and is sent once more: nothing on the page is lost.
 */
import { offlineProblem, type ProblemError, readProblem } from './problem-error.ts';
import type { Session } from './types.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface Answer<T> {
  status: number;
  data: T;
  headers: Headers;
}

export interface ClientDeps {
  fetch: typeof fetch;
  currentSession(): Session | null;
  /** Asks the gateway who is signed in. @throws ProblemError */
  loadSession(): Promise<Session>;
  /** Resolves when the same person has signed in again. @throws ProblemError when the person does not want to */
  signInAgain(problem: ProblemError): Promise<void>;
}

export interface Client {
  /** @throws ProblemError */
  open(method: Method, path: string, options?: CallOptions): Promise<Response>;
  /** @throws ProblemError */
  send<T>(method: Method, path: string, options?: CallOptions): Promise<Answer<T>>;
}

export function createClient(deps: ClientDeps): Client {
  const open: Client['open'] = async (method, path, options = {}) => {
    const { csrf } = deps.currentSession() ?? {};
    const response = await request(deps, { method, path, csrf }, options);
    if (response.ok || response.status === 304) return response;
    const problem = await readProblem(response);
    if (problem.status === 401) {
      await deps.signInAgain(problem);
      return repeat(deps, { method, path }, options);
    }
    if (problem.status === 403 && method !== 'GET' && (await hasNewSession(deps, problem))) {
      return repeat(deps, { method, path }, options);
    }
    throw problem;
  };
  return {
    open,
    async send<T>(method: Method, path: string, options?: CallOptions) {
      const response = await open(method, path, options);
      return { status: response.status, data: await readData<T>(response), headers: response.headers };
    },
  };
}

/** Another tab may have signed in again: the session has another token since, or is that of another person. */
async function hasNewSession(deps: ClientDeps, problem: ProblemError): Promise<boolean> {
  const before = deps.currentSession();
  const found = await deps.loadSession().catch(() => null);
  if (found === null || before === null) return false;
  if (found.user !== before.user) await deps.signInAgain(problem);
  return found.csrf !== before.csrf;
}

async function repeat(
  deps: ClientDeps,
  { method, path }: { method: Method; path: string },
  options: CallOptions,
): Promise<Response> {
  const response = await request(deps, { method, path, csrf: deps.currentSession()?.csrf }, options);
  if (response.ok || response.status === 304) return response;
  throw await readProblem(response);
}

async function request(
  deps: ClientDeps,
  { method, path, csrf }: { method: Method; path: string; csrf: string | undefined },
  { body, headers, signal }: CallOptions,
): Promise<Response> {
  try {
    return await deps.fetch(path, {
      method,
      headers: {
        accept: 'application/json, application/problem+json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'GET' || csrf === undefined ? {} : { 'x-csrf-token': csrf }),
        ...headers,
      },
      credentials: 'same-origin',
      redirect: 'error',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    // The caller that has ended the request knows why.
    if (signal?.aborted) throw error;
    throw offlineProblem(error);
  }
}

async function readData<T>(response: Response): Promise<T> {
  if (response.status === 204 || response.status === 304) return undefined as T;
  try {
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return (isJson ? await response.json() : await response.text()) as T;
  } catch (error) {
    throw offlineProblem(error);
  }
}

/** The path of an endpoint of a namespace, such as `/v1/namespaces/team-a/uploads/people-1`. */
export function apiPath(namespace: string, ...segments: string[]): string {
  return `/v1/namespaces/${[namespace, ...segments].map(encodeURIComponent).join('/')}`;
}
