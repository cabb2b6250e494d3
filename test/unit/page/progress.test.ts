import { expect, it } from 'vitest';
import { createProgress } from '#page/check/progress.ts';
import type { CheckEvent } from '#page/check/types.ts';

it('progress is told ten times a second at most, with the newest numbers', () => {
  const events: CheckEvent[] = [];
  let ms = 0;
  const progress = createProgress(
    1000,
    (event) => events.push(event),
    () => ms,
  );
  for (; ms < 1000; ms += 7) {
    progress.onRead(ms);
    progress.onRecords(ms * 2, 1);
  }
  expect(events).toHaveLength(9);
  expect(events[0]).toEqual({ type: 'progress', bytesRead: 105, sizeBytes: 1000, records: 196, failed: 1 });
});
