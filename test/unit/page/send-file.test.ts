import { describe, expect, it } from 'vitest';
import { ProblemError } from '#page/api/problem-error.ts';
import type { GatewayFiles, Place } from '#page/send/gateway-files.ts';
import { PutRefused } from '#page/send/put-bytes.ts';
import { type SendDeps, type Sending, startSending } from '#page/send/send-file.ts';
import type { SendPhase, SendState } from '#page/send/send-state.ts';
import type { TransportOptions } from '#page/send/transport.ts';
import type { Unfinished } from '#page/send/unfinished.ts';

const FILE = new File(['id\n1\n'], 'people.csv', { lastModified: 1_000 });
const MARK = { name: 'people.csv', sizeBytes: FILE.size, lastModified: 1_000, ends: 7 };
const DAY = 86_400_000;
const PLACE: Place = {
  id: 'f1',
  name: 'people.csv',
  size: FILE.size,
  state: 'Open',
  expiresAt: new Date(DAY).toISOString(),
  multipart: { partSize: 5, parts: 2 },
};
const RESUMED: Unfinished = {
  user: 'alice',
  namespace: 'n',
  id: 'f1',
  mark: MARK,
  schema: 'people',
  columns: [],
  expiresAt: DAY,
};

const problem = (status: number, pointer?: string) =>
  new ProblemError({
    status,
    type: status === 409 ? 'conflict' : 'unprocessable',
    detail: 'why',
    ...(pointer === undefined ? {} : { errors: [{ pointer, detail: 'why' }] }),
  });

interface Scene {
  calls: string[];
  phases: SendPhase[];
  kept: Unfinished[];
  transports: TransportOptions[];
  sending: Sending;
  /** Resolves with the first state of this phase after those that were asked for before. */
  until(phase: SendPhase): Promise<SendState>;
}

interface Options {
  resumed?: Unfinished;
  files?: Partial<GatewayFiles>;
  run?: (options: TransportOptions, run: number) => Promise<void>;
}

