import { expect, it } from 'vitest';
import { compileRules } from '#operator/bridge/admission/object-rules.ts';
import { createRetryQueue } from '#operator/bridge/admission/retry-queue.ts';
import type { Outcome } from '#operator/bridge/model/types.ts';
import { listPrefix } from '#operator/bridge/sources/list-prefix.ts';
import { createSeenPages } from '#operator/bridge/sources/seen-pages.ts';
import { createRecorder, createSourceState } from '#operator/bridge/status/source-state.ts';
import { createAdmissions } from '#support/bridge/admissions.ts';
import { testSource } from '#support/bridge/upload-source.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

it('a page is looked at again until everything on it is handled: what is listed and not found yet as well', async () => {
  const clock = new FakeClock();
  const source = testSource('orders', { s3: { bucket: 'bucket', prefix: '' } });
  const admissions = createAdmissions();
  const outcomes: Outcome[] = [
    { kind: 'Later', reason: 'StorageUnavailable', message: 'm' },
    { kind: 'Ignored', reason: 'ObjectNotFound', message: 'm' },
    { kind: 'Created', name: 'n' },
  ];
  admissions.answer(() => outcomes[admissions.notices.length - 1]!);
  const deps = {
    ...{ source, clock, rules: compileRules(source), admit: admissions.admit, seen: createSeenPages() },
    recorder: createRecorder({
      ...{ state: createSourceState(source), clock, onChange: () => undefined, onWarning: () => undefined },
    }),
    retries: createRetryQueue({ clock }),
    arrivals: { listed: async (objects: readonly unknown[]) => objects.map(() => false) },
    list: async () => ({ objects: [{ key: 'a.csv', eTag: 'e', size: 1, lastModified: clock.now() }], next: null }),
  };
  for (let pass = 0; pass < 5; pass += 1) await listPrefix(deps, null, new AbortController().signal);
  expect(admissions.notices).toHaveLength(3);
});
