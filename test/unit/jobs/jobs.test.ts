import { describe, expect, it } from 'vitest';
import { ANNOTATIONS } from '#api/labels.ts';
import { DEFAULTS, ENV, EXIT_CODES, MALLOC_ENV, NODE_OPTIONS, sessionsOfPod } from '#common/job-contract.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { RunnerSettings } from '#operator/config/runner-settings.ts';
import { buildCleanupJob } from '#operator/jobs/cleanup-job.ts';
import { buildPlanJob } from '#operator/jobs/plan-job.ts';
import { heapMegabytes, parseMemory } from '#operator/jobs/pod-memory.ts';
import type { JobInput } from '#operator/jobs/pod-template.ts';
import { planPool } from '#operator/jobs/pool-job.ts';
import { buildProcessJob } from '#operator/jobs/process-job.ts';

const UID = '0b4ec2ff-6ad4-4f9a-a8f0-2ec2f3a3b1ce';
const settings: RunnerSettings = {
  image: 'batch-upload:1',
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: [],
  resources: { requests: { cpu: '500m' }, limits: { memory: '512Mi' } },
  podTemplate: {},
  serviceAccountNames: ['batch-upload-runner'],
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
};

function input(change: Partial<JobInput> = {}, name = 'march'): JobInput {
  const upload = {
    metadata: { name, namespace: 'team-a', uid: UID },
    spec: {
      source: { type: 'Manual', s3: { bucket: 'b', key: 'k' } },
      schemaRef: { name: 's' },
      parallelism: 8,
    },
  } as unknown as BatchUpload;
  return { upload, attempt: 1, parallelism: 8, settings, serviceAccount: null, recreated: 0, ...change };
}

/** A plan of so many indexes, and of a file that is not worth more pods. */
const sized = (totalIndexes: number) => ({ totalIndexes, totalChunks: 1000, sizeBytes: 1 });

const containerOf = (change: Partial<JobInput> = {}) =>
  buildPlanJob(input(change), null).spec!.template.spec!.containers[0]!;
const envOf = (change: Partial<JobInput> = {}) => new Map(containerOf(change).env!.map((each) => [each.name, each]));

