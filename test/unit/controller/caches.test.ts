import { expect, it } from 'vitest';
import { JOBS, PODS } from '#kube/resource-types.ts';
import type { KubeClient, ResourceType } from '#kube/types.ts';
import { createCaches } from '#operator/controller/caches.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { UID } from './observed.ts';

/** An API server in which each namespace has a Job and a pod with the label of one upload, and nothing ever changes. */
const client = {
  async *listPages({ plural }: ResourceType, { namespace }: { namespace?: string }) {
    const isOurs = plural === JOBS.plural || plural === PODS.plural;
    const labels = { 'batchupload.dev/uid': UID };
    const metadata = { name: `${UID}-cleanup-1`, namespace, uid: `${plural} in ${namespace}`, labels };
    yield { items: isOurs ? [{ metadata }] : [], resourceVersion: '1' };
  },
  async *watch(_type: ResourceType, { signal }: { signal: AbortSignal }) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  },
} as unknown as KubeClient;

it('the Jobs and pods of an upload are those of its own namespace, whatever labels others write', async () => {
  const caches = createCaches({ client, log: createRecordingLog(), namespaces: ['victim', 'attacker'] });
  const stop = new AbortController();
  const running = caches.run(stop.signal);
  await Promise.all(caches.all().map(({ synced }) => synced));
  const upload = { namespace: 'victim', uid: UID };
  const uids = (objects: { metadata?: { uid?: string } }[]) => objects.map(({ metadata }) => metadata?.uid);
  expect(uids(caches.jobsOf(upload))).toEqual(['jobs in victim']);
  expect(uids(caches.podsOf(upload))).toEqual(['pods in victim']);
  expect(caches.jobsOf({ ...upload, uid: 'other' })).toEqual([]);
  stop.abort();
  await running.catch(() => undefined);
});
