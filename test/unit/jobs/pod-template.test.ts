/** What the chart and an upload say of the upload's pods, and what the pods get. */
import { describe, expect, it } from 'vitest';
import { NODE_OPTIONS } from '#common/job-contract.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { AskedPodTemplate, RunnerSettings } from '#operator/config/runner-settings.ts';
import { buildCleanupJob } from '#operator/jobs/cleanup-job.ts';
import { mergePodTemplate } from '#operator/jobs/merge-pod-template.ts';
import { buildPlanJob } from '#operator/jobs/plan-job.ts';
import { type JobInput, noteSettings } from '#operator/jobs/pod-template.ts';
import { buildProcessJob } from '#operator/jobs/process-job.ts';

const UID = '0b4ec2ff-6ad4-4f9a-a8f0-2ec2f3a3b1ce';
const RESOURCES = { requests: { cpu: '250m', memory: '192Mi' }, limits: { memory: '512Mi' } };
const settings = {
  image: 'batch-upload:1',
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: [],
  resources: RESOURCES,
  podTemplate: {},
  serviceAccountNames: ['batch-upload-runner', 'loader'],
  warmPods: { max: 0, idleSeconds: 10 },
  jobTtlSeconds: 3600,
  inlineLimitBytes: 1 << 25,
  allowedEndpoints: [],
  retrySeconds: 600,
  maxRecordBytes: 1 << 24,
  stallSeconds: 30,
  logLevel: 'info',
  datadog: false,
  datadogEnv: {},
} satisfies RunnerSettings;

interface Asked {
  chart?: AskedPodTemplate;
  own?: AskedPodTemplate | undefined;
}

function input({ chart = {}, own }: Asked): JobInput {
  const upload = {
    metadata: { name: 'march', namespace: 'team-a', uid: UID },
    spec: {
      source: { type: 'Manual', s3: { bucket: 'b', key: 'k' } },
      schemaRef: { name: 's' },
      parallelism: 8,
      ...(own ? { podTemplate: own } : {}),
    },
  } as unknown as BatchUpload;
  const withChart = { ...settings, podTemplate: chart };
  return {
    upload,
    attempt: 1,
    parallelism: 8,
    settings: withChart,
    serviceAccount: 'batch-upload-runner',
    recreated: 0,
  };
}

const merge = (asked: Asked) => mergePodTemplate(input(asked));
const podOf = (asked: Asked) => buildPlanJob(input(asked), null).spec!.template;
const note = (asked: Asked) => noteSettings(input(asked));

const TOLERATION = { key: 'batch', operator: 'Exists' } as const;
const AFFINITY = {
  podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname' }] },
};
const SPREAD = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' } as const;

