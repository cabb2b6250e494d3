import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apiPath, type ClientDeps, createClient } from '#page/api/client.ts';
import { createEventParser } from '#page/api/event-stream.ts';
import { ProblemError, readProblem } from '#page/api/problem-error.ts';
import { createSignIn, type SignInDeps, type SignInRequest } from '#page/api/sign-in.ts';
import type { Session } from '#page/api/types.ts';
import { openWatch, type WatchEvent } from '#page/api/watch.ts';

const session = (user: string, csrf: string): Session => ({
  user,
  displayName: user.toUpperCase(),
  csrf,
  expiresAt: '2026-01-01T08:00:00Z',
  namespaces: [],
});
const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
const refusal = (status: number, type: string, detail = '', headers: Record<string, string> = {}) =>
  json(status, { type: `https://batchupload.dev/problems/${type}`, detail }, headers);

interface Sent {
  method: string;
  path: string;
  csrf: string | null;
  lastId: string | null;
  body: string | null;
}

/** A client whose requests get these answers, one after the other; an error stands for a network that is away. */
function start(answers: (Response | Error)[], deps: Partial<ClientDeps> = {}) {
  const sent: Sent[] = [];
  let current: Session | null = session('alice', 'token-1');
  const client = createClient({
    fetch: async (path, init = {}) => {
      const headers = new Headers(init.headers);
      sent.push({
        method: init.method!,
        path: String(path),
        csrf: headers.get('x-csrf-token'),
        lastId: headers.get('last-event-id'),
        body: (init.body as string | undefined) ?? null,
      });
      const answer = answers.shift()!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    currentSession: () => current,
    loadSession: async () => current!,
    signInAgain: async () => {
      current = session('alice', 'token-2');
    },
    ...deps,
  });
  return {
    client,
    sent,
    renew: (found: Session) => {
      current = found;
    },
  };
}

describe('a call', () => {
  it('sends the token with what changes something, and with nothing else', async () => {
    const { client, sent } = start([json(200, { a: 1 }), json(201, { b: 2 }), new Response(null, { status: 204 })]);
    expect((await client.send('GET', '/v1/a')).data).toEqual({ a: 1 });
    expect((await client.send('POST', '/v1/b', { body: { x: 'é' } })).data).toEqual({ b: 2 });
    expect((await client.send('DELETE', '/v1/c')).data).toBeUndefined();
    expect(sent.map(({ csrf, body }) => [csrf, body])).toEqual([
      [null, null],
      ['token-1', '{"x":"é"}'],
      ['token-1', null],
    ]);
  });

  it('is sent once more when the person has signed in again', async () => {
    const { client, sent } = start([refusal(401, 'unauthenticated'), json(201, 'made')]);
    expect((await client.send('POST', '/v1/a', { body: { n: 1 } })).data).toBe('made');
    expect(sent.map(({ csrf, body }) => [csrf, body])).toEqual([
      ['token-1', '{"n":1}'],
      ['token-2', '{"n":1}'],
    ]);
  });

  it('is refused when the person does not sign in again, or is refused once more', async () => {
    const notNow = start([refusal(401, 'unauthenticated')], { signInAgain: (problem) => Promise.reject(problem) });
    await expect(notNow.client.send('GET', '/v1/a')).rejects.toMatchObject({ status: 401 });
    const again = start([refusal(401, 'unauthenticated'), refusal(401, 'unauthenticated')]);
    await expect(again.client.send('GET', '/v1/a')).rejects.toMatchObject({ status: 401 });
    expect(again.sent).toHaveLength(2);
  });

  it('takes the token of a session that another tab has renewed', async () => {
    const { client, sent, renew } = start([refusal(403, 'forbidden'), json(201, 'made')], {
      loadSession: async () => {
        renew(session('alice', 'token-3'));
        return session('alice', 'token-3');
      },
    });
    expect((await client.send('POST', '/v1/a')).data).toBe('made');
    expect(sent.map(({ csrf }) => csrf)).toEqual(['token-1', 'token-3']);
  });

  it('is refused where the right is missing', async () => {
    const { client, sent } = start([refusal(403, 'forbidden', 'You may not.')]);
    await expect(client.send('POST', '/v1/a')).rejects.toMatchObject({ type: 'forbidden', detail: 'You may not.' });
    expect(sent).toHaveLength(1);
  });

  it('waits for the right person where somebody else has signed in in another tab', async () => {
    const asked: number[] = [];
    const { client, sent } = start([refusal(403, 'forbidden'), json(201, 'made')], {
      loadSession: async () => session('bob', 'of-bob'),
      signInAgain: async ({ status }) => void asked.push(status),
    });
    await client.send('POST', '/v1/a');
    expect(asked).toEqual([403]);
    expect(sent.map(({ csrf }) => csrf)).not.toContain('of-bob');
  });

  it('says that the server cannot be reached, and nothing when its caller has ended it', async () => {
    const { client } = start([new TypeError('fetch failed'), new DOMException('', 'AbortError')]);
    await expect(client.send('GET', '/v1/a')).rejects.toMatchObject({ type: 'offline', status: 0 });
    const signal = AbortSignal.abort();
    await expect(client.send('GET', '/v1/a', { signal })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('has a path from which no name breaks out', () => {
    expect(apiPath('team-a', 'uploads', '../x?y#z')).toBe('/v1/namespaces/team-a/uploads/..%2Fx%3Fy%23z');
  });
});

describe('a problem', () => {
  it.each([
    [refusal(409, 'conflict', 'It runs.'), { type: 'conflict', detail: 'It runs.', retryAfterSeconds: null }],
    [
      refusal(429, 'too-many-requests', '', { 'retry-after': '7' }),
      { type: 'too-many-requests', retryAfterSeconds: 7 },
    ],
    [new Response('<h1>Bad gateway</h1>', { status: 502 }), { type: 'unavailable', detail: '' }],
    [new Response('', { status: 418 }), { type: 'internal', detail: '' }],
    [json(500, null), { type: 'internal', detail: '' }],
    [json(422, { type: 'about:blank', detail: 7, errors: 'x' }), { type: 'unprocessable', detail: '', errors: [] }],
    [json(503, {}, { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }), { retryAfterSeconds: null }],
  ])('is read from every answer: %#', async (response, facts) => {
    expect(await readProblem(response)).toMatchObject(facts);
  });
});

describe('signing in again', () => {
  function open(found: (Session | ProblemError)[], before: Session | null = session('alice', 'old')) {
    const shown: (SignInRequest | null)[] = [];
    let look = () => {};
    const deps: SignInDeps = {
      fetchSession: async () => {
        const next = found.shift() ?? new ProblemError({ status: 401, type: 'unauthenticated', detail: '' });
        if (next instanceof Error) throw next;
        return next;
      },
      currentSession: () => before,
      adopt: ({ csrf }) => {
        adopted.push(csrf);
      },
      show: (request) => void shown.push(request),
      onMaybeSignedIn: (callback) => {
        look = callback;
        return () => {
          look = () => {};
        };
      },
    };
    const adopted: string[] = [];
    const signIn = createSignIn(deps);
    return {
      shown,
      adopted,
      signIn,
      look: async () => {
        look();
        await sleep(0);
      },
    };
  }
  const ended = new ProblemError({ status: 401, type: 'unauthenticated', detail: '' });

  it('asks once for all that wait, and goes on when the same person is there', async () => {
    const { signIn, shown, adopted, look } = open([
      ended,
      new ProblemError({ status: 0, type: 'offline', detail: '' }),
      session('alice', 'new'),
    ]);
    const waiting = Promise.all([signIn(ended), signIn(ended)]);
    await sleep(0);
    await look();
    expect(shown.map((request) => request?.otherPerson)).toEqual([null]);
    await look();
    await waiting;
    expect(shown.at(-1)).toBeNull();
    expect(adopted).toEqual(['new']);
  });

  it('says that somebody else has signed in, and never goes on as that person', async () => {
    const { signIn, shown, adopted, look } = open([ended, session('bob', 'of-bob'), session('alice', 'new')]);
    const waiting = signIn(ended);
    await sleep(0);
    await look();
    expect(shown.at(-1)?.otherPerson).toBe('BOB');
    expect(adopted).toEqual([]);
    await look();
    await waiting;
    expect(adopted).toEqual(['new']);
  });

  it('refuses what waits when the person does not want to, and asks again the next time', async () => {
    const { signIn, shown } = open([]);
    const waiting = signIn(ended);
    shown.at(-1)!.giveUp();
    await expect(waiting).rejects.toBe(ended);
    void signIn(ended).catch(() => undefined);
    expect(shown.map((request) => request !== null)).toEqual([true, false, true]);
  });
});

describe('server-sent events', () => {
  const STREAM =
    ': a comment\nretry: 2000\n\nid: 1\nevent: upload\ndata: {"a":\ndata: 1}\n\nevent: empty\n\ndata:no space\nid: 2\n\r\nid: 3\rdata: x\r\n\r\n';

  it('are the same however the text is cut', () => {
    const whole = createEventParser();
    const events = whole.push(STREAM);
    expect(events).toEqual([
      { event: 'upload', data: '{"a":\n1}' },
      { event: 'message', data: 'no space' },
      { event: 'message', data: 'x' },
    ]);
    expect([whole.lastId(), whole.retryMs()]).toEqual(['3', 2000]);
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length), { maxLength: 20 }), (places) => {
        const cuts = [0, ...places.sort((a, b) => a - b), STREAM.length];
        const parser = createEventParser();
        const found = cuts.slice(1).flatMap((end, i) => parser.push(STREAM.slice(cuts[i], end)));
        expect(found).toEqual(events);
        expect(parser.lastId()).toBe('3');
      }),
    );
  });

  it('count only when they are whole', () => {
    const parser = createEventParser('7');
    expect(parser.push('id: 8\ndata: half\n')).toEqual([]);
    expect(parser.lastId()).toBe('7');
    expect(parser.push('\n')).toEqual([{ event: 'message', data: 'half' }]);
    expect(parser.lastId()).toBe('8');
  });
});

