/** What the files of an UploadSource wait for: the pure decisions and their texts, as tables. */
import { describe, expect, it } from 'vitest';
import { describeFeed, type FeedView } from '#operator/bridge/feed/describe-feed.ts';
import { chooseExpired } from '#operator/bridge/feed/history-policy.ts';
import type { SourceUpload } from '#operator/bridge/feed/source-uploads.ts';
import { decideTurn, type TurnDecision } from '#operator/bridge/feed/turn-policy.ts';
import { feedRules, hasWaitingLine, needsUploads } from '#operator/bridge/model/feed-rules.ts';
import { comparePositions, earlier, positionOf } from '#operator/bridge/model/file-position.ts';
import { testSource } from '#support/bridge/upload-source.ts';

const s3 = { bucket: 'bucket', prefix: '' };
const ALLOW = { serial: false, skipFailed: false, maxActive: 3 };
const SERIAL = { serial: true, skipFailed: false, maxActive: 1 };
const SKIP = { ...SERIAL, skipFailed: true };
const NO_LIMIT = { ...ALLOW, maxActive: null };

describe('whose turn it is', () => {
  it.each<[string, Parameters<typeof decideTurn>[0]['rules'], string[], string[], TurnDecision]>([
    ['no limit', NO_LIMIT, ['a', 'b'], [], { kind: 'Free', room: Number.POSITIVE_INFINITY }],
    ['room for some', ALLOW, ['a'], [], { kind: 'Free', room: 2 }],
    ['no room', ALLOW, ['a', 'b', 'c'], [], { kind: 'Full' }],
    ['more than the limit, which was lowered', ALLOW, ['a', 'b', 'c', 'd'], [], { kind: 'Full' }],
    ['a failed one takes no room', ALLOW, ['a', 'b'], ['f'], { kind: 'Free', room: 1 }],
    ['the first of a feed', SERIAL, [], [], { kind: 'Free', room: 1 }],
    ['one is loaded', SERIAL, ['a'], [], { kind: 'Full' }],
    ['several are left from Allow', SERIAL, ['a', 'b'], [], { kind: 'Full' }],
    ['the last has failed', SERIAL, [], ['f'], { kind: 'Held', by: 'f' }],
    ['the last ones have failed', SERIAL, [], ['f', 'g'], { kind: 'Held', by: 'f' }],
    ['the failed one is tried again', SERIAL, ['f'], [], { kind: 'Full' }],
    ['one is loaded after a failed one', SERIAL, ['a'], ['f'], { kind: 'Full' }],
    ['the last has failed and is skipped', SKIP, [], ['f'], { kind: 'Free', room: 1 }],
    ['a skipped one is tried again', SKIP, ['f'], [], { kind: 'Full' }],
  ])('%s', (_, rules, active, failedLast, expected) => {
    expect(decideTurn({ rules, active, failedLast })).toEqual(expected);
  });

  it.each([
    [{}, { line: false, uploads: false, maxActive: null }],
    [{ maxActiveUploads: 4 }, { line: true, uploads: true, maxActive: 4 }],
    [{ concurrencyPolicy: 'Serial' as const }, { line: true, uploads: true, maxActive: 1 }],
    [{ successfulUploadsHistoryLimit: 0 }, { line: false, uploads: true, maxActive: null }],
    [{ failedUploadsHistoryLimit: 0 }, { line: false, uploads: true, maxActive: null }],
  ])('the spec %o', (spec, expected) => {
    const rules = feedRules(testSource('orders', { s3, ...spec }));
    const { maxActive } = rules;
    expect({ line: hasWaitingLine(rules), uploads: needsUploads(rules), maxActive }).toEqual(expected);
  });
});

describe('the order of files', () => {
  const at = (seconds: number, key: string) => ({ time: new Date(seconds * 1000), key });

  it('is that of the times, then that of the keys’ bytes', () => {
    const files = [at(2, 'a'), at(1, 'b'), at(1, 'B'), at(1, 'ä'), at(1, '\u{10000}'), at(1, '\uffff'), at(1, 'a/b')];
    expect(files.sort(comparePositions).map(({ key }) => key)).toEqual([
      ...['B', 'a/b', 'b', 'ä', '\uffff', '\u{10000}', 'a'],
    ]);
  });

  it('the earlier one, where there is one', () => {
    expect(earlier(null, at(1, 'a'))).toEqual(at(1, 'a'));
    expect(earlier(at(2, 'a'), at(1, 'z'))).toEqual(at(1, 'z'));
    expect(earlier(null, null)).toBeNull();
  });

  it('of objects is that of Last-Modified and key, of fetched files that of their server', () => {
    const event = { id: 'e', time: '2026-01-01T00:00:00.000Z' };
    const notice = { key: 'raw/ns/orders/0af3/a.csv', event };
    const lastModified = Date.UTC(2026, 5, 1);
    const polled = testSource('orders', { s3 });
    expect(positionOf(polled, notice, lastModified)).toEqual({ time: new Date(lastModified), key: notice.key });
    const sftp = { host: 'h' } as NonNullable<ReturnType<typeof testSource>['spec']['sftp']>;
    const fetched = testSource('orders', { s3, sftp });
    expect(positionOf(fetched, notice, lastModified)).toEqual({ time: new Date(event.time), key: 'a.csv' });
    expect(positionOf(fetched, { ...notice, event: null }, lastModified).time).toEqual(new Date(lastModified));
  });
});