describe.each([
  ['plan', buildPlanJob(input(), null)],
  ['process', buildProcessJob(input(), sized(3))],
])('the %s Job', (kind, job) => {
  it('belongs to its upload and is found by labels', () => {
    expect(job.metadata).toMatchObject({ name: `${UID}-${kind}-1`, namespace: 'team-a' });
    // The names of the Job's pods add an index and a suffix, and must be valid labels.
    expect(job.metadata!.name!.length + '-127-abcde'.length).toBeLessThanOrEqual(63);
    expect(job.metadata!.ownerReferences).toMatchObject([{ kind: 'BatchUpload', uid: UID, controller: true }]);
    expect(job.metadata!.labels).toMatchObject({ 'batchupload.dev/uid': UID });
    expect(job.spec!.template.metadata!.labels).toEqual(job.metadata!.labels);
  });

  it('runs without rights', () => {
    const { containers, securityContext, ...spec } = job.spec!.template.spec!;
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      restartPolicy: 'Never',
    });
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(containers).toHaveLength(1);
    expect(containers[0]).toMatchObject({ command: ['job-runner', kind], resources: settings.resources });
    expect(containers[0]!.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('retries what passes, fails at once for what does not, ignores disruptions', () => {
    expect(job.spec).toMatchObject({ completionMode: 'Indexed', backoffLimitPerIndex: 6, maxFailedIndexes: 0 });
    const rules = job.spec!.podFailurePolicy!.rules.map(({ action, onExitCodes, onPodConditions }) => [
      action,
      onExitCodes?.values ?? onPodConditions?.map(({ type }) => type),
    ]);
    expect(rules).toEqual([
      ['Ignore', ['DisruptionTarget']],
      ['FailJob', [EXIT_CODES.permanent, EXIT_CODES.unknown]],
      ['Count', [EXIT_CODES.retryable]],
    ]);
  });
});

it.each([
  { wanted: 1, sessions: 1, indexes: 3, pods: 1 },
  { wanted: 4, sessions: 4, indexes: 4, pods: 1 },
  { wanted: 6, sessions: 3, indexes: 2, pods: 2 },
  { wanted: 8, sessions: 4, indexes: 1, pods: 1 },
  { wanted: 8, sessions: 4, indexes: 3, pods: 2 },
  { wanted: 128, sessions: 4, indexes: 128, pods: 32 },
])('$indexes indexes, parallelism $wanted: $pods pods at once of $sessions sessions', (each) => {
  const { wanted, sessions, indexes, pods } = each;
  const job = buildProcessJob(input({ parallelism: wanted }), sized(indexes));
  expect(job.spec).toMatchObject({ completions: indexes, parallelism: pods });
  expect(job.metadata.annotations).toMatchObject({
    [ANNOTATIONS.parallelism]: String(pods),
    [ANNOTATIONS.sessionsPerPod]: String(sessions),
  });
  const env = new Map(job.spec!.template.spec!.containers[0]!.env!.map(({ name, value }) => [name, value]));
  // The pods choose the number of their sessions by the same function.
  expect(sessionsOfPod(Number(env.get(ENV.parallelism)))).toBe(sessions);
});

it.each([
  {
    what: 'as the plan says',
    wanted: 8,
    size: { totalIndexes: 2, totalChunks: 1000, sizeBytes: 2 ** 30 },
    expected: [2, 2],
  },
  {
    what: 'more than the plan says',
    wanted: 32,
    size: { totalIndexes: 2, totalChunks: 1000, sizeBytes: 2 ** 30 },
    expected: [8, 8],
  },
  {
    what: 'no more than the file is worth',
    wanted: 32,
    size: { totalIndexes: 2, totalChunks: 1000, sizeBytes: 2 ** 27 },
    expected: [2, 2],
  },
  {
    what: 'no more than there are chunks',
    wanted: 32,
    size: { totalIndexes: 2, totalChunks: 12, sizeBytes: 2 ** 30 },
    expected: [3, 3],
  },
  {
    what: 'fewer at a time',
    wanted: 4,
    size: { totalIndexes: 8, totalChunks: 1000, sizeBytes: 2 ** 40 },
    expected: [1, 8],
  },
])('parallelism $wanted: $what', ({ wanted, size, expected: [parallelism, completions] }) => {
  expect(buildProcessJob(input({ parallelism: wanted }), size).spec).toMatchObject({ parallelism, completions });
});

it('a long name is left out of the labels or cut to what a label may be', () => {
  const { labels } = buildPlanJob(input({}, `${'a'.repeat(250)}.csv`), null).metadata!;
  for (const value of Object.values(labels!)) expect(value).toMatch(/^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/);
});

it('secrets come by reference, never by value', () => {
  const env = envOf();
  expect(env.get('AWS_SECRET_ACCESS_KEY')).toMatchObject({ valueFrom: { secretKeyRef: { optional: true } } });
  const fromSecrets = [...env.values()].filter(({ valueFrom }) => valueFrom?.secretKeyRef);
  for (const each of fromSecrets) expect(each.value).toBeUndefined();
  // Only the database Secret is required; a cloud's identity may replace the keys of S3.
  const needed = fromSecrets.filter(({ valueFrom }) => valueFrom!.secretKeyRef!.optional !== true);
  expect(needed.map(({ valueFrom }) => valueFrom!.secretKeyRef!.key)).toEqual(['uri']);
});

describe('the limits of spec.target.protect', () => {
  const limited = (protect: object) => {
    const { upload, ...others } = input();
    const spec = { ...upload.spec, target: { protect } };
    const job = buildPlanJob({ ...others, upload: { ...upload, spec } }, null);
    const { env } = job.spec!.template.spec!.containers[0]!;
    const values = Object.fromEntries(env!.map(({ name, value }) => [name, value]));
    return { note: job.metadata.annotations![ANNOTATIONS.protect], values };
  };

  it('reach the pods, and are noted on the Job', () => {
    const { note, values } = limited({ maxReplicaLagSeconds: 5, maxWalBytesPerSecond: 20_000_000 });
    expect(values).toMatchObject({ [ENV.maxReplicaLagSeconds]: '5', [ENV.maxWalBytesPerSecond]: '20000000' });
    expect(note).toBe(
      '{"BATCH_UPLOAD_MAX_REPLICA_LAG_SECONDS":"5","BATCH_UPLOAD_MAX_WAL_BYTES_PER_SECOND":"20000000"}',
    );
  });

  it('are noted on the Jobs of a pool, and part the pools', () => {
    const { upload, ...others } = input();
    const poolOf = (protect: object) =>
      planPool({ ...others, upload: { ...upload, spec: { ...upload.spec, target: { protect } } }, sameness: [] });
    const noteOf = (protect: object) => poolOf(protect).buildJob('a').metadata.annotations?.[ANNOTATIONS.protect];
    expect(noteOf({ maxReplicaLagSeconds: 5 })).toBe('{"BATCH_UPLOAD_MAX_REPLICA_LAG_SECONDS":"5"}');
    expect(noteOf({})).toBe('{}');
    expect(poolOf({ maxReplicaLagSeconds: 5 }).id).not.toBe(poolOf({ maxReplicaLagSeconds: 6 }).id);
  });

  it('leave no trace where there are none', () => {
    const { note, values } = limited({});
    expect(note).toBe('{}');
    expect(values).not.toHaveProperty(ENV.maxReplicaLagSeconds);
    expect(values).not.toHaveProperty(ENV.maxWalBytesPerSecond);
  });
});

it('a Job that is made again says how often', () => {
  expect(buildPlanJob(input(), null).metadata!.annotations).not.toHaveProperty([ANNOTATIONS.recreated]);
  expect(buildPlanJob(input({ recreated: 2 }), null).metadata!.annotations).toMatchObject({
    [ANNOTATIONS.recreated]: '2',
  });
});

it('the service account is used where there is one', () => {
  expect(buildPlanJob(input(), null).spec!.template.spec!.serviceAccountName).toBeUndefined();
  expect(buildPlanJob(input({ serviceAccount: 'runner' }), null).spec!.template.spec!.serviceAccountName).toBe(
    'runner',
  );
});

it('Datadog: off without a word, on by the agent of the node or the one that is named', () => {
  expect([...envOf().keys()].filter((name) => name.startsWith('DD_'))).toEqual([]);
  const on = { ...settings, datadog: true };
  expect(envOf({ settings: on }).get('DD_AGENT_HOST')).toMatchObject({
    valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } },
  });
  const named = envOf({ settings: { ...on, datadogEnv: { DD_AGENT_HOST: 'agent', DD_ENV: 'prod' } } });
  expect([named.get('DD_AGENT_HOST'), named.get('DD_ENV')]).toEqual([
    { name: 'DD_AGENT_HOST', value: 'agent' },
    { name: 'DD_ENV', value: 'prod' },
  ]);
});

