import { expect, it, vi } from 'vitest';
import { type Clock, systemClock } from '#common/clock.ts';
import { Database } from '#ledger/client/database.ts';
import { Databases } from '#operator/tenancy/databases.ts';
import { FakeClock } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

/** Secrets whose names are the indexes of their contents. */
function start(uris: readonly string[], clock: Clock = systemClock) {
  const uriOf = (name: string) => Buffer.from(uris[Number(name)]!).toString('base64');
  const client = { find: async (_: unknown, { name }: { name: string }) => ({ data: { uri: uriOf(name) } }) };
  return new Databases({
    client: client as never,
    program: 'operator',
    clock,
    log: createRecordingLog(),
    tickMs: 1000,
  });
}

const open = async (...uris: string[]) => {
  const databases = start(uris);
  for (const name of uris.keys()) await databases.open({ namespace: 'n', name: String(name) });
  return databases.size;
};

it('two Secrets with the same content share one database', async () => {
  expect(await open('postgres://u:p@h/d', 'postgres://u:p@h/d')).toBe(1);
});

it('two Secrets with different checks of the certificate share nothing', async () => {
  expect(await open('postgres://u:p@h/d?sslmode=verify-full', 'postgres://u:p@h/d?sslmode=verify-ca')).toBe(2);
});

it('a Secret whose content changes all the time has few databases, and none that nobody was let into counts', async () => {
  const clock = new FakeClock();
  const uris = ['postgres://u:0@h/d'];
  const databases = start(uris, clock);
  for (let n = 0; n < 15; n += 1) {
    uris[0] = `postgres://u:${n}@h/d`;
    await databases.open({ namespace: 'n', name: '0' }, { fresh: true });
    await clock.advance(5_000);
    expect(databases.size).toBeLessThanOrEqual(2);
  }
  const { place } = databases.peek({ namespace: 'n', name: '0' })!;
  expect(databases.countAt(place)).toBe(0);
  await databases.closeUnused();
  expect(databases.size).toBe(1);
});

it('four users without uploads count as one, and all of them as no more than the operator visits at a time', async () => {
  const clock = new FakeClock();
  vi.spyOn(Database.prototype, 'hasConnected', 'get').mockReturnValue(true);
  try {
    const uris = Array.from({ length: 40 }, (_, n) => `postgres://u${n}:p@h/d`);
    const databases = start(uris, clock);
    const all = [];
    for (const name of uris.keys()) all.push(await databases.open({ namespace: 'n', name: String(name) }));
    const { place } = all[0]!;
    await clock.advance(1);
    expect(databases.countAt(place)).toBe(4);
    all[0]!.watch('a', () => undefined);
    all[1]!.watch('b', () => undefined);
    expect(databases.countAt(place)).toBe(6);
    all[0]!.unwatch('a');
    await clock.advance(1);
    expect(databases.countAt(place)).toBe(5);
    await databases.close();
  } finally {
    vi.restoreAllMocks();
  }
});

it('the order and the case of the servers make no other database', async () => {
  const databases = start(['postgres://u:p@Pg-A,pg-b/d', 'postgres://v:p@pg-b,pg-a/d', 'postgres://v:p@pg-b,pg-a/D']);
  const places = [];
  for (const name of ['0', '1', '2']) places.push((await databases.open({ namespace: 'n', name })).place);
  expect(places[1]).toBe(places[0]);
  expect(places[2]).not.toBe(places[0]);
});
