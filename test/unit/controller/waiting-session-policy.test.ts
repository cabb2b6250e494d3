import { expect, it } from 'vitest';
import { explainWaits } from '#operator/controller/waiting-session-policy.ts';

const lock = (pid: number) => ({ on: 'lock', pid, role: null, application: null }) as const;

it('nothing to wait for: nothing is said', () => {
  expect(explainWaits([])).toBeNull();
});

it('a standby comes before locks, since it holds up every commit', () => {
  expect(explainWaits([lock(1), { on: 'standby' }])?.message).toContain('synchronous standby');
});

it('sessions that hold locks are named, and many are counted', () => {
  const message = explainWaits([{ ...lock(7), role: 'app', application: 'psql' }, lock(8), lock(9), lock(10)])?.message;
  expect(message).toContain('hold: 7 (role app, application psql), 8, 9 and 1 more. Let them');
  expect(message).toContain('pg_terminate_backend(7)');
});
