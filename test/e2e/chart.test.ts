/**
 * The real helm renders the chart: rights, Secrets, CRDs and security are right, and the chart's schema refuses wrong
 * values.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readClusterEnv } from '#support/cluster/cluster.ts';

const exec = promisify(execFile);
const root = new URL('../../', import.meta.url);
const URI = 'uploads.database.uri=postgres://u:p@db/d';

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string>; labels?: Record<string, string> };
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[];
  // biome-ignore lint/suspicious/noExplicitAny: manifests of every kind have fields of every type
  [field: string]: any;
}

/**
 * Renders the chart with the values, and always with the one value that has no default. JSON values go by `--set-json`.
 */
async function template(...values: string[]): Promise<Manifest[]> {
  const flags = [URI, ...values].flatMap((each) => [/=[[{]/.test(each) ? '--set-json' : '--set', each]);
  const chart = new URL('charts/batch-upload', root).pathname;
  const { stdout } = await exec('helm', ['template', 'r', chart, '-n', 'system', ...flags], { env: readClusterEnv() });
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

const named = (all: Manifest[], kind: string) =>
  all
    .filter((each) => each.kind === kind)
    .map(({ metadata }) => (metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name));
const find = (all: Manifest[], kind: string, name: string, namespace?: string) => {
  const found = all.filter(
    (each) => each.kind === kind && each.metadata.name === name && each.metadata.namespace === namespace,
  );
  expect(found).toHaveLength(1);
  return found[0]!;
};

describe('rights', () => {
  it('everywhere: uploads and schemas, their status, events, one namespace’s uid', async () => {
    expect(find(await template(), 'ClusterRole', 'r-operator').rules).toEqual([
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads', 'recordschemas'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads/status', 'recordschemas/status'], verbs: ['patch'] },
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
      { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system', 'default'], verbs: ['get'] },
    ]);
  });

  it('in a namespace of uploads: its Jobs, and Secrets by name', async () => {
    const all = await template('uploads.namespaces=["a","b"]', 'uploads.database.extraSecretNames=["other"]');
    expect(named(all, 'Role').toSorted()).toEqual(['a/r-operator', 'b/r-operator', 'r-operator-lease']);
    for (const namespace of ['a', 'b']) {
      expect(find(all, 'Role', 'r-operator', namespace).rules).toEqual([
        { apiGroups: ['batch'], resources: ['jobs'], verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: [''], resources: ['events'], verbs: ['list'] },
        {
          apiGroups: [''],
          resources: ['secrets'],
          resourceNames: ['batch-upload-database', 'batch-upload-migrate', 'batch-upload-s3', 'other'],
          verbs: ['get'],
        },
        { apiGroups: [''], resources: ['serviceaccounts'], resourceNames: ['batch-upload-runner'], verbs: ['get'] },
      ]);
      expect(find(all, 'RoleBinding', 'r-operator', namespace)['subjects']).toEqual([
        { kind: 'ServiceAccount', name: 'r-operator', namespace: 'system' },
      ]);
    }
  });

  it('no wildcard, no Secret that is not named', async () => {
    const rules = (await template('bridge.enabled=true')).flatMap((each) => each.rules ?? []);
    expect(rules.length).toBeGreaterThan(8);
    for (const { apiGroups, resources, verbs, resourceNames } of rules) {
      expect([...apiGroups, ...resources, ...verbs]).not.toContain('*');
      if (resources.includes('secrets')) expect(resourceNames?.length).toBeGreaterThan(0);
    }
  });
});

describe('the operator', () => {
  it('two replicas that run without rights, with probes and limits', async () => {
    const { spec } = find(await template(), 'Deployment', 'r-operator');
    expect(spec.replicas).toBe(2);
    const pod = spec.template.spec;
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    const [container] = pod.containers;
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container).toMatchObject({
      livenessProbe: { httpGet: {} },
      readinessProbe: { httpGet: {} },
      resources: { limits: { memory: '512Mi' } },
    });
  });

  it('Datadog and the ServiceMonitor only where they are asked for', async () => {
    const off = JSON.stringify(await template());
    expect(off).not.toMatch(/DD_|ServiceMonitor/);
    const on = await template(
      'datadog.enabled=true',
      'datadog.env={"DD_ENV":"prod"}',
      'metrics.serviceMonitor.enabled=true',
    );
    expect(JSON.stringify(find(on, 'Deployment', 'r-operator'))).toContain('"name":"DD_ENV","value":"prod"');
    expect(named(on, 'ServiceMonitor')).toHaveLength(1);
  });
});

describe('the bridge', () => {
  const ON = 'bridge.enabled=true';

  it('only where it is asked for', async () => {
    expect(JSON.stringify(await template())).not.toContain('r-bridge');
    // `helm upgrade --reuse-values` of a release older than the bridge gives no value for the bridge.
    expect(JSON.stringify(await template('bridge=null'))).not.toContain('r-bridge');
  });

  it('one replica with the operator’s image and security, probes, its own limits and its environment', async () => {
    const all = await template(ON, 'uploads.namespaces=["a","b"]', 'bridge.secretNames=["partner"]', 'logLevel=debug');
    const { spec } = find(all, 'Deployment', 'r-bridge');
    const pod = spec.template.spec;
    const [container] = pod.containers;
    const operator = find(all, 'Deployment', 'r-operator')['spec'].template.spec;
    expect(spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
    expect(pod).toMatchObject({ serviceAccountName: 'r-bridge', securityContext: operator.securityContext });
    expect(container).toMatchObject({
      image: operator.containers[0].image,
      command: ['operator', 'bridge'],
      securityContext: operator.containers[0].securityContext,
      livenessProbe: { httpGet: { path: '/healthz', port: 'metrics' } },
      readinessProbe: { httpGet: { path: '/readyz', port: 'metrics' } },
      resources: { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '256Mi' } },
    });
    expect(container.env).toEqual(
      expect.arrayContaining([
        { name: 'BATCH_UPLOAD_NAMESPACES', value: 'a,b' },
        { name: 'BATCH_UPLOAD_BRIDGE_SECRETS', value: 'partner' },
        { name: 'BATCH_UPLOAD_BRIDGE_PORT', value: '8090' },
        { name: 'BATCH_UPLOAD_METRICS_PORT', value: '8080' },
        { name: 'LOG_LEVEL', value: 'debug' },
      ]),
    );
  });

  it('its pods are not the operator’s, whose selectors stay as they were', async () => {
    const all = await template(ON);
    const selectors = all.flatMap(({ kind, metadata, spec }) => {
      if (!['Deployment', 'Service', 'PodDisruptionBudget'].includes(kind)) return [];
      return [[`${kind} ${metadata.name}`, (spec.selector.matchLabels ?? spec.selector)['app.kubernetes.io/name']]];
    });
    expect(Object.fromEntries(selectors)).toEqual({
      'Deployment r-operator': 'batch-upload',
      'PodDisruptionBudget r-operator': 'batch-upload',
      'Service r-operator-metrics': 'batch-upload',
      'Deployment r-bridge': 'batch-upload-bridge',
      'Service r-bridge': 'batch-upload-bridge',
      'Service r-bridge-metrics': 'batch-upload-bridge',
    });
    const labels = find(all, 'Deployment', 'r-bridge')['spec'].template.metadata.labels;
    expect(labels).toMatchObject({ 'app.kubernetes.io/name': 'batch-upload-bridge' });
  });

  it('a Service for webhooks, of the type that is asked for, without the metrics', async () => {
    const plain = find(await template(ON), 'Service', 'r-bridge')['spec'];
    expect(plain).toMatchObject({
      type: 'ClusterIP',
      ports: [{ name: 'webhooks', port: 8090, targetPort: 'webhooks' }],
    });
    const node = await template(ON, 'bridge.service.type=NodePort', 'bridge.service.nodePort=30090');
    expect(find(node, 'Service', 'r-bridge')['spec']).toMatchObject({ type: 'NodePort', ports: [{ nodePort: 30090 }] });
  });

  it('rights: reads sources everywhere, creates uploads and reads named Secrets where they run', async () => {
    const all = await template(ON, 'uploads.namespaces=["a","b"]', 'bridge.secretNames=["partner"]');
    expect(find(all, 'ClusterRole', 'r-bridge').rules).toEqual([
      { apiGroups: ['batchupload.dev'], resources: ['uploadsources'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['batchupload.dev'], resources: ['uploadsources/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
      { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
    ]);
    for (const namespace of ['a', 'b']) {
      expect(find(all, 'Role', 'r-bridge', namespace).rules).toEqual([
        { apiGroups: ['batchupload.dev'], resources: ['batchuploads'], verbs: ['create'] },
        {
          apiGroups: [''],
          resources: ['secrets'],
          resourceNames: ['batch-upload-database', 'batch-upload-migrate', 'batch-upload-s3', 'partner'],
          verbs: ['get'],
        },
      ]);
      expect(find(all, 'RoleBinding', 'r-bridge', namespace)['subjects']).toEqual([
        { kind: 'ServiceAccount', name: 'r-bridge', namespace: 'system' },
      ]);
    }
    // The bridge gives the operator no further rights.
    expect(find(all, 'ClusterRole', 'r-operator').rules).toEqual(
      find(await template('uploads.namespaces=["a","b"]'), 'ClusterRole', 'r-operator').rules,
    );
  });

  it('an identity in the cloud, Datadog and a ServiceMonitor only where they are asked for', async () => {
    const role = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/r' };
    const all = await template(
      ON,
      `bridge.serviceAccount.annotations=${JSON.stringify(role)}`,
      'metrics.serviceMonitor.enabled=true',
      'datadog.enabled=true',
    );
    expect(find(all, 'ServiceAccount', 'r-bridge').metadata.annotations).toEqual(role);
    expect(named(all, 'ServiceMonitor')).toEqual(expect.arrayContaining(['r-bridge', 'r-operator']));
    expect(JSON.stringify(find(all, 'Deployment', 'r-bridge'))).toContain('BATCH_UPLOAD_DATADOG');
    const off = await template(ON);
    expect(named(off, 'ServiceMonitor')).toEqual([]);
    expect(JSON.stringify(find(off, 'Deployment', 'r-bridge'))).not.toContain('BATCH_UPLOAD_DATADOG');
  });
});

it('people who may view or edit uploads may do so with sources', async () => {
  const all = await template();
  const rights = (name: string) => find(all, 'ClusterRole', name).rules!;
  expect(rights('r-view')).toEqual([
    expect.objectContaining({ resources: expect.arrayContaining(['uploadsources', 'uploadsources/status']) }),
  ]);
  expect(rights('r-edit')).toEqual([
    expect.objectContaining({ resources: ['batchuploads', 'recordschemas', 'uploadsources'] }),
  ]);
});

describe('in every namespace of uploads', () => {
  it('Secrets and the service account', async () => {
    const all = await template('uploads.namespaces=["a","b"]', 'uploads.s3.endpoint=https://s3');
    const both = (name: string) => [`a/${name}`, `b/${name}`];
    expect(named(all, 'Secret').toSorted()).toEqual(
      [...both('batch-upload-database'), ...both('batch-upload-s3')].toSorted(),
    );
    expect(named(all, 'ServiceAccount')).toEqual(expect.arrayContaining(both('batch-upload-runner')));
    const { stringData } = find(all, 'Secret', 'batch-upload-s3', 'b');
    expect(stringData).toEqual({ AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_S3: 'https://s3' });
  });

  it('or existing ones', async () => {
    const off = ['uploads.database.create', 'uploads.s3.create', 'runner.serviceAccount.create'];
    const all = await template('uploads.database.uri=', ...off.map((name) => `${name}=false`));
    expect(named(all, 'Secret')).toEqual([]);
    expect(named(all, 'ServiceAccount')).toEqual(['r-operator']);
  });
});

describe('CRDs', () => {
  it.each(['batchuploads', 'recordschemas', 'uploadsources'])(
    '%s is the one of crds/, kept when the chart goes',
    async (plural) => {
      const own = parse(await readFile(new URL(`crds/${plural}.yaml`, root), 'utf8')) as Manifest;
      const crd = find(await template(), 'CustomResourceDefinition', `${plural}.batchupload.dev`);
      expect(crd['spec']).toEqual(own['spec']);
      expect(crd.metadata.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' });
      const loose = find(await template('crds.keep=false'), 'CustomResourceDefinition', crd.metadata.name);
      expect(loose.metadata.annotations ?? {}).not.toHaveProperty(['helm.sh/resource-policy']);
    },
  );

  it('can be left out', async () => {
    expect(named(await template('crds.enabled=false'), 'CustomResourceDefinition')).toEqual([]);
  });
});

describe('the command that installs or upgrades the chart, as a page shows it', () => {
  it.each(['README.md', 'charts/batch-upload/README.md', 'docs/sources.md'])('%s', async (page) => {
    const text = await readFile(new URL(page, root), 'utf8');
    const [, command] = /^helm upgrade ((?:.*\\\n)*.*)$/m.exec(text)!;
    expect(command).toContain('batch-upload charts/batch-upload -n batch-upload-system ');
    const values = [...command!.matchAll(/--set '?([^\s']+)/g)].flatMap(([, value]) => ['--set', value!]);
    expect(values.length).toBeGreaterThan(2);
    const chart = new URL('charts/batch-upload', root).pathname;
    const rendered = exec('helm', ['template', 'batch-upload', chart, '--set', URI, ...values], {
      env: readClusterEnv(),
    });
    await expect(rendered).resolves.toMatchObject({ stdout: expect.stringContaining('kind: Deployment') });
  });
});

describe('refuses, and names the value', () => {
  it.each([
    ['a missing database', 'uploads.database.uri=', /uploads\.database\.uri is needed/],
    ['a database that is no URL', 'uploads.database.uri=db.local', /uploads[./]database[./]uri/],
    ['a misspelt value', 'uploads.namespace=a', /'?namespace'? not allowed/],
    ['another type', 'replicas=two', /replicas/],
    ['no replica', 'replicas=0', /replicas/],
    ['no namespace', 'uploads.namespaces=[]', /uploads[./]namespaces/],
    ['a name that is none', 'uploads.namespaces=["Team A"]', /uploads[./]namespaces/],
    ['a Service of no type', 'bridge.service.type=Public', /bridge[./]service[./]type/],
    ['a Secret’s name that is none', 'bridge.secretNames=["Partner A"]', /bridge[./]secretNames/],
    ['a misspelt value of the bridge', 'bridge.enable=true', /'?enable'? not allowed/],
  ])('%s', async (_what, value, message) => {
    await expect(template(value)).rejects.toThrow(message);
  });
});
