import { EventEmitter } from 'node:events';
import type pg from 'pg';
import { expect, it } from 'vitest';
import { oneHelper } from '#ledger/connection/one-helper.ts';
import { settle } from '#support/process/fake-clock.ts';

/** Connections that the test opens and ends by hand. */
function start() {
  const opening: PromiseWithResolvers<pg.Client>[] = [];
  const open = oneHelper(() => {
    const next = Promise.withResolvers<pg.Client>();
    opening.push(next);
    return next.promise;
  });
  return { open, opening };
}

const client = () => new EventEmitter() as unknown as pg.Client;

it('the second one is opened when the first one has ended', async () => {
  const { open, opening } = start();
  const first = open();
  const second = open();
  const helper = client();
  opening[0]!.resolve(helper);
  expect(await first).toBe(helper);
  await settle();
  expect(opening).toHaveLength(1);
  helper.emit('end');
  await settle();
  expect(opening).toHaveLength(2);
  opening[1]!.resolve(client());
  await second;
});

it('a server that cannot be reached is said to all that wait, and the next one tries again', async () => {
  const { open, opening } = start();
  const all = Promise.allSettled([open(), open(), open()]);
  opening[0]!.reject(new Error('away'));
  expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(opening).toHaveLength(1);
  void open();
  expect(opening).toHaveLength(2);
});
