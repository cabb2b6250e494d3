import type { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { KubeError } from '#kube/errors.ts';
import { ObjectCache } from '#kube/object-cache.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { createUploadFeed } from '#operator/gateway/uploads/upload-feed.ts';
import {
  BEAT_MS,
  createUploadStream,
  LIFE_MS,
  SLOW_MS,
  type StreamOptions,
  UNSURE_MS,
} from '#operator/gateway/uploads/upload-stream.ts';
import { FakeClock, settle } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

function upload(name: string, version: number, message = ''): BatchUpload {
  return {
    metadata: { name, namespace: 'n', uid: `uid-${name}`, resourceVersion: String(version), creationTimestamp: 't' },
    spec: { source: { type: 'Manual', s3: { bucket: 'b', key: 'k' } }, schemaRef: { name: 's' } },
    status: { message },
  } as BatchUpload;
}

const forbidden = () => Promise.reject(new Problem('forbidden', { detail: 'You may not.' }));
const away = () => Promise.reject(new KubeError({ status: 503, reason: 'ServiceUnavailable', message: 'away' }));

const streams: Readable[] = [];
afterEach(() => {
  for (const stream of streams.splice(0)) stream.destroy();
});

function start() {
  const cache = new ObjectCache<BatchUpload>(createRecordingLog());
  const clock = new FakeClock();
  const stop = new AbortController();
  const uploads = { subscribe: cache.subscribe.bind(cache), values: cache.values.bind(cache) };
  const feed = createUploadFeed(uploads);
  const open = (options: Partial<StreamOptions> = {}) => {
    const stream = createUploadStream({
      feed,
      namespace: 'n',
      since: null,
      isWanted: () => true,
      authorize: async () => undefined,
      expiresAt: null,
      clock,
      signal: stop.signal,
      ...options,
    });
    streams.push(stream);
    return stream;
  };
  /** What the reader of the stream has got, each event as `<event> <name or reason> <id>`. */
  const read = (stream: Readable) => {
    const lines: string[] = [];
    stream.on('data', (bytes: Buffer) => {
      for (const block of bytes
        .toString()
        .split('\n\n')
        .filter((text) => text !== '')) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        const data = JSON.parse(field('data') ?? '{}');
        const parts = [
          field('event') ?? (block.startsWith(':') ? 'beat' : 'retry'),
          data.name ?? data.reason,
          field('id'),
        ];
        lines.push(parts.filter((part) => part !== undefined).join(' '));
      }
    });
    return lines;
  };
  return { cache, clock, feed, open, read, stop };
}

