/** Builds what the operator's Jobs and their pods have in common: environment, security, resources. Pure. */
import { DATABASE_SECRET_KEYS, S3_SECRET_KEYS } from '#api/defaults.ts';
import { ANNOTATIONS, LABELS, labelValue, MANAGED_BY } from '#api/labels.ts';
import { databaseSecretName, jobName, s3SecretName } from '#api/names.ts';
import { canonicalJson } from '#common/canonical-json.ts';
import { hashText } from '#common/hash-text.ts';
import { DEFAULTS, ENV, EXIT_CODES, type JobKind, MALLOC_ENV, NODE_OPTIONS } from '#common/job-contract.ts';
import { API_VERSION, type BatchUpload } from '#kube/custom-resources.ts';
import type { Job } from '#kube/resource-types.ts';
import type { RunnerSettings } from '#operator/config/runner-settings.ts';
import { enterQueue } from './kueue.ts';
import { type MergedPodTemplate, mergePodTemplate } from './merge-pod-template.ts';
import { heapMegabytes } from './pod-memory.ts';
import { protectEnv, protectLimits } from './protect-limits.ts';

export interface JobInput {
  upload: BatchUpload;
  attempt: number;
  /** The sessions of the database that the pods have together: spec.parallelism, or fewer where a limit allows fewer. */
  parallelism: number;
  settings: RunnerSettings;
  /** Name of a service account that exists in the namespace; null means the namespace's default service account. */
  serviceAccount: string | null;
  /** Earlier Jobs of this name that ended while the ledger still had work. */
  recreated: number;
}

/** A Job that the API server has not stored yet. Its name and namespace are always set. */
export interface NewJob extends Job {
  metadata: NonNullable<Job['metadata']> & { namespace: string; name: string };
}

export type JobSpec = NonNullable<Job['spec']>;
export type PodTemplate = JobSpec['template'];
type PodSpec = NonNullable<PodTemplate['spec']>;
type EnvVar = NonNullable<PodSpec['containers'][number]['env']>[number];

export const CONTAINER = 'runner';

/** Retries of an index after its first failure. */
export const RETRIES_PER_INDEX = 6;

export function jobMetadata(input: JobInput, kind: JobKind): NewJob['metadata'] {
  const { upload, attempt, recreated } = input;
  const { name, namespace, uid } = upload.metadata;
  // The copies of an ended upload's file are removed also where Kueue has no quota left.
  const queue = kind === 'cleanup' ? {} : enterQueue(input);
  return {
    name: jobName(uid, kind, attempt),
    namespace,
    labels: { ...queue.labels, ...labelsOf(upload, kind, attempt) },
    annotations: {
      ...queue.annotations,
      [ANNOTATIONS.settings]: noteSettings(input),
      ...(recreated > 0 ? { [ANNOTATIONS.recreated]: String(recreated) } : {}),
    },
    ownerReferences: [
      {
        apiVersion: API_VERSION,
        kind: 'BatchUpload',
        name,
        uid,
        controller: true,
        blockOwnerDeletion: false,
      },
    ],
  };
}

/**
 * The settings that decide whether a pod starts and how much memory it has, as a text that can be compared. A template
 * may be longer than an annotation, so that the text has its hash.
 */
export function noteSettings({ upload, settings }: Pick<JobInput, 'upload' | 'settings'>): string {
  const { image, imagePullPolicy, imagePullSecrets } = settings;
  const { resources, ...template } = mergePodTemplate({ upload, settings });
  const saysMore = Object.values(template).some((part) => Object.keys(part).length > 0);
  return JSON.stringify({
    image,
    imagePullPolicy,
    imagePullSecrets,
    resources,
    ...(saysMore ? { podTemplate: hashText(canonicalJson(template)) } : {}),
  });
}

/**
 * The part of a note of {@link noteSettings} that says what the pods ask of the cluster, where, and with which priority. The image is
 * left out: every upgrade of the operator changes it.
 * @returns null where there is no note, or something has altered it
 */
export function templateOfNote(note: string | null): string | null {
  try {
    const { resources, podTemplate } = JSON.parse(note ?? '') as Record<string, unknown>;
    return JSON.stringify([resources, podTemplate]);
  } catch {
    return null;
  }
}

/**
 * The part of a Job's spec that is the same for all Jobs. The first rule that fits decides, so that a disruption
 * (drain, preemption, node shutdown) comes before the exit code that it causes. The codes are those of {@link
 * EXIT_CODES}. A Job gets its time to live later, when the ledger has its outcome: a Job that vanished before would be
 * made again.
 */
export function commonJobSpec(): Pick<
  JobSpec,
  'completionMode' | 'backoffLimitPerIndex' | 'maxFailedIndexes' | 'podFailurePolicy'
