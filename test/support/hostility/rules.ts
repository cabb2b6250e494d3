/**
 * Rules of a cluster that hinder the pods or the Jobs of one upload: quotas, limits, webhooks, mutations. Each is for one namespace, and
 * all but quotas and limits are for one upload, so that tests run beside each other.
 */
import { createServer, type Socket } from 'node:net';
import { LABELS } from '#api/labels.ts';
import type { Cluster } from '#support/cluster/cluster.ts';
import { type E2e, eventuallyTrue } from '#support/cluster/e2e.ts';

export interface Rule {
  objects: { kind: string; metadata: { name: string; namespace?: string } }[];
  /** The API server is asked to create this object without storing it, to see whether the rule is in force. */
  probe: object;
  /** What the API server's answer to the probe has while the rule is in force. */
  sign: RegExp;
}

export interface Imposed extends AsyncDisposable {
  /** Removes the rule, and returns when it is no longer in force. */
  lift(): Promise<void>;
}

/** Creates the rule. It is in force when the promise resolves: the API server learns of its own rules a little later. */
export async function impose({ cluster }: Pick<E2e, 'cluster'>, { objects, probe, sign }: Rule): Promise<Imposed> {
  await cluster.apply(...objects);
  const isInForce = async () => sign.test(await askToCreate(cluster, probe));
  let isLifted = false;
  const lift = async () => {
    if (isLifted) return;
    isLifted = true;
    for (const { kind, metadata } of objects) {
      const where = metadata.namespace === undefined ? [] : ['-n', metadata.namespace];
      await cluster.kubectl(...where, 'delete', kind, metadata.name, '--ignore-not-found');
    }
    await eventuallyTrue(async () => !(await isInForce()), `${objects[0]!.kind} is still in force`);
  };
  await eventuallyTrue(isInForce, `${objects[0]!.kind} is not in force`).catch(async (error) => {
    await lift();
    throw error;
  });
  return { lift, [Symbol.asyncDispose]: lift };
}

const askToCreate = (cluster: Cluster, object: object): Promise<string> =>
  cluster
    .pipeInto(JSON.stringify(object), 'create', '--dry-run=server', '-o', 'json', '-f', '-')
    .catch((error: Error) => error.message);

interface Place {
  namespace: string;
  /** The upload whose pods or Jobs are meant. */
  upload: string;
}

const podSpec = {
  restartPolicy: 'Never',
  containers: [{ name: 'runner', image: 'none', resources: { limits: { memory: '512Mi' } } }],
};
const metadataOf = ({ namespace, upload }: Place) => ({
  name: `probe-${upload}`,
  namespace,
  labels: { [LABELS.name]: upload },
});
const podProbe = (place: Place) => ({ apiVersion: 'v1', kind: 'Pod', metadata: metadataOf(place), spec: podSpec });
const jobProbe = (place: Place) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: metadataOf(place),
  spec: { template: { spec: podSpec } },
});

const selectors = ({ namespace, upload }: Place) => ({
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
  objectSelector: { matchLabels: { [LABELS.name]: upload } },
});

/** No pod may be made in the namespace. */
export function noPods(place: Place): Rule {
  const metadata = { name: 'no-pods', namespace: place.namespace };
  return {
    objects: [{ apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard: { pods: '0' } } } as never],
    probe: podProbe(place),
    sign: /exceeded quota/,
  };
}

/** The memory of a container in the namespace may be so much. */
export function memoryAtMost(place: Place, memory: string): Rule {
  const metadata = { name: 'small', namespace: place.namespace };
  const limits = [{ type: 'Container', max: { memory } }];
  return {
    objects: [{ apiVersion: 'v1', kind: 'LimitRange', metadata, spec: { limits } } as never],
    probe: podProbe(place),
    sign: /maximum memory usage per Container/,
  };
}

/** Each Job or pod of the upload is shown to a webhook, and is refused while the webhook does not answer. */
export function askWebhook(place: Place, { resource, url }: { resource: 'jobs' | 'pods'; url: string }): Rule {
  const name = `ask-${place.upload}`;
  const webhook = {
    name: 'policy.hostile.example.com',
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    failurePolicy: 'Fail',
    timeoutSeconds: 30,
    clientConfig: { url },
    rules: [
      {
        apiGroups: [resource === 'jobs' ? 'batch' : ''],
        apiVersions: ['v1'],
        operations: ['CREATE'],
        resources: [resource],
      },
    ],
    ...selectors(place),
  };
  return {
    objects: [
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name },
        webhooks: [webhook],
      } as never,
    ],
    probe: resource === 'jobs' ? jobProbe(place) : podProbe(place),
    sign: /failed calling webhook/,
  };
}

/** A policy of the cluster refuses each Job of the upload with these words. */
export function refuseJobs(place: Place, message: string): Rule {
  const metadata = { name: `refuse-${place.upload}` };
  const api = { apiVersion: 'admissionregistration.k8s.io/v1' };
  const resourceRules = [{ apiGroups: ['batch'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['jobs'] }];
  const spec = {
    failurePolicy: 'Fail',
    matchConstraints: { resourceRules, ...selectors(place) },
    validations: [{ expression: 'false', message }],
  };
  const binding = { policyName: metadata.name, validationActions: ['Deny'] };
  return {
    objects: [
      { ...api, kind: 'ValidatingAdmissionPolicy', metadata, spec } as never,
      { ...api, kind: 'ValidatingAdmissionPolicyBinding', metadata, spec: binding } as never,
    ],
    probe: jobProbe(place),
    sign: new RegExp(message),
  };
}

/** Changes each new pod of the upload by a CEL expression that gives a list of JSONPatch. */
export function mutatePods(place: Place, { expression, sign }: { expression: string; sign: RegExp }): Rule {
  const metadata = { name: `mutate-${place.upload}` };
  const api = { apiVersion: 'admissionregistration.k8s.io/v1' };
  const resourceRules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }];
  const spec = {
    failurePolicy: 'Fail',
    reinvocationPolicy: 'Never',
    matchConstraints: { resourceRules, ...selectors(place) },
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }],
  };
  return {
    objects: [
      { ...api, kind: 'MutatingAdmissionPolicy', metadata, spec } as never,
      { ...api, kind: 'MutatingAdmissionPolicyBinding', metadata, spec: { policyName: metadata.name } } as never,
    ],
    probe: podProbe(place),
    sign,
  };
}

export interface BrokenWebhook extends AsyncDisposable {
  /** The address at which the API server reaches this machine. */
  url: string;
  /** From now on the webhook takes connections and never answers; before, it closes each of them. */
  hang(): void;
}

export async function startBrokenWebhook({ cluster }: Pick<E2e, 'cluster'>): Promise<BrokenWebhook> {
  const open = new Set<Socket>();
  let hangs = false;
  const server = createServer((socket) => {
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    open.add(socket);
    if (!hangs) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `https://${new URL(cluster.env.POD_S3_ENDPOINT).hostname}:${port}/`,
    hang() {
      hangs = true;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