describe('what a reader gets', () => {
  it('is the newest state of each upload, by version, however the changes come', async () => {
    const { cache, open, read } = start();
    cache.upsert(upload('b', 2));
    cache.upsert(upload('a', 1));
    const lines = read(open());
    await settle();
    expect(lines).toEqual(['retry', 'snapshot', 'upload a 1', 'upload b 2', 'synced']);
    // A new list has the changes by name, and has lost an upload.
    cache.replace(
      new Map([
        ['n/a', upload('a', 9)],
        ['n/c', upload('c', 5)],
      ]),
    );
    await settle();
    expect(lines.slice(5)).toEqual(['deleted b 2', 'upload c 5', 'upload a 9']);
  });

  it('is a whole catalogue after a deletion of which nobody knows when it was', async () => {
    const { cache, open, read } = start();
    cache.upsert(upload('a', 1));
    cache.upsert(upload('b', 2));
    cache.replace(new Map([['n/a', upload('a', 1)]]));
    const lines = read(open({ since: 2 }));
    await settle();
    expect(lines).toEqual(['retry', 'snapshot', 'upload a 1', 'synced']);
    cache.upsert(upload('c', 3));
    const later = read(open({ since: 3 }));
    await settle();
    expect(later).toEqual(['retry', 'synced']);
  });

  it('is a whole catalogue where too many deletions were forgotten', async () => {
    const { cache, open, read } = start();
    for (let at = 1; at <= 1001; at += 1) {
      cache.upsert(upload(`u${at}`, 2 * at));
      cache.remove(upload(`u${at}`, 2 * at + 1));
    }
    const first = read(open({ since: 2 }));
    const second = read(open({ since: 3 }));
    await settle();
    expect([first[1], second[1], second.length]).toEqual(['snapshot', 'deleted u2 5', 1002]);
  });

  it('has few states when the reader is slow, and ids that never go back', async () => {
    const { cache, open } = start();
    const text = 'x'.repeat(20_000);
    const stream = open();
    await settle();
    for (let version = 1; version <= 3000; version += 1) {
      cache.upsert(upload(`u${version % 7}`, version, text));
      if (version % 100 === 0) await settle();
    }
    expect(stream.readableLength).toBeLessThan(200_000);
    let got = '';
    stream.on('data', (bytes: Buffer) => {
      got += bytes;
    });
    await settle();
    const ids = [...got.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(ids.slice(-7)).toEqual([2994, 2995, 2996, 2997, 2998, 2999, 3000]);
    expect(ids.length).toBeLessThan(30);
  });
});

describe('a watch ends', () => {
  it('when its reader takes nothing', async () => {
    const { cache, clock, open } = start();
    const stream = open();
    for (let version = 1; version <= 20; version += 1) cache.upsert(upload(`u${version}`, version, 'x'.repeat(20_000)));
    await settle();
    await clock.advance(SLOW_MS - BEAT_MS);
    expect(stream.destroyed).toBe(false);
    await clock.advance(2 * BEAT_MS);
    expect(stream.destroyed).toBe(true);
    expect(clock.waiting).toBe(0);
  });

  it('never for silence: a beat comes instead', async () => {
    const { clock, open, read } = start();
    const lines = read(open());
    await clock.advance(3 * BEAT_MS + 1);
    expect(lines).toEqual(['retry', 'snapshot', 'synced', 'beat', 'beat', 'beat']);
  });

  it('when its right ends', async () => {
    const { clock, open, read } = start();
    let authorize: () => Promise<void> = async () => undefined;
    const stream = open({ authorize: () => authorize() });
    const lines = read(stream);
    await clock.advance(4 * BEAT_MS);
    authorize = forbidden;
    await clock.advance(BEAT_MS);
    expect(lines.at(-1)).toBe('end Forbidden');
    expect(stream.readableEnded).toBe(true);
  });

  it('when nobody can say for a while whether its reader has the right', async () => {
    const { clock, open, read } = start();
    let authorize: () => Promise<void> = away;
    const lines = read(open({ authorize: () => authorize() }));
    await clock.advance(UNSURE_MS - BEAT_MS);
    authorize = async () => undefined;
    await clock.advance(BEAT_MS);
    authorize = away;
    await clock.advance(UNSURE_MS - BEAT_MS);
    expect(lines.at(-1)).toBe('beat');
    await clock.advance(BEAT_MS);
    expect(lines.at(-1)).toBe('end Unavailable');
  });

  it('in the moment when its token expires', async () => {
    const { clock, open, read } = start();
    const lines = read(open({ expiresAt: clock.now() + BEAT_MS + 7 }));
    await clock.advance(BEAT_MS + 6);
    expect(lines.at(-1)).toBe('beat');
    await clock.advance(1);
    expect(lines.at(-1)).toBe('end TokenExpired');
  });

  it('after some time, so that its reader proves again who it is', async () => {
    const { clock, open, read } = start();
    const lines = read(open());
    await clock.advance(LIFE_MS - 1);
    expect(lines.at(-1)).toBe('beat');
    await clock.advance(1);
    expect(lines.at(-1)).toBe('end TooLong');
  });

  it('and leaves nothing behind', async () => {
    const { cache, clock, open, read, stop } = start();
    const [gone, stopped] = [open(), open()];
    const lines = read(stopped);
    await settle();
    gone.destroy();
    stop.abort();
    await settle();
    expect(lines.at(-1)).toBe('end Restart');
    cache.upsert(upload('a', 1));
    await settle();
    expect([clock.waiting, lines.at(-1)]).toEqual([0, 'end Restart']);
  });
});
