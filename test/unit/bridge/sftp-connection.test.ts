import { beforeEach, describe, expect, it } from 'vitest';
import { createConnection } from '#operator/bridge/sftp/connection.ts';
import { SFTP_REASONS, sftpFault } from '#operator/bridge/sftp/fault.ts';
import type { SftpSession } from '#operator/bridge/sftp/session.ts';
import { FakeClock, settle } from '#support/process/fake-clock.ts';

const away = sftpFault('SFTP_CONNECTION', SFTP_REASONS.unreachable, 'away');
const refused = sftpFault('SFTP_LOGIN', SFTP_REASONS.accessDenied, 'refused');

let clock: FakeClock;
let stop: AbortController;
/** Errors of the next connects; a connect gives a session when no error is left. */
let answers: Error[];
let sessions: { ended: boolean }[];
let connects: number;

function create() {
  return createConnection({
    clock,
    signal: stop.signal,
    random: () => 1,
    async connect() {
      connects += 1;
      const answer = answers.shift();
      if (answer) throw answer;
      const session = {
        ended: false,
        async [Symbol.asyncDispose]() {
          session.ended = true;
        },
      };
      sessions.push(session);
      return session as unknown as SftpSession;
    },
  });
}

beforeEach(() => {
  clock = new FakeClock();
  stop = new AbortController();
  answers = [];
  sessions = [];
  connects = 0;
});

/** Asks for a session, and lets time pass until there is an answer. @returns the ms that passed */
async function ask(connection: ReturnType<typeof create>): Promise<number> {
  const before = clock.monotonic();
  let answered = false;
  const asked = connection.session(stop.signal).then(
    () => {
      answered = true;
    },
    () => {
      answered = true;
    },
  );
  for (await settle(); !answered; ) await clock.advance(100);
  await asked;
  return clock.monotonic() - before;
}

it('everybody who asks gets the same session, and a new one when it has ended', async () => {
  const connection = create();
  const [a, b] = await Promise.all([
    connection.session(stop.signal),
    connection.session(stop.signal),
    clock.advance(0),
  ]);
  expect(a).toBe(b);
  expect(await connection.session(stop.signal)).toBe(a);
  expect(connects).toBe(1);
  await clock.advance(120_000);
  sessions[0]!.ended = true;
  expect(await ask(connection)).toBeLessThanOrEqual(100);
  expect(connects).toBe(2);
});

describe('a server that is away', () => {
  it('is tried less and less', async () => {
    const connection = create();
    answers = Array.from({ length: 12 }, () => away);
    const waits = [];
    for (let round = 0; round < 12; round += 1) waits.push(Math.round((await ask(connection)) / 1000));
    expect(waits).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  });

  it('that refuses the login is left alone for a minute: nobody shall be locked out', async () => {
    const connection = create();
    answers = [refused, refused];
    const waits = [];
    for (let round = 0; round < 3; round += 1) waits.push(Math.round((await ask(connection)) / 1000));
    expect(waits).toEqual([0, 60, 120]);
  });

  it('that lets in and hangs up is tried at once, then less and less', async () => {
    const connection = create();
    const waits = [];
    for (let round = 0; round < 4; round += 1) {
      waits.push(Math.round((await ask(connection)) / 1000));
      sessions.at(-1)!.ended = true;
    }
    expect(waits).toEqual([0, 0, 2, 4]);
  });
});

it('what is released by us is opened again without a wait', async () => {
  const connection = create();
  for (let round = 0; round < 5; round += 1) {
    expect(await ask(connection)).toBeLessThanOrEqual(100);
    await connection.release();
    expect(sessions.at(-1)!.ended).toBe(true);
  }
});

it('an abort ends the wait', async () => {
  const connection = create();
  answers = [refused];
  await ask(connection);
  const waiting = connection.session(stop.signal);
  stop.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
});
