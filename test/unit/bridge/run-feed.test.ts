/** What a feed does where the ledger has lost something: the end of an upload, or files that wait. */
import { expect, it } from 'vitest';
import { compileRules } from '#operator/bridge/admission/object-rules.ts';
import { createFeed, type FeedDeps } from '#operator/bridge/feed/run-feed.ts';
import type { SourceUpload, UploadState } from '#operator/bridge/feed/source-uploads.ts';
import { type WaitingFiles, type WaitingLine, watchFreed } from '#operator/bridge/feed/waiting-line.ts';
import { feedRules } from '#operator/bridge/model/feed-rules.ts';
import { createRecorder, createSourceState } from '#operator/bridge/status/source-state.ts';
import { testSource } from '#support/bridge/upload-source.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

const TICK_MS = 1_000;
const FILE = { schemaName: 'items', bucket: 'bucket', versionId: null, eTag: 'e', size: 1, event: null };
const lastModified = new Date(0);
const turn = { ...FILE, name: 'first', key: 'a', lastModified, position: { time: lastModified, key: 'a' } };

/** The upload of the first of two files has ended, as its status says. */
function setUp(state: UploadState, limits: object) {
  const clock = new FakeClock();
  const source = testSource('orders', { s3: { bucket: 'bucket', prefix: '' }, ...limits });
  const upload: SourceUpload = {
    ...{ name: 'first', uid: 'u', resourceVersion: '1', key: 'a', state, reason: 'CopyGone' },
    ...{ retryGeneration: 0, endedAt: 0 },
  };
  const line: WaitingLine = { turns: [], open: [], lastTurn: null, waiting: 1, since: null, latest: null };
  const calls: string[] = [];
  const files: Partial<WaitingFiles> = {
    waiting: async () => [],
    read: async () => line,
    newestLoaded: async () => null,
    refuseOlder: async () => [],
    atTheEnd: async (names) => [...names],
    ownUploads: async (names) => new Set(names),
    end: async (names) => void calls.push(...names.map((name) => `end ${name}`)),
    async take() {
      calls.push('take');
      return [];
    },
  };
  const sourceState = createSourceState(source);
  const deps: Partial<FeedDeps> = {
    ...{ source, clock, rules: feedRules(source), objectRules: compileRules(source), tickMs: TICK_MS },
    files: files as WaitingFiles,
    uploads: { hasSynced: true, get: () => upload, all: () => [upload], run: async () => undefined },
    client: {
      find: async () => undefined,
      async delete(_, { name }) {
        calls.push(`delete ${name}`);
        return true;
      },
    },
    findUnhandled: async () => null,
    recount: async () => undefined,
    recorder: createRecorder({ state: sourceState, clock, onChange: () => undefined, onWarning: () => undefined }),
  };
  const feed = createFeed(deps as FeedDeps);
  return { clock, feed, line, calls, report: () => sourceState.feed };
}

it.each<[UploadState, object]>([
  ['Complete', { concurrencyPolicy: 'Serial', successfulUploadsHistoryLimit: 0 }],
  ['Complete', { maxActiveUploads: 1, successfulUploadsHistoryLimit: 0 }],
  ['Failed', { concurrencyPolicy: 'Serial', skipFailed: true, failedUploadsHistoryLimit: 0 }],
  ['Failed', { concurrencyPolicy: 'Serial', failedUploadsHistoryLimit: 0 }],
])('an upload that is %s and open in the ledger is active: %o', async (state, limits) => {
  const { clock, feed, line, calls, report } = setUp(state, limits);
  const stop = new AbortController();
  line.open = [{ name: 'first', key: 'a' }];
  const done = feed.run(stop.signal);
  await clock.advance(TICK_MS);
  expect(report()).toMatchObject({ active: 1, waiting: 1, held: null, why: { reason: 'UploadsActive' } });
  line.turns = [{ ...turn, isCreated: true, isOpen: true }];
  await clock.advance(TICK_MS);
  expect(report()).toMatchObject({ active: 1, waiting: 1, held: null });
  expect(calls).toEqual([]);

  // The operator has closed the row again.
  line.open = [];
  line.turns = [{ ...turn, isCreated: true, isOpen: false }];
  await clock.advance(TICK_MS);
  const isHeld = state === 'Failed' && !('skipFailed' in limits);
  expect(report()).toMatchObject({ active: 0, held: isHeld ? { by: 'first' } : null });
  expect([...new Set(calls)]).toEqual(isHeld ? ['end first'] : ['end first', 'take', 'delete first']);
  stop.abort();
  await done;
});

it('files that waited may be free after a drop, and where the last of them is missing', async () => {
  let latest: number | null = null;
  let freed = 0;
  const line = { turns: [], open: [], lastTurn: null, waiting: 1, since: null };
  const files: Partial<WaitingFiles> = {
    read: async () => ({ ...line, latest: latest === null ? null : new Date(latest) }),
    drop: async () => undefined,
  };
  const { read, drop } = watchFreed(files as WaitingFiles, () => (freed += 1));
  const readAt = async (at: number | null) => {
    latest = at;
    await read();
    return freed;
  };
  for (const at of [null, 10, 20, 20]) expect(await readAt(at)).toBe(0);
  expect(await readAt(10)).toBe(1);
  expect(await readAt(30)).toBe(1);
  expect(await readAt(null)).toBe(2);
  await drop({ name: 'n', from: 'Waiting', reason: 'Replaced', message: 'm' });
  expect(freed).toBe(3);
});
