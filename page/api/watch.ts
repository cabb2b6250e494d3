/**
 * Watches of uploads. A watch that is lost is opened again with the id of the last event, so that no change is missed
 * (docs/explanation/gateway.md says what the gateway promises).
 */
import type { Client } from './client.ts';
import { createEventParser, type EventParser } from './event-stream.ts';
import { ProblemError } from './problem-error.ts';
import type { Upload } from './types.ts';

export type WatchEvent =
  /** Everything that was known is forgotten: all uploads that there are follow. */
  | { type: 'snapshot' }
  | { type: 'upload'; upload: Upload }
  | { type: 'deleted'; name: string; uid: string }
  /** Everything that was known when the watch was opened has been told. */
  | { type: 'synced' }
  /** No change is seen for now; the watch is opened again by itself. */
  | { type: 'lost'; problem: ProblemError }
  /** The watch has ended for good, since the right or the upload does not exist any more. */
  | { type: 'refused'; problem: ProblemError };

export interface WatchDeps {
  client: Client;
  /** Resolves after the time, or as soon as it is worth to try: the browser is online again, or the tab is looked at. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 30_000;
/** The gateway sends a comment every 15 seconds: a stream that is silent for longer is dead. */
export const SILENCE_MS = 45_000;

/** @param lastEventId the watch tells what has changed since then; without it, the watch begins with everything */
export function openWatch(
  deps: WatchDeps,
  path: string,
  onEvent: (event: WatchEvent) => void,
  lastEventId = '',
): { close(): void } {
  const closed = new AbortController();
  void keep(deps, { path, lastEventId, onEvent, signal: closed.signal });
  return { close: () => closed.abort() };
}

interface Watched {
  path: string;
  lastEventId: string;
  onEvent(event: WatchEvent): void;
  signal: AbortSignal;
}

async function keep({ client, pause }: WatchDeps, { path, lastEventId, onEvent, signal }: Watched): Promise<void> {
  let lastId = lastEventId;
  let failures = 0;
  while (!signal.aborted) {
    const parser = createEventParser(lastId);
    try {
      await read(client, parser, { path, signal, onEvent, onText: () => (failures = 0) });
    } catch (error) {
      if (signal.aborted) return;
      const problem =
        error instanceof ProblemError ? error : new ProblemError({ status: 0, type: 'offline', detail: '' });
      if (isFinal(problem)) return onEvent({ type: 'refused', problem });
      onEvent({ type: 'lost', problem });
      failures += 1;
    }
    lastId = parser.lastId();
    const waitMs = (parser.retryMs() ?? FIRST_WAIT_MS) * 2 ** Math.min(Math.max(failures - 1, 0), 4);
    await pause(Math.min(waitMs, LONGEST_WAIT_MS), signal);
  }
}

/** Resolves when the stream has ended. */
async function read(
  client: Client,
  parser: EventParser,
  { path, signal, onEvent, onText }: Omit<Watched, 'lastEventId'> & { onText(): void },
): Promise<void> {
  const silent = new AbortController();
  const id = parser.lastId();
  const response = await client.open('GET', path, {
    headers: { accept: 'text/event-stream', ...(id === '' ? {} : { 'last-event-id': id }) },
    signal: AbortSignal.any([signal, silent.signal]),
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const timer = setTimeout(() => silent.abort(), SILENCE_MS);
    const { value, done } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    onText();
    for (const { event, data } of parser.push(value)) {
      const told = toWatchEvent(event, data);
      if (told !== null && !signal.aborted) onEvent(told);
    }
  }
}

/** An event `end` needs nothing of its own: the stream ends, and is opened again, by who is signed in then. */
function toWatchEvent(event: string, data: string): WatchEvent | null {
  switch (event) {
    case 'snapshot':
    case 'synced':
      return { type: event };
    case 'upload':
      return { type: event, upload: JSON.parse(data) };
    case 'deleted':
      return { type: event, ...(JSON.parse(data) as { name: string; uid: string }) };
    default:
      return null;
  }
}

/** What another try cannot mend. A person who does not sign in again gets no more changes. */
function isFinal({ status }: ProblemError): boolean {
  return status === 401 || status === 403 || status === 404;
}