it('an inline limit is passed on where there is one', () => {
  expect(envOf().get(ENV.inlineLimitBytes)?.value).toBe(String(1 << 25));
  const { inlineLimitBytes } = DEFAULTS;
  expect(envOf({ settings: { ...settings, inlineLimitBytes } }).has(ENV.inlineLimitBytes)).toBe(false);
});

it('the heap is 60 % of the memory limit', () => {
  for (const [name, value] of Object.entries(MALLOC_ENV)) expect(envOf().get(name)).toEqual({ name, value });
  expect(envOf().get('NODE_OPTIONS')).toEqual({
    name: 'NODE_OPTIONS',
    value: `${NODE_OPTIONS} --max-old-space-size=307`,
  });
  const unlimited = { ...settings, resources: { requests: {}, limits: {} } };
  expect(envOf({ settings: unlimited }).get('NODE_OPTIONS')).toEqual({ name: 'NODE_OPTIONS', value: NODE_OPTIONS });
});

it.each([
  ['512Mi', 512 * 2 ** 20],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['500M', 500e6],
  ['1073741824', 2 ** 30],
  ['2Ti', 2 ** 41],
  ['1e9', 1e9],
  ['2E3', 2000],
  ['.5Gi', 2 ** 29],
  ['512000m', 512],
  ['512mi', null],
  ['-1', null],
  [undefined, null],
])('parseMemory(%s)', (quantity, bytes) => {
  expect(parseMemory(quantity)).toBe(bytes);
});

it('a heap has at least 64 MiB', () => {
  expect(heapMegabytes('64Mi')).toBe(64);
});

describe('the cleanup Job', () => {
  const job = buildCleanupJob(input(), 600);

  it('has no owner that could take it away, and ends and goes by itself', () => {
    expect(job.metadata).toMatchObject({ name: `${UID}-cleanup-1`, labels: { 'batchupload.dev/uid': UID } });
    expect(job.metadata).not.toHaveProperty('ownerReferences');
    expect(job.spec).toMatchObject({ completions: 1, activeDeadlineSeconds: 600, ttlSecondsAfterFinished: 3600 });
  });

  it('stays until the operator has seen its end, also where finished Jobs go at once', () => {
    const { spec } = buildCleanupJob(
      input({ settings: { ...settings, warmPods: { max: 0, idleSeconds: 10 }, jobTtlSeconds: 0 } }),
      600,
    );
    expect(spec?.ttlSecondsAfterFinished).toBe(600);
  });

  it('runs the command with what every pod has', () => {
    const [container] = job.spec!.template.spec!.containers;
    expect(container!.command).toEqual(['job-runner', 'cleanup']);
    expect(container!.env).toEqual(containerOf().env);
  });
});
