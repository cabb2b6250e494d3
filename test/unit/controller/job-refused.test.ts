import { expect, it } from 'vitest';
import { KubeError } from '#kube/errors.ts';
import type { Job } from '#kube/resource-types.ts';
import { type ApplyDeps, applyActions } from '#operator/controller/apply.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { ACCEPTED, row } from './observed.ts';

const REFUSAL = 'spec.template.spec.containers[0].resources.requests: must be less than or equal to memory limit';

/** An API server that refuses a Job whose pods request more memory than they may use. */
async function create(podTemplate: object) {
  const made: Job[] = [];
  const refused = new KubeError({ status: 422, reason: 'Invalid', message: REFUSAL });
  const client = {
    create: async (_type: unknown, job: Job) => {
      const { requests, limits } = job.spec!.template.spec!.containers[0]!.resources!;
      if (requests!['memory'] !== limits!['memory']) throw refused;
      made.push(job);
    },
  };
  const settings = { image: 'i', imagePullSecrets: [], allowedEndpoints: [], serviceAccountNames: [], datadogEnv: {} };
  const deps = {
    client,
    settings: { ...settings, podTemplate: {}, resources: { requests: {}, limits: {} } },
    log: createRecordingLog(),
    reachPoint: () => undefined,
    findServiceAccount: async () => null,
  } as unknown as ApplyDeps;
  const input = {
    upload: { ...ACCEPTED, spec: { ...ACCEPTED.spec, podTemplate } },
    database: null,
    row: row({ status: 'Planning', execution: null }),
    parallelism: 4,
    onCreate: () => undefined,
    onRecreate: () => undefined,
    signal: new AbortController().signal,
  };
  return { outcomes: await applyActions(deps, input, [{ type: 'createJob', kind: 'plan', recreated: 0 }]), made };
}

const resources = (request: string, limit: string) => ({
  spec: { resources: { requests: { memory: request }, limits: { memory: limit } } },
});

it('a Job that the API server refuses for its podTemplate is said, and a corrected podTemplate is taken', async () => {
  const { outcomes, made } = await create(resources('2Gi', '1Gi'));
  expect(outcomes).toMatchObject([
    { type: 'degraded', why: { reason: 'JobRefused', message: expect.stringContaining(REFUSAL) } },
  ]);
  expect(outcomes).toMatchObject([{ why: { message: expect.stringContaining('spec.podTemplate') } }]);
  expect(made).toEqual([]);
  const corrected = await create(resources('1Gi', '1Gi'));
  expect(corrected.outcomes).toEqual([{ type: 'done' }]);
  expect(corrected.made).toHaveLength(1);
});
