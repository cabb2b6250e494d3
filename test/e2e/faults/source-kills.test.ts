/** This is the short version of test/chaos/events.test.ts. */
import { afterAll, beforeAll, it } from 'vitest';
import { runEventStorm } from '#support/bridge/event-storm.ts';
import { createE2e, type E2e } from '#support/cluster/e2e.ts';

let e2e: E2e;
beforeAll(async () => {
  e2e = await createE2e();
});
afterAll(() => e2e.close());

it('events three times each, the bridge killed on the way: one upload of each file', () =>
  runEventStorm(e2e, { events: 40, kills: 1, seconds: 6 }));
