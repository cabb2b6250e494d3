/**
 * One watch as a stream of server-sent events. A reader that is slower than the uploads change gets the newest state of
 * each upload and not every state before, so that what waits for the reader is bounded by the number of uploads.
 */
import { Readable } from 'node:stream';
import { type Clock, sleep } from '#common/clock.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { representUpload } from './represent-upload.ts';
import type { Change, UploadFeed } from './upload-feed.ts';

export interface StreamOptions {
  feed: UploadFeed;
  namespace: string;
  /** The version up to which the reader knows all changes; null: the reader knows none. */
  since: number | null;
  isWanted(upload: BatchUpload): boolean;
  /** Asks again whether the reader may watch what it watches. @throws Problem forbidden, or whatever fails */
  authorize(): Promise<void>;
  /** Epoch ms at which the proof of the reader's identity expires; null: never. */
  expiresAt: number | null;
  /** Aborts when the reader signs out. */
  signedOut?: AbortSignal;
  clock: Clock;
  /** Aborts when the program ends. */
  signal: AbortSignal;
}

/** A proxy closes a connection that is silent, and rights are asked for again as often. */
export const BEAT_MS = 15_000;
/** The reader proves its identity again after this time, when it opens the watch again. */
export const LIFE_MS = 15 * 60_000;
/** Time after which a reader that takes nothing counts as gone. */
export const SLOW_MS = 60_000;
/** A watch goes on for this time while nobody can say whether its reader still has the right. */
export const UNSURE_MS = 60_000;
/** The reader waits so long before it opens a watch again that has ended. */
const REOPEN_MS = 2_000;

/** The bytes that wait in a stream for its reader: there may be a thousand streams. */
const BUFFER_BYTES = 16 * 1024;

const SYNCED = 'synced';

export function createUploadStream(options: StreamOptions): Readable {
  const { feed, namespace, since, isWanted, clock } = options;
  const ended = new AbortController();
  const pending = new Map<string, Change | typeof SYNCED>();
  let hasRoom = false;
  let fullSince = clock.monotonic();

  const write = (text: string) => {
    hasRoom = stream.push(text);
    if (!hasRoom) fullSince = clock.monotonic();
  };
  const flush = () => {
    for (const [uid, change] of pending) {
      if (!hasRoom) return;
      pending.delete(uid);
      write(change === SYNCED ? formatEvent('synced', {}) : formatChange(change));
    }
  };
  const stream = new Readable({
    highWaterMark: BUFFER_BYTES,
    read() {
      hasRoom = true;
      flush();
    },
    destroy(error, callback) {
      ended.abort();
      subscription.end();
      pending.clear();
      callback(error);
    },
  });
  // The newest state of an upload comes last: the ids of a stream never go back.
  const add = (changes: readonly Change[]) => {
    for (const change of changes) {
      if (!isWanted(change.upload)) continue;
      const { uid } = change.upload.metadata;
      pending.delete(uid);
      pending.set(uid, change);
    }
    // Nothing is synced as long as an upload that was known at the start waits.
    if (pending.delete(SYNCED)) pending.set(SYNCED, SYNCED);
  };
  const subscription = feed.subscribe(namespace, since, (changes) => {
    add(changes);
    flush();
  });
  write(`retry: ${REOPEN_MS}\n\n`);
  if (subscription.missed.isWhole) write(formatEvent('snapshot', {}));
  add(subscription.missed.changes);
  pending.set(SYNCED, SYNCED);

  void keep(options, ended.signal, {
    beat() {
      if (hasRoom && pending.size === 0) write(': heartbeat\n\n');
      return !hasRoom && clock.monotonic() - fullSince >= SLOW_MS;
    },
    end(reason, message) {
      stream.push(formatEvent('end', { reason, message }));
      stream.push(null);
    },
    cut: () => void stream.destroy(),
  });
  return stream;
}

interface Kept {
  /** Shows the reader that the watch lives. @returns whether the reader is too slow */
  beat(): boolean;
  end(reason: string, message: string): void;
  cut(): void;
}

/** Ends the watch when its reader may not watch any more. Nothing is awaited here that could fail. */
async function keep(options: StreamOptions, closed: AbortSignal, { beat, end, cut }: Kept): Promise<void> {
  const { clock, expiresAt, authorize, signal, signedOut } = options;
  const until = clock.monotonic() + LIFE_MS;
  let sureUntil = clock.monotonic() + UNSURE_MS;
  const stopped = AbortSignal.any([closed, signal, ...(signedOut ? [signedOut] : [])]);
  for (;;) {
    const leftMs = Math.min(until - clock.monotonic(), (expiresAt ?? Number.POSITIVE_INFINITY) - clock.now());
    await sleep(clock, Math.max(0, Math.min(BEAT_MS, leftMs)), stopped);
    if (closed.aborted) return;
    if (signal.aborted) return end('Restart', 'The gateway ends. Open the watch again with the id of the last event.');
    if (signedOut?.aborted) return end('TokenExpired', 'The session was signed out. Sign in again.');
    if (expiresAt !== null && clock.now() >= expiresAt) {
      return end(
        'TokenExpired',
        'Who watches must be proved again. Open the watch again, with a new token if yours has expired.',
      );
    }
    if (clock.monotonic() >= until) {
      return end('TooLong', 'A watch ends after some time. Open it again with the id of the last event.');
    }
    if (beat()) return cut();
    try {
      await authorize();
      sureUntil = clock.monotonic() + UNSURE_MS;
    } catch (error) {
      if (error instanceof Problem && error.type === 'forbidden') return end('Forbidden', error.message);
      if (clock.monotonic() >= sureUntil) {
        return end('Unavailable', 'The API server cannot say whether you may watch. Open the watch again later.');
      }
    }
    if (closed.aborted) return;
  }
}

/** The events of an upload's states, which all watches of it share. */
const texts = new WeakMap<BatchUpload, string>();

function formatChange({ version, upload, isDeleted }: Change): string {
  const { name, uid } = upload.metadata;
  if (isDeleted) return formatEvent('deleted', { name, uid }, version);
  const known = texts.get(upload);
  if (known !== undefined) return known;
  const text = formatEvent('upload', representUpload(upload), version);
  texts.set(upload, text);
  return text;
}

/** JSON has no line ends. */
function formatEvent(event: string, data: object, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