describe('a watch', () => {
  const stream = (text: string) =>
    new Response(new Blob([text]).stream(), { headers: { 'content-type': 'text/event-stream' } });
  const event = (id: number, name: string, data: object) =>
    `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

  /** Watches until no answer is left, and a last refusal ends the watch. */
  async function watchAll(answers: (Response | Error)[], lastEventId?: string) {
    const { client, sent } = start([...answers, refusal(404, 'not-found')]);
    const events: WatchEvent[] = [];
    const waits: number[] = [];
    await new Promise<void>((resolve) => {
      const pause = async (ms: number) => void waits.push(ms);
      openWatch(
        { client, pause },
        '/v1/watch',
        (told) => {
          events.push(told);
          if (told.type === 'refused') resolve();
        },
        lastEventId,
      );
    });
    return { events, waits, ids: sent.map(({ lastId }) => lastId) };
  }

  it('tells each event, and goes on after the last one', async () => {
    const { events, ids } = await watchAll([
      stream(
        `retry: 10\n\nevent: snapshot\ndata: {}\n\n${event(5, 'upload', { name: 'a' })}event: synced\ndata: {}\n\n`,
      ),
      stream(`${event(6, 'deleted', { name: 'a', uid: 'u' })}event: end\ndata: {"reason":"TooLong"}\n\n`),
    ]);
    expect(events).toEqual([
      { type: 'snapshot' },
      { type: 'upload', upload: { name: 'a' } },
      { type: 'synced' },
      { type: 'deleted', name: 'a', uid: 'u' },
      { type: 'refused', problem: expect.objectContaining({ status: 404 }) },
    ]);
    expect(ids).toEqual([null, '5', '6']);
  });

  it('begins after the page that its caller has', async () => {
    const { ids } = await watchAll([stream(event(12, 'upload', {}))], '11');
    expect(ids).toEqual(['11', '12']);
  });

  it('says when it is lost, and waits longer each time until it is there again', async () => {
    const away = new TypeError('fetch failed');
    const { events, waits } = await watchAll([away, away, refusal(503, 'unavailable'), stream(': there\n\n'), away]);
    expect(events.map(({ type }) => type)).toEqual(['lost', 'lost', 'lost', 'lost', 'refused']);
    expect(waits).toEqual([2000, 4000, 8000, 2000, 2000]);
  });

  it('opens again after an event that cannot be read', async () => {
    const { events } = await watchAll([stream('event: upload\ndata: {broken\n\n')]);
    expect(events.map(({ type }) => type)).toEqual(['lost', 'refused']);
  });
});
