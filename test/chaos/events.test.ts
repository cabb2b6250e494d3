/**
 * A thousand files arrive by events that come three times each, in any order, while the bridge is killed five times.
 */
import { afterAll, beforeAll, it } from 'vitest';
import { runEventStorm } from '#support/bridge/event-storm.ts';
import { createE2e, type E2e } from '#support/cluster/e2e.ts';

let e2e: E2e;
beforeAll(async () => {
  e2e = await createE2e();
});
afterAll(() => e2e.close());

it('exactly one upload of each', () => runEventStorm(e2e, { events: 1000, kills: 5, seconds: 80 }));
