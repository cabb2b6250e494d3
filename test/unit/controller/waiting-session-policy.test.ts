import { expect, it } from 'vitest';
import { explainWaits } from '#operator/controller/waiting-session-policy.ts';

const lock = (pid: number) => ({ on: 'lock', pid, role: null, application: null }) as const;

it('nothing to wait for: nothing is said', () => {
  expect(explainWaits([])).toBeNull();
});

it('a standby comes before locks, since it holds up every commit', () => {
  expect(explainWaits([lock(1), { on: 'standby' }])?.message).toContain('synchronous standby');
});

const prepared = (gid: string) => ({ on: 'prepared', gid, role: 'app', prepared: '2026-01-01T00:00:00Z' }) as const;

it('prepared transactions that hold locks are named, with what to run', () => {
  expect(explainWaits([prepared("'it''s'")])?.message).toBe(
    "The pods wait for locks in the database that prepared transactions hold, which no session ends: 'it''s' (role app, prepared 2026-01-01T00:00:00Z). Finish each in the same database, as its role or as a superuser: COMMIT PREPARED 'it''s' where the transaction's other parts are committed, else ROLLBACK PREPARED 'it''s'. The upload then goes on by itself.",
  );
  const both = explainWaits([lock(7), ...['a', 'b', 'c', 'd'].map(prepared)])?.message;
  expect(both).toMatch(/other sessions hold: 7\. .*transactions hold.*: a \(.*, c \(.*\) and 1 more\. Finish/);
});

it('sessions that hold locks are named, and many are counted', () => {
  const message = explainWaits([{ ...lock(7), role: 'app', application: 'psql' }, lock(8), lock(9), lock(10)])?.message;
  expect(message).toContain('hold: 7 (role app, application psql), 8, 9 and 1 more. Let them');
  expect(message).toContain('pg_terminate_backend(7)');
});
