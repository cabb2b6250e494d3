/** Which uploads may be loaded by a pool of warm pods. */
import { expect, it } from 'vitest';
import { createPoolFinder, type PoolFinderDeps } from '#operator/controller/pool/find-pool.ts';
import { ACCEPTED } from './observed.ts';

const settings = {
  image: 'i',
  imagePullSecrets: [],
  resources: { requests: {}, limits: {} },
  podTemplate: {},
  serviceAccountNames: [],
  allowedEndpoints: [],
  datadogEnv: {},
} as unknown as PoolFinderDeps['settings'];

function find(max: number, spec: object) {
  const deps = {
    client: { find: async () => undefined },
    clock: { monotonic: () => 0 },
    settings: { ...settings, warmPods: { ...settings.warmPods, max } },
    clusterId: 'c',
    findServiceAccount: async () => null,
  } as unknown as PoolFinderDeps;
  const upload = { ...ACCEPTED, spec: { ...ACCEPTED.spec, ...spec } };
  return createPoolFinder(deps)(upload, new AbortController().signal);
}

it('an upload without a queue has a pool, where there are warm pods at all', async () => {
  expect(await find(2, {})).not.toBeNull();
  expect(await find(0, {})).toBeNull();
});

it('an upload in a queue of Kueue has none: its pods would not be counted', async () => {
  expect(await find(2, { queueName: 'loads' })).toBeNull();
});
