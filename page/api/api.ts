/** The gateway, as the page calls it. */
import { signal } from '@preact/signals';
import { type CallOptions, createClient, type Method } from './client.ts';
import { offlineProblem, ProblemError, readProblem } from './problem-error.ts';
import { createSignIn, type SignInRequest } from './sign-in.ts';
import type { Session } from './types.ts';
import { openWatch, type WatchEvent } from './watch.ts';

/** Who is signed in; null until that is known. */
export const session = signal<Session | null>(null);

/** Set while requests wait until the person has signed in again: a dialog asks for that. */
export const signInRequest = signal<SignInRequest | null>(null);

/** Tabs tell each other the user that is signed in now, or that the session was ended. */
const CHANNEL = 'batch-upload-session';
const SIGNED_OUT = '';

function tell(user: string): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(user);
  channel.close();
}

export function tellSignedIn(): void {
  if (session.value !== null) tell(session.value.user);
}

let isLeaving = false;

/** Must be called before this tab goes elsewhere: a tab hears its own news. */
export function tellSignedOut(): void {
  isLeaving = true;
  tell(SIGNED_OUT);
}

/** Asks who is signed in, and keeps the answer. @throws ProblemError with status 401 when nobody is */
export async function loadSession(): Promise<Session> {
  const found = await fetchSession();
  if (session.value === null || session.value.user === found.user) session.value = found;
  return found;
}

async function fetchSession(): Promise<Session> {
  let response: Response;
  try {
    response = await fetch('/page/session', { headers: { accept: 'application/json' }, cache: 'no-store' });
  } catch (error) {
    throw offlineProblem(error);
  }
  if (!response.ok) throw await readProblem(response);
  return (await response.json()) as Session;
}

/**
 * Watches who signs in and out in other tabs: what this page shows must not become the page of somebody else.
 * @returns the end
 */
export function followSignIns(onSignedOut: () => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = async ({ data }) => {
    if (data === SIGNED_OUT) return isLeaving || onSignedOut();
    if (data === session.value?.user) return;
    const before = session.value;
    const found = await loadSession().catch(() => null);
    if (found !== null && before !== null && found.user !== before.user) {
      await signInAgain(new ProblemError({ status: 401, type: 'unauthenticated', detail: '' })).catch(() => undefined);
    }
  };
  return () => channel.close();
}

function onMaybeSignedIn(callback: () => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  const onLook = () => {
    if (document.visibilityState === 'visible') callback();
  };
  channel.onmessage = callback;
  document.addEventListener('visibilitychange', onLook);
  return () => {
    channel.close();
    document.removeEventListener('visibilitychange', onLook);
  };
}

const signInAgain = createSignIn({
  fetchSession,
  currentSession: () => session.value,
  adopt: (found) => {
    session.value = found;
  },
  show: (request) => {
    signInRequest.value = request;
  },
  onMaybeSignedIn,
});

const client = createClient({
  fetch: (...request) => fetch(...request),
  currentSession: () => session.value,
  loadSession,
  signInAgain,
});

/**
 * Calls an endpoint, such as `call('GET', apiPath('team-a', 'uploads'))`. A call whose session has ended waits until the
 * person has signed in again.
 * @throws ProblemError
 */
export async function call<T>(method: Method, path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
  return (await client.send<T>(method, path, { ...options, body })).data;
}

/** As `call`, with the headers of the answer. @throws ProblemError */
export const send = client.send;

/** Watches uploads: `path` ends with `uploads/watch` or `uploads/{name}/watch`. */
export function watch(path: string, onEvent: (event: WatchEvent) => void, lastEventId?: string): { close(): void } {
  return openWatch({ client, pause }, path, onEvent, lastEventId);
}

/** The wait is over as soon as another try is worth it: the browser is online again, or the tab is looked at again. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = new AbortController();
    const end = () => {
      done.abort();
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(end, ms);
    const options = { signal: done.signal };
    window.addEventListener('online', end, options);
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && end(), options);
    signal.addEventListener('abort', end, options);
  });
}
