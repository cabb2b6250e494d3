import { crc32 as zlibCrc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '#page/api/problem-error.ts';
import { encodeCrc32 } from '#page/send/encode-crc32.ts';
import { markFile } from '#page/send/fingerprint.ts';
import { createGatewayFiles } from '#page/send/gateway-files.ts';
import { type PutAnswer, PutRefused, putBytes } from '#page/send/put-bytes.ts';
import { createSpeedMeter } from '#page/send/speed.ts';
import { sumBlob } from '#page/send/sum-blob.ts';
import { forget, loadUnfinished, recognize, remember, saveUnfinished, type Unfinished } from '#page/send/unfinished.ts';
import { retryMs, untilAnswered } from '#page/send/until-answered.ts';

const signal = new AbortController().signal;
const offline = () => new ProblemError({ status: 0, type: 'offline', detail: '' });

describe('untilAnswered', () => {
  const asked = (answers: (unknown | Error)[]) => {
    const told: boolean[] = [];
    const waits: number[] = [];
    const wait = async (ms: number) => void waits.push(ms);
    const send = async () => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return { told, waits, done: untilAnswered(send, { wait, signal, onSilence: (is) => told.push(is) }) };
  };

  it('sends again while nobody answers, and tells it', async () => {
    const { told, waits, done } = asked([offline(), offline(), 'yes']);
    expect(await done).toBe('yes');
    expect(told).toEqual([true, true, false]);
    expect(waits).toHaveLength(2);
  });

  it.each([
    [502, 'unavailable', null],
    [503, 'unavailable', 5],
    [429, 'too-many-requests', 2],
    [409, 'conflict', 1],
  ] as const)('sends again after %i %s', async (status, type, retryAfterSeconds) => {
    const { waits, done } = asked([new ProblemError({ status, type, detail: '', retryAfterSeconds }), 'yes']);
    expect(await done).toBe('yes');
    expect(waits[0]).toBeGreaterThanOrEqual((retryAfterSeconds ?? 0) * 1000);
  });

  it.each([
    [409, 'conflict', null],
    [422, 'unprocessable', null],
    [404, 'not-found', null],
    [429, 'too-many-requests', 3600],
  ] as const)('gives %i %s back', async (status, type, retryAfterSeconds) => {
    const problem = new ProblemError({ status, type, detail: '', retryAfterSeconds });
    await expect(asked([problem]).done).rejects.toBe(problem);
  });

  it('waits longer each time, and never more than half a minute', () => {
    const waits = [1, 2, 3, 4, 5, 6, 20].map((failures) => retryMs(failures, () => 1));
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(retryMs(1, () => 0)).toBe(500);
  });
});

describe('putBytes', () => {
  const body = new Blob(['abc']);
  const lost: PutAnswer = { status: 0, eTag: null, code: null };
  const put = (answers: PutAnswer[], assertReadable: () => Promise<void> = async () => undefined) => {
    const silent: boolean[] = [];
    const putOnce = async () => answers.shift()!;
    const deps = { putOnce, wait: async () => undefined, assertReadable, onSilence: (is: boolean) => silent.push(is) };
    const done = putBytes(deps, { put: { url: 'u', headers: {} }, body, signal, onProgress: () => undefined });
    return { silent, done };
  };

  it('gives the ETag without quotes', async () => {
    expect(await put([{ status: 200, eTag: '"abc-1"', code: null }]).done).toBe('abc-1');
  });

  it('puts again after a lost connection, and after an answer that passes', async () => {
    const answers = [lost, { status: 503, eTag: null, code: 'SlowDown' }, { status: 200, eTag: '"x"', code: null }];
    const { done, silent } = put(answers);
    expect(await done).toBe('x');
    expect(silent).toEqual([true, false, true, false]);
  });

  it('takes a file that was there already for put: its answer was lost', async () => {
    expect(await put([lost, { status: 412, eTag: null, code: 'PreconditionFailed' }]).done).toBeNull();
  });

  it('finds out that the file has changed, where the browser only says that the connection was lost', async () => {
    const changed = new DOMException('changed', 'NotReadableError');
    await expect(put([lost], () => Promise.reject(changed)).done).rejects.toBe(changed);
  });

  it.each([
    [403, 'AccessDenied'],
    [400, 'BadDigest'],
  ])('gives %i %s back', async (status, code) => {
    const { done } = put([{ status, eTag: null, code }]);
    await expect(done).rejects.toMatchObject({ name: 'PutRefused', status, code });
    await expect(done).rejects.toBeInstanceOf(PutRefused);
  });

  it('ends when the storage fails and fails', async () => {
    const { done } = put(Array.from({ length: 20 }, () => ({ status: 500, eTag: null, code: null })));
    await expect(done).rejects.toMatchObject({ status: 500 });
  });
});

describe('createGatewayFiles', () => {
  const record = (answers: Record<string, unknown>) => {
    const calls: unknown[] = [];
    const call = async <T>(
      method: string,
      path: string,
      body?: unknown,
      options?: { headers?: object },
    ): Promise<T> => {
      calls.push([method, path, body, options?.headers]);
      return answers[`${method} ${path.replace(/.*\/namespaces\/n\//, '')}`] as T;
    };
    const files = createGatewayFiles({ call, namespace: 'n', wait: async () => undefined, onSilence: () => undefined });
    return { calls, files };
  };

  it('asks for a place with the checksum, under the key', async () => {
    const { calls, files } = record({});
    await files.makePlace({ name: 'a b.csv', size: 3, crc32: zlibCrc32('abc') }, 'k', signal);
    const checksum = { algorithm: 'CRC32', value: 'NSRBwg==' };
    expect(calls).toEqual([
      ['POST', '/v1/namespaces/n/files', { name: 'a b.csv', size: 3, checksum }, { 'idempotency-key': 'k' }],
    ]);
  });

  it('signs one part with its checksum, and lists all pages of parts', async () => {
    const part = { number: 1, size: 5, eTag: 'e' };
    const { calls, files } = record({
      'POST files/f/parts': { parts: [{ url: 'u', headers: {} }] },
      'GET files/f/parts?after=0': { parts: [part], next: 1000 },
      'GET files/f/parts?after=1000': { parts: [{ ...part, number: 1001 }], next: null },
    });
    expect(await files.signPart('f', { number: 7, crc32: zlibCrc32('abc') }, signal)).toEqual({
      url: 'u',
      headers: {},
    });
    expect((await files.listParts('f', signal)).map(({ number }) => number)).toEqual([1, 1001]);
    expect(calls[0]).toEqual([
      'POST',
      '/v1/namespaces/n/files/f/parts',
      { numbers: [7], checksums: ['NSRBwg=='] },
      undefined,
    ]);
  });

  it('registers a file of the page, with columns only where there are some', async () => {
    const { calls, files } = record({});
    const columns = [{ name: 'Who', field: 'name' }];
    await files.register('f', { schema: 's', eTag: 'e', columns: [] }, signal);
    await files.register('f', { schema: 's', eTag: 'e', columns }, signal);
    const body = { file: 'f', eTag: 'e', schema: 's', sourceType: 'UI' };
    expect(calls.map((call) => (call as unknown[])[2])).toEqual([body, { ...body, format: { columns } }]);
    expect((calls[0] as unknown[])[3]).toEqual({ 'idempotency-key': 'page-f' });
  });
});

describe('checksums', () => {
  it('are those of zlib, in pieces as well', async () => {
    const bytes = Uint8Array.from({ length: 5_000_001 }, (_, i) => (i * 2_654_435_761) >>> 11);
    const read: number[] = [];
    expect(await sumBlob(new Blob([bytes]), (at) => read.push(at))).toBe(zlibCrc32(bytes));
    expect(read).toEqual([4 * 1024 ** 2, 5_000_001]);
    expect(encodeCrc32(0xcbf43926)).toBe(Buffer.from('cbf43926', 'hex').toString('base64'));
  });
});

describe('unfinished sendings', () => {
  const mark = { name: 'a.csv', sizeBytes: 5, lastModified: 1, ends: 2 };
  const one = (more: Partial<Unfinished> = {}): Unfinished => ({
    user: 'alice',
    namespace: 'n',
    id: 'f1',
    mark,
    schema: 's',
    columns: [],
    expiresAt: 1000,
    ...more,
  });
  const visit = { user: 'alice', namespace: 'n', now: 500 };

  it('recognizes the same file, and one that has changed', () => {
    expect(recognize([one()], mark, visit)).toMatchObject({ kind: 'Same' });
    for (const change of [{ sizeBytes: 6 }, { lastModified: 2 }, { ends: 3 }]) {
      expect(recognize([one()], { ...mark, ...change }, visit)).toMatchObject({ kind: 'Changed' });
    }
    expect(recognize([one()], { ...mark, name: 'b.csv' }, visit)).toBeNull();
  });

  it.each([
    ['another person', { user: 'bob' }],
    ['another namespace', { namespace: 'other' }],
    ['a day later', { now: 1001 }],
  ])('knows nothing for %s', (_name, change) => expect(recognize([one()], mark, { ...visit, ...change })).toBeNull());

  it('keeps the newest, each once, and what has not expired', () => {
    const many = Array.from({ length: 30 }, (_, i) => one({ id: `f${i}` }));
    const all = many.reduce<Unfinished[]>((kept, each) => remember(kept, each, 500), []);
    expect(all).toHaveLength(20);
    expect(all[0]!.id).toBe('f29');
    expect(remember([one({ id: 'old', expiresAt: 499 })], one(), 500)).toEqual([one()]);
    expect(remember([one()], one({ schema: 'other' }), 500)).toEqual([one({ schema: 'other' })]);
    expect(forget([one()], 'f1')).toEqual([]);
  });

  it('reads what was written, and nothing of what somebody else wrote', () => {
    const store = new Map<string, string>();
    const storage = {
      getItem: (key: string) => store.get(key) ?? null,
      setItem: (key: string, value: string) => void store.set(key, value),
    };
    saveUnfinished(storage, [one()]);
    expect(loadUnfinished(storage)).toEqual([one()]);
    for (const text of ['', '{', 'null', '{}', '[1, null, {"id": "f1"}]']) {
      store.set([...store.keys()][0]!, text);
      expect(loadUnfinished(storage)).toEqual([]);
    }
    const full = {
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError');
      },
    };
    expect(() => saveUnfinished(full, [one()])).not.toThrow();
  });

  it('marks a file by both of its ends', async () => {
    const bytes = new Uint8Array(300_000);
    const mark = async () => markFile(new File([bytes], 'a.csv', { lastModified: 1 }));
    const before = await mark();
    bytes[299_999] = 1;
    expect((await mark()).ends).not.toBe(before.ends);
    bytes[299_999] = 0;
    bytes[0] = 1;
    expect((await mark()).ends).not.toBe(before.ends);
  });
});

describe('the speed', () => {
  it('is that of the last twenty seconds, and says what is left', () => {
    const meter = createSpeedMeter();
    expect(meter.read(0, 100)).toEqual({ bytesPerSecond: null, secondsLeft: null });
    for (let second = 0; second <= 60; second += 1)
      meter.add(second < 40 ? second : 40 + (second - 40) * 10, second * 1000);
    expect(meter.read(240, 440)).toEqual({ bytesPerSecond: 10, secondsLeft: 20 });
    meter.reset();
    expect(meter.read(240, 440).bytesPerSecond).toBeNull();
  });

  it('is never less than nothing when a part is sent again', () => {
    const meter = createSpeedMeter();
    meter.add(100, 0);
    meter.add(40, 5000);
    expect(meter.read(40, 200)).toEqual({ bytesPerSecond: 0, secondsLeft: null });
  });
});