describe('the history', () => {
  const ended = (name: string, endedAt: number, isSuccessful = true) => ({ name, endedAt, isSuccessful });
  const UPLOADS = [
    ended('s2', 2),
    ended('f1', 1, false),
    ended('s3', 3),
    ended('s1', 1),
    ended('f4', 4, false),
    ended('f2', 2, false),
  ];

  it.each<[string, number | null, number | null, string[], string[]]>([
    ['no limit', null, null, [], []],
    ['the oldest go first', 1, null, [], ['s1', 's2']],
    ['nothing is kept', 0, 0, [], ['s1', 's2', 's3', 'f1', 'f2', 'f4']],
    ['each kind for itself', 3, 1, [], ['f1', 'f2']],
    ['fewer than the limit', 10, 10, [], []],
    ['one that holds the files behind it stays', null, 0, ['f2'], ['f1', 'f4']],
    ['one that holds counts as kept', null, 1, ['f4'], ['f1', 'f2']],
  ])('%s', (_, successful, failed, holding, expected) => {
    const expired = chooseExpired(UPLOADS, { limits: { successful, failed }, holding: new Set(holding) });
    expect(expired.map(({ name }) => name).toSorted()).toEqual(expected.toSorted());
  });

  it('of equal times the names decide, and the ones that ended first come first', () => {
    const uploads = [ended('b', 1), ended('c', 1), ended('a', 1), ended('z', 0)];
    const expired = chooseExpired(uploads, { limits: { successful: 1, failed: null }, holding: new Set() });
    expect(expired.map(({ name }) => name)).toEqual(['z', 'a', 'b']);
  });
});

describe('what the status says', () => {
  const holder: SourceUpload = {
    ...{ name: 'orders-f', uid: 'u', resourceVersion: '1', key: 'in/7.csv', state: 'Failed' },
    ...{ reason: 'TooManyFailedRecords', retryGeneration: 2, endedAt: 0 },
  };
  const view: FeedView = {
    ...{ namespace: 'ns', rules: SERIAL, active: [], waiting: 0, decision: { kind: 'Free', room: 1 } },
    ...{ holder: undefined, unhandled: null },
  };
  const active = (state: FeedView['active'][number]['state']) => [{ name: 'orders-a', key: 'in/6.csv', state }];

  it.each<[string, Partial<FeedView>, string, string[]]>([
    ['nothing', {}, 'NothingWaits', ['No file waits for its turn.']],
    [
      'one is loaded',
      { active: active('Active'), waiting: 3, decision: { kind: 'Full' } },
      'UploadsActive',
      ['orders-a loads in/6.csv', '3 files wait behind it', 'kubectl describe batchupload orders-a -n ns'],
    ],
    ['one is loaded alone', { active: active(null), decision: { kind: 'Full' } }, 'NothingWaits', ['No file waits']],
    [
      'one is suspended',
      { active: active('Suspended'), waiting: 1, decision: { kind: 'Full' } },
      'UploadsActive',
      ['1 file waits behind it', `-p '{"spec":{"suspend":false}}'`],
    ],
    [
      'one was deleted and has not ended',
      { active: active('Ending'), waiting: 1, decision: { kind: 'Full' } },
      'UploadsActive',
      ['It was deleted'],
    ],
    [
      'a limit',
      { rules: ALLOW, active: [...active('Active'), ...active('Active')], waiting: 1, decision: { kind: 'Full' } },
      'UploadsActive',
      ['2 BatchUploads', 'spec.maxActiveUploads is 3', '1 file waits'],
    ],
    [
      'an older file is not ready',
      { waiting: 2, unhandled: { time: new Date(0), key: 'in/5.csv' } },
      'OlderFileNotReady',
      ['2 files wait for in/5.csv', 'settleSeconds', 'recentFailing'],
    ],
    ['a folder is not known', { waiting: 2, unhandled: 'Unknown' }, 'OlderFileNotReady', ['the folder']],
    ['the next', { waiting: 2 }, 'NextIsCreated', ['2 files wait']],
  ])('%s', (_, change, reason, texts) => {
    const report = describeFeed({ ...view, ...change });
    expect(report.why.reason).toBe(reason);
    for (const text of texts) expect(report.why.message).toContain(text);
    expect(report.held).toBeNull();
  });

  it('a failed upload holds: why, how many wait, and each way to go on', () => {
    const { held, why, waiting } = describeFeed({
      ...view,
      waiting: 13,
      decision: { kind: 'Held', by: 'orders-f' },
      holder,
    });
    expect(waiting).toBe(13);
    expect(held).toEqual({ ...why, by: 'orders-f' });
    expect(why.reason).toBe('FeedHeld');
    for (const text of [
      'orders-f of in/7.csv has failed (TooManyFailedRecords), and 13 files wait behind it',
      'kubectl describe batchupload orders-f -n ns',
      `kubectl patch batchupload orders-f -n ns --type merge -p '{"spec":{"retryGeneration":3}}'`,
      'kubectl delete batchupload orders-f -n ns',
      'spec.skipFailed',
      'runs beside the file that is being loaded',
    ])
      expect(why.message).toContain(text);
  });

  it('a cancelled upload cannot be tried again', () => {
    const { why } = describeFeed({
      ...view,
      decision: { kind: 'Held', by: 'orders-f' },
      holder: { ...holder, state: 'Cancelled' },
    });
    expect(why.message).toContain('was cancelled, and no file waits behind it yet');
    expect(why.message).not.toContain('retryGeneration');
    expect(why.message).toContain('kubectl delete batchupload orders-f -n ns');
  });
});