> {
  return {
    completionMode: 'Indexed',
    backoffLimitPerIndex: RETRIES_PER_INDEX,
    maxFailedIndexes: 0,
    podFailurePolicy: {
      rules: [
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        {
          action: 'FailJob',
          onExitCodes: {
            containerName: CONTAINER,
            operator: 'In',
            values: [EXIT_CODES.permanent, EXIT_CODES.unknown],
          },
        },
        {
          action: 'Count',
          onExitCodes: { containerName: CONTAINER, operator: 'In', values: [EXIT_CODES.retryable] },
        },
      ],
    },
  };
}

/** The pods of an upload's own Job. */
export function podTemplate(input: JobInput, kind: JobKind): PodTemplate {
  const { upload, attempt, parallelism } = input;
  return buildPodTemplate(input, {
    kind,
    labels: labelsOf(upload, kind, attempt),
    values: {
      [ENV.uploadId]: upload.metadata.uid,
      [ENV.attempt]: String(attempt),
      [ENV.parallelism]: String(parallelism),
    },
  });
}

/** What pods have, whatever uploads they work for. */
export type PodInput = Pick<JobInput, 'upload' | 'settings' | 'serviceAccount'>;

export function buildPodTemplate(
  input: PodInput,
  own: { kind: JobKind; labels: Record<string, string>; values: Record<string, string> },
): PodTemplate {
  const { settings, serviceAccount } = input;
  const { labels, annotations, resources, spec } = mergePodTemplate(input);
  return {
    metadata: {
      labels: { ...labels, ...own.labels },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec: {
      restartPolicy: 'Never',
      // A pod has no access to the Kubernetes API. A cloud's projected identity token is another volume and stays.
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 30,
      ...(serviceAccount ? { serviceAccountName: serviceAccount } : {}),
      ...spec,
      ...(settings.imagePullSecrets.length > 0
        ? { imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })) }
        : {}),
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        fsGroup: 65532,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: CONTAINER,
          image: settings.image,
          imagePullPolicy: settings.imagePullPolicy,
          command: ['job-runner', own.kind],
          env: environment(input, own.values, resources),
          resources,
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
        },
      ],
      volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '64Mi' } }],
    },
  };
}

function environment(
  { upload, settings }: PodInput,
  own: Record<string, string>,
  { limits }: MergedPodTemplate['resources'],
): EnvVar[] {
  const { spec } = upload;
  const database = databaseSecretName(spec);
  const s3 = s3SecretName(spec);
  const values: Record<string, string> = {
    ...own,
    [ENV.namespace]: upload.metadata.namespace,
    ...(settings.inlineLimitBytes < DEFAULTS.inlineLimitBytes
      ? { [ENV.inlineLimitBytes]: String(settings.inlineLimitBytes) }
      : {}),
    [ENV.retrySeconds]: String(settings.retrySeconds),
    [ENV.maxRecordBytes]: String(settings.maxRecordBytes),
    [ENV.stallSeconds]: String(settings.stallSeconds),
    ...(settings.allowedEndpoints.length > 0 ? { [ENV.allowedEndpoints]: settings.allowedEndpoints.join() } : {}),
    ...protectEnv(protectLimits(upload)),
    [ENV.logLevel]: settings.logLevel,
    [ENV.datadog]: String(settings.datadog),
    ...settings.datadogEnv,
    ...MALLOC_ENV,
  };
  const heap = heapMegabytes(limits['memory']);
  values['NODE_OPTIONS'] = heap === null ? NODE_OPTIONS : `${NODE_OPTIONS} --max-old-space-size=${heap}`;
  return [
    ...Object.entries(values).map(([name, value]) => ({ name, value })),
    { name: ENV.podName, valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ...(settings.datadog && !settings.datadogEnv['DD_AGENT_HOST']
      ? [{ name: 'DD_AGENT_HOST', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } }]
      : []),
    { name: ENV.databaseUri, valueFrom: { secretKeyRef: { name: database, key: DATABASE_SECRET_KEYS.uri } } },
    {
      name: ENV.databaseCaCert,
      valueFrom: { secretKeyRef: { name: database, key: DATABASE_SECRET_KEYS.caCert, optional: true } },
    },
    ...S3_SECRET_KEYS.map((key) => ({
      name: key,
      valueFrom: { secretKeyRef: { name: s3, key, optional: true } },
    })),
  ];
}

function labelsOf(upload: BatchUpload, kind: JobKind, attempt: number): Record<string, string> {
  const { name, uid } = upload.metadata;
  const shown = labelValue(name);
  return {
    [LABELS.managedBy]: MANAGED_BY,
    [LABELS.uid]: uid,
    [LABELS.kind]: kind,
    [LABELS.attempt]: String(attempt),
    ...(shown === undefined ? {} : { [LABELS.name]: shown }),
  };
}