describe('the pods have what the chart and the upload say', () => {
  it.each<[string, AskedPodTemplate, AskedPodTemplate, object]>([
    [
      'labels of both',
      { metadata: { labels: { a: 'chart', b: 'chart' } } },
      { metadata: { labels: { b: 'own', c: 'own' } } },
      { labels: { a: 'chart', b: 'own', c: 'own' } },
    ],
    [
      'annotations of both',
      { metadata: { annotations: { a: 'chart', b: 'chart' } } },
      { metadata: { annotations: { b: 'own' } } },
      { annotations: { a: 'chart', b: 'own' } },
    ],
    [
      'a nodeSelector of both',
      { spec: { nodeSelector: { pool: 'batch', zone: 'a' } } },
      { spec: { nodeSelector: { zone: 'b' } } },
      { spec: { nodeSelector: { pool: 'batch', zone: 'b' } } },
    ],
    [
      'tolerations of both',
      { spec: { tolerations: [TOLERATION] } },
      { spec: { tolerations: [{ ...TOLERATION, key: 'spot' }] } },
      { spec: { tolerations: [TOLERATION, { ...TOLERATION, key: 'spot' }] } },
    ],
    [
      'the affinity of the upload alone',
      { spec: { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } } } },
      { spec: { affinity: AFFINITY } },
      { spec: { affinity: AFFINITY } },
    ],
    ['the affinity of the chart', { spec: { affinity: AFFINITY } }, {}, { spec: { affinity: AFFINITY } }],
    [
      'no affinity, where the upload takes it away',
      { spec: { affinity: AFFINITY } },
      { spec: { affinity: {} } },
      { spec: {} },
    ],
    [
      'the constraints of the upload alone',
      { spec: { topologySpreadConstraints: [SPREAD] } },
      { spec: { topologySpreadConstraints: [{ ...SPREAD, maxSkew: 2 }] } },
      { spec: { topologySpreadConstraints: [{ ...SPREAD, maxSkew: 2 }] } },
    ],
    [
      'the names of the upload',
      { spec: { priorityClassName: 'low', runtimeClassName: 'runc', serviceAccountName: 'of-chart' } },
      { spec: { priorityClassName: 'high', serviceAccountName: 'loader' } },
      { spec: { priorityClassName: 'high', runtimeClassName: 'runc', serviceAccountName: 'loader' } },
    ],
    [
      'resources of the upload as a whole',
      { spec: { resources: { limits: { memory: '1Gi' } } } },
      { spec: { resources: { requests: { cpu: 2, memory: '2Gi' } } } },
      { resources: { requests: { cpu: '2', memory: '2Gi' }, limits: {} } },
    ],
    [
      'resources of the chart’s template before the others',
      { spec: { resources: { limits: { memory: '1Gi' } } } },
      {},
      { resources: { requests: {}, limits: { memory: '1Gi' } } },
    ],
  ])('%s', (_what, chart, own, expected) => {
    const nothing = { labels: {}, annotations: {}, resources: RESOURCES, spec: {} };
    expect(merge({ chart, own })).toEqual({ ...nothing, ...expected });
  });

  it('everything in the pod of each Job, and the rest as without', () => {
    const own: AskedPodTemplate = {
      metadata: { labels: { team: 'a' }, annotations: { note: 'b' } },
      spec: {
        resources: { limits: { memory: '1Gi' } },
        nodeSelector: { pool: 'batch' },
        tolerations: [TOLERATION],
        affinity: AFFINITY,
        topologySpreadConstraints: [SPREAD],
        priorityClassName: 'high',
        runtimeClassName: 'gvisor',
        serviceAccountName: 'loader',
      },
    };
    const { resources, ...spec } = own.spec!;
    const sized = { totalIndexes: 3, totalChunks: 1000, sizeBytes: 1 };
    const build = (asked: Asked) => [
      buildPlanJob(input(asked), null),
      buildProcessJob(input(asked), sized),
      buildCleanupJob(input(asked), 600),
    ];
    const plain = build({});
    for (const [i, job] of build({ own }).entries()) {
      const before = plain[i]!.spec!.template;
      const { metadata, spec: pod } = job.spec!.template;
      expect(metadata).toEqual({ labels: { ...before.metadata!.labels, team: 'a' }, annotations: { note: 'b' } });
      const [container] = before.spec!.containers;
      expect(pod).toEqual({
        ...before.spec,
        ...spec,
        containers: [{ ...container, env: expect.anything(), resources: { requests: {}, ...resources } }],
      });
      expect(before.metadata).not.toHaveProperty('annotations');
      expect(before.spec!.serviceAccountName).toBe('batch-upload-runner');
      // The labels of the Job itself select it, and nothing is added to them.
      expect(job.metadata.labels).toEqual(plain[i]!.metadata.labels);
    }
  });
});

describe('what a template cannot change', () => {
  const taken = {
    'app.kubernetes.io/managed-by': 'me',
    'batchupload.dev/uid': 'another',
    'batchupload.dev/anything': 'x',
    team: 'a',
  };

  it.each(['chart', 'own'])('the operator’s labels and annotations (%s)', (who) => {
    const { labels, annotations } = podOf({ [who]: { metadata: { labels: taken, annotations: taken } } }).metadata!;
    expect(labels).toEqual({ ...podOf({}).metadata!.labels, team: 'a' });
    expect(labels).toMatchObject({ 'app.kubernetes.io/managed-by': 'batch-upload', 'batchupload.dev/uid': UID });
    expect(annotations).toEqual({ 'app.kubernetes.io/managed-by': 'me', team: 'a' });
  });

  it('the AppArmor profile', () => {
    const annotations = { 'container.apparmor.security.beta.kubernetes.io/runner': 'unconfined' };
    expect(podOf({ own: { metadata: { annotations } } }).metadata).not.toHaveProperty('annotations');
  });

  it('a service account that the chart does not list, whoever makes the Job', () => {
    const own = { spec: { serviceAccountName: 'admin' } };
    expect(podOf({ own }).spec!.serviceAccountName).toBe('batch-upload-runner');
    const chart = { spec: { serviceAccountName: 'of-chart' } };
    expect(buildCleanupJob(input({ chart, own }), 600).spec!.template.spec!.serviceAccountName).toBe('of-chart');
  });
});