function start({ resumed, files = {}, run = async () => undefined }: Options = {}): Scene {
  const calls: string[] = [];
  const states: SendState[] = [];
  const kept: Unfinished[] = [];
  const transports: TransportOptions[] = [];
  let seen = 0;
  let wake = () => {};
  const all: GatewayFiles = {
    makePlace: async () => PLACE,
    readPlace: async () => PLACE,
    signPart: async () => ({ url: 'https://s3/part', headers: {} }),
    listParts: async () => [],
    complete: async () => ({ eTag: 'whole' }),
    register: async () => ({ name: 'up' }) as Awaited<ReturnType<GatewayFiles['register']>>,
    remove: async () => undefined,
    readStorage: async () => ({ status: 'Allowed', message: '' }),
    ...files,
  };
  const logged = Object.fromEntries(
    Object.entries(all).map(([name, work]) => [
      name,
      (...given: unknown[]) => {
        const said = name === 'register' ? ` ${JSON.stringify(given[1])}` : name === 'makePlace' ? ` ${given[1]}` : '';
        calls.push(`${name}${said}`);
        return (work as (...all: unknown[]) => unknown)(...given);
      },
    ]),
  ) as unknown as GatewayFiles;
  let keys = 0;
  const deps: SendDeps = {
    files: logged,
    user: 'alice',
    namespace: 'n',
    checksumOf: async () => 42,
    assertReadable: async () => undefined,
    createTransport: (options) => {
      transports.push(options);
      let cancel: (error: Error) => void = () => {};
      const cancelled = new Promise<never>((_, reject) => {
        cancel = reject;
      });
      cancelled.catch(() => undefined);
      return {
        run: () => Promise.race([run(options, transports.length), cancelled]),
        pause: () => calls.push('pause'),
        resume: () => calls.push('resume'),
        cancel: () => cancel(new DOMException('over', 'AbortError')),
      };
    },
    putOnce: async () => ({ status: 200, eTag: '"x"', code: null }),
    wait: async () => undefined,
    keep: (unfinished) => kept.push(unfinished),
    forget: (id) => calls.push(`forget ${id}`),
    nowMs: () => 0,
    newKey() {
      keys += 1;
      return `key${keys}`;
    },
  };
  const request = { file: FILE, mark: MARK, schema: 'people', columns: [], resumed: resumed ?? null };
  const sending = startSending(deps, request, (state) => {
    states.push(state);
    wake();
  });
  return {
    calls,
    get phases() {
      return states.map(({ phase }) => phase).filter((phase, i, list) => phase !== list[i - 1]);
    },
    kept,
    transports,
    sending,
    async until(phase) {
      for (;;) {
        const found = states.findIndex((state, i) => i >= seen && state.phase === phase);
        if (found !== -1) {
          seen = found + 1;
          return states[found]!;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

describe('a sending', () => {
  it('sums, asks for a place, puts, completes and registers, in this order', async () => {
    const scene = start();
    expect(await scene.until('Registered')).toMatchObject({ upload: 'up', isPut: true });
    expect(scene.phases).toEqual(['Summing', 'Sending', 'Completing', 'Registering', 'Registered']);
    expect(scene.calls).toEqual([
      'readStorage',
      'makePlace key1',
      'complete',
      'register {"schema":"people","columns":[],"eTag":"whole"}',
      'forget f1',
    ]);
    expect(scene.kept).toEqual([RESUMED]);
  });

  it('registers nothing when the parts were not put', async () => {
    const failed = new PutRefused({ status: 400, eTag: null, code: 'BadDigest' });
    const scene = start({ run: () => Promise.reject(failed) });
    const { refusal, isPut } = await scene.until('Refused');
    expect(refusal).toMatchObject({ kind: 'FileChanged', isPlaceLost: true });
    expect(isPut).toBe(false);
    expect(scene.calls.join()).not.toContain('register');
  });

  it('refuses a storage that takes no files of pages before the first byte', async () => {
    const scene = start({ files: { readStorage: async () => ({ status: 'Refused', message: 'Run print-cors.' }) } });
    const { refusal } = await scene.until('Refused');
    expect(refusal).toMatchObject({ kind: 'StorageClosed', detail: 'Run print-cors.' });
    expect(scene.calls).toEqual(['readStorage']);
  });

  it('puts again the parts that the storage does not have at the completion', async () => {
    let completions = 0;
    const complete = async () => {
      completions += 1;
      if (completions === 1) throw problem(409);
      return { eTag: 'whole' };
    };
    const scene = start({ files: { complete } });
    await scene.until('Registered');
    expect(scene.transports.map(({ isResumed }) => isResumed)).toEqual([false, true]);
  });

  it('says that the file has changed when the parts together have another checksum', async () => {
    const scene = start({ files: { complete: () => Promise.reject(problem(422)) } });
    expect((await scene.until('Refused')).refusal).toMatchObject({ kind: 'FileChanged', isPlaceLost: true });
    scene.sending.resume();
    await scene.until('Refused');
    // Another place, with another sum of the file as it is now.
    expect(scene.calls.filter((call) => call.startsWith('makePlace'))).toEqual(['makePlace key1', 'makePlace key2']);
    expect(scene.calls).toContain('forget f1');
  });

  it('keeps what was put when the registration is refused, and registers it with what was mended', async () => {
    let registrations = 0;
    const register = async () => {
      registrations += 1;
      if (registrations === 1) throw problem(422, '/schema');
      return { name: 'up' } as Awaited<ReturnType<GatewayFiles['register']>>;
    };
    const scene = start({ files: { register } });
    expect(await scene.until('Refused')).toMatchObject({
      isPut: true,
      refusal: { kind: 'Schema', isPlaceLost: false },
    });
    scene.sending.resume({ schema: 'persons', columns: [] });
    await scene.until('Registered');
    expect(scene.transports).toHaveLength(1);
    expect(scene.calls).toContain('register {"schema":"persons","columns":[],"eTag":"whole"}');
  });

  it('goes on with the parts of an earlier visit', async () => {
    let completions = 0;
    const complete = async () => {
      completions += 1;
      if (completions === 1) throw problem(409);
      return { eTag: 'whole' };
    };
    const scene = start({ resumed: RESUMED, files: { complete } });
    await scene.until('Registered');
    expect(scene.transports.map(({ isResumed }) => isResumed)).toEqual([true]);
    expect(scene.calls.join()).not.toContain('makePlace');
  });

  it('registers what an earlier visit has put whole', async () => {
    const scene = start({ resumed: RESUMED });
    await scene.until('Registered');
    expect(scene.transports).toEqual([]);
  });

  it('leads to the upload that an earlier visit has registered', async () => {
    const readPlace = async () => ({ ...PLACE, state: 'Registered' as const, uploadName: 'before' });
    const scene = start({ resumed: RESUMED, files: { readPlace } });
    expect((await scene.until('Registered')).upload).toBe('before');
    expect(scene.calls).toEqual(['readPlace', 'forget f1']);
  });

  it.each([
    ['gone', () => Promise.reject(problem(404))],
    ['removed', async () => ({ ...PLACE, state: 'Removed' as const })],
  ])('begins anew when the place of the earlier visit is %s', async (_name, readPlace) => {
    const scene = start({ resumed: RESUMED, files: { readPlace } });
    await scene.until('Registered');
    expect(scene.calls).toContain('makePlace key2');
  });

  it('puts a file that is put whole to another place, when it had not arrived', async () => {
    const { multipart: _parts, ...whole } = PLACE;
    let completions = 0;
    const complete = async () => {
      completions += 1;
      if (completions === 1) throw problem(409);
      return { eTag: 'whole' };
    };
    const scene = start({ resumed: RESUMED, files: { readPlace: async () => whole, complete } });
    await scene.until('Registered');
    expect(scene.calls).toContain('makePlace key2');
  });

  it('removes what was put when the person cancels, and keeps it when the person leaves', async () => {
    const never = () => new Promise<void>(() => {});
    const cancelled = start({ run: never });
    await cancelled.until('Sending');
    await new Promise((resolve) => setTimeout(resolve));
    cancelled.sending.cancel();
    await cancelled.until('Cancelled');
    expect(cancelled.calls).toContain('remove');
    const left = start({ run: never });
    await left.until('Sending');
    await new Promise((resolve) => setTimeout(resolve));
    left.sending.leave();
    expect(left.calls).not.toContain('remove');
    expect(left.calls).not.toContain('forget f1');
  });
});
