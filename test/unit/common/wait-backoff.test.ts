import { expect, it } from 'vitest';
import { waitBackoff } from '#common/wait-backoff.ts';

it('a stop during the wait throws the reason of the stop, so that it counts as no defect', async () => {
  const stop = new AbortController();
  const waiting = waitBackoff(5, stop.signal);
  const reason = new Error('SIGTERM');
  stop.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});
