import { expect, it } from 'vitest';
import type { ObjectNotice, ReceiverDeps } from '#operator/bridge/model/types.ts';
import { createWebhookReceiver } from '#operator/bridge/sources/webhook-receiver.ts';
import { testSource } from '#support/bridge/upload-source.ts';
import { FakeClock, settle } from '#support/process/fake-clock.ts';

it('what is posted to a source that has changed meanwhile is not taken on by what it was', async () => {
  const webhooks = createWebhookReceiver();
  const source = testSource('orders', {
    s3: { bucket: 'bucket', prefix: '' },
    s3Event: { webhook: { secretRef: { name: 'own' } }, relistSeconds: 600 },
  });
  const admitted: AbortSignal[] = [];
  const deps = {
    clock: new FakeClock(),
    readSecret: async () => ({ token: 't' }),
    recorder: { problem: () => undefined },
    async admit(_: unknown, signal: AbortSignal) {
      signal.throwIfAborted();
      admitted.push(signal);
      return [{ kind: 'Created', name: 'n' }];
    },
  } as unknown as ReceiverDeps;
  const stop = new AbortController();
  const done = webhooks.run(source, deps, stop.signal);
  await settle();
  const posted = webhooks.lookup('ns', 'orders')!;
  const bridge = new AbortController();
  const notices = [{} as ObjectNotice];
  expect(await posted.admit(notices, bridge.signal)).toMatchObject([{ kind: 'Created' }]);
  stop.abort(new Error('the source has changed'));
  await done;
  expect(admitted[0]!.aborted).toBe(true);
  expect(await posted.admit(notices, bridge.signal)).toMatchObject([{ kind: 'Later' }]);
  expect(webhooks.lookup('ns', 'orders')).toBe(undefined);
});
