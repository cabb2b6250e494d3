/** What the Jobs of an upload say to Kueue. */
import { describe, expect, it } from 'vitest';
import { ANNOTATIONS, KUEUE } from '#api/labels.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { AskedPodTemplate, RunnerSettings } from '#operator/config/runner-settings.ts';
import { buildCleanupJob } from '#operator/jobs/cleanup-job.ts';
import { buildPlanJob } from '#operator/jobs/plan-job.ts';
import type { JobInput, NewJob } from '#operator/jobs/pod-template.ts';
import { buildProcessJob } from '#operator/jobs/process-job.ts';

const settings = {
  image: 'batch-upload:1',
  imagePullSecrets: [],
  resources: { requests: {}, limits: {} },
  podTemplate: {},
  serviceAccountNames: [],
  allowedEndpoints: [],
  datadogEnv: {},
} as unknown as RunnerSettings;

interface Asked {
  queueName?: string;
  parallelism?: number;
  chart?: AskedPodTemplate;
  own?: AskedPodTemplate;
}

function input({ queueName, parallelism = 8, chart = {}, own = {} }: Asked): JobInput {
  const upload = {
    metadata: { name: 'march', namespace: 'team-a', uid: '0b4ec2ff-6ad4-4f9a-a8f0-2ec2f3a3b1ce' },
    spec: {
      source: { type: 'Manual', s3: { bucket: 'b', key: 'k' } },
      schemaRef: { name: 's' },
      parallelism,
      podTemplate: own,
      ...(queueName === undefined ? {} : { queueName }),
    },
  } as unknown as BatchUpload;
  const withChart = { ...settings, podTemplate: chart };
  return { upload, attempt: 1, parallelism, settings: withChart, serviceAccount: null, recreated: 0 };
}

const size = { totalIndexes: 2, totalChunks: 1000, sizeBytes: 2 ** 30 };
const kueueOf = ({ metadata: { labels = {}, annotations = {} } }: NewJob) =>
  Object.fromEntries(
    Object.entries({ ...labels, ...annotations }).filter(([key]) => key.startsWith('kueue.x-k8s.io/')),
  );
const builders: [string, (asked: Asked) => NewJob][] = [
  ['plan', (asked) => buildPlanJob(input(asked), null)],
  ['process', (asked) => buildProcessJob(input(asked), size)],
];

describe.each(builders)('the %s Job', (_kind, build) => {
  it('says nothing to Kueue without a queue, also where the pod template has a priority for it', () => {
    const own = { metadata: { labels: { [KUEUE.priorityClass]: 'urgent' } } };
    expect(kueueOf(build({ own }))).toEqual({});
    expect(build({}).metadata.annotations).not.toHaveProperty([ANNOTATIONS.queueName]);
  });

  it('names its queue, and notes which one the operator gave to it', () => {
    const { metadata, spec } = build({ queueName: 'loads' });
    expect(metadata.labels).toMatchObject({ [KUEUE.queueName]: 'loads' });
    expect(metadata.annotations).toMatchObject({ [ANNOTATIONS.queueName]: 'loads' });
    // The label on a pod would make Kueue queue the pod as well.
    expect(spec!.template.metadata!.labels).not.toHaveProperty([KUEUE.queueName]);
    expect(spec).not.toHaveProperty('suspend');
  });

  it.each<[string, Asked, string]>([
    ['of the chart', { chart: { metadata: { labels: { [KUEUE.priorityClass]: 'normal' } } } }, 'normal'],
    [
      'of the upload before that of the chart',
      {
        chart: { metadata: { labels: { [KUEUE.priorityClass]: 'normal' } } },
        own: { metadata: { labels: { [KUEUE.priorityClass]: 'urgent' } } },
      },
      'urgent',
    ],
  ])('has the priority %s', (_what, asked, priority) => {
    expect(build({ ...asked, queueName: 'loads' }).metadata.labels).toMatchObject({ [KUEUE.priorityClass]: priority });
  });
});

describe('may be admitted with one pod', () => {
  it.each<[string, NewJob, string | undefined]>([
    ['two pods that load', buildProcessJob(input({ queueName: 'loads' }), size), '1'],
    ['one pod that loads', buildProcessJob(input({ queueName: 'loads', parallelism: 4 }), size), undefined],
    ['a pod that plans', buildPlanJob(input({ queueName: 'loads' }), null), undefined],
    ['two pods of the Job that has planned', buildPlanJob(input({ queueName: 'loads' }), size), '1'],
  ])('%s', (_what, { metadata, spec }, expected) => {
    expect(metadata.annotations?.[KUEUE.minParallelism]).toBe(expected);
    // Kueue refuses a Job whose least parallelism is not below its parallelism.
    expect(spec!.parallelism! > 1).toBe(expected !== undefined);
    expect(spec!.completions).toBeGreaterThanOrEqual(spec!.parallelism!);
  });
});

it('the Job that removes copies has no queue', () => {
  expect(kueueOf(buildCleanupJob(input({ queueName: 'loads' }), 600))).toEqual({});
});