describe('the heap follows the memory limit that the pod has', () => {
  const limit = (memory: string | number) => ({ spec: { resources: { limits: { memory } } } });
  it.each<[string, Asked, number | null]>([
    ['of the chart', {}, 307],
    ['of the chart’s template', { chart: limit('1Gi') }, 614],
    ['of the upload', { chart: limit('1Gi'), own: limit('2Gi') }, 1228],
    ['of the upload as a number', { own: limit(2 ** 30) }, 614],
    ['of none', { own: { spec: { resources: { requests: { memory: '1Gi' } } } } }, null],
  ])('%s', (_what, asked, heap) => {
    const env = podOf(asked).spec!.containers[0]!.env!;
    const size = heap === null ? '' : ` --max-old-space-size=${heap}`;
    expect(env.find(({ name }) => name === 'NODE_OPTIONS')?.value).toBe(`${NODE_OPTIONS}${size}`);
  });
});

describe('the note of the settings', () => {
  const BEFORE =
    '{"image":"batch-upload:1","imagePullPolicy":"IfNotPresent","imagePullSecrets":[],"resources":{"requests":{"cpu":"250m","memory":"192Mi"},"limits":{"memory":"512Mi"}}}';

  it.each<[string, Asked]>([
    ['no template', {}],
    ['an empty template', { chart: {}, own: {} }],
    [
      'a template of empty parts',
      { chart: { spec: {} }, own: { metadata: { labels: {} }, spec: { tolerations: [] } } },
    ],
    ['an account that is not listed', { own: { spec: { serviceAccountName: 'admin' } } }],
  ])('%s: as in the release before, so that no Job is made again by an upgrade', (_what, asked) => {
    expect(note(asked)).toBe(BEFORE);
  });

  it.each<[string, AskedPodTemplate]>([
    ['a label', { metadata: { labels: { a: 'b' } } }],
    ['an annotation', { metadata: { annotations: { a: 'b' } } }],
    ['resources', { spec: { resources: { limits: { memory: '1Gi' } } } }],
    ['nodeSelector', { spec: { nodeSelector: { a: 'b' } } }],
    ['a toleration', { spec: { tolerations: [TOLERATION] } }],
    ['affinity', { spec: { affinity: AFFINITY } }],
    ['a constraint', { spec: { topologySpreadConstraints: [SPREAD] } }],
    ['a priority class', { spec: { priorityClassName: 'high' } }],
    ['a runtime class', { spec: { runtimeClassName: 'gvisor' } }],
    ['a service account', { spec: { serviceAccountName: 'loader' } }],
  ])('differs by %s of the upload or of the chart', (_what, template) => {
    expect(note({ own: template })).not.toBe(BEFORE);
    expect(note({ chart: template })).toBe(note({ own: template }));
    expect(note({ chart: template, own: template }) === BEFORE).toBe(false);
  });

  it('is the same in whatever order the API server gives keys, and short', () => {
    const labels = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`label-${i}`, 'x'.repeat(63)]));
    const turned = Object.fromEntries(Object.entries(labels).toReversed());
    const [one, other] = [labels, turned].map((each) => note({ own: { metadata: { labels: each } } }));
    expect(one).toBe(other);
    expect(one!.length).toBeLessThan(BEFORE.length + 50);
  });

  it('is what the Job carries', () => {
    const own = { spec: { nodeSelector: { pool: 'batch' } } };
    expect(buildPlanJob(input({ own }), null).metadata.annotations).toMatchObject({
      'batchupload.dev/settings': note({ own }),
    });
  });
});
