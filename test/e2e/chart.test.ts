/**
 * The real helm renders the chart: rights, Secrets, CRDs and security are right, and the chart's schema refuses wrong
 * values.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type CelInput, run } from '@bufbuild/cel';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { ANNOTATIONS, LABELS, MANAGED_BY } from '#api/labels.ts';
import { readGatewayConfig } from '#operator/config/gateway-config.ts';
import { readRunnerSettings } from '#operator/config/runner-settings.ts';
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
  it('everywhere: uploads and schemas, their status, events, namespaces, priority classes', async () => {
    expect(find(await template(), 'ClusterRole', 'r-operator').rules).toEqual([
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads', 'recordschemas'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads/status', 'recordschemas/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
      { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['scheduling.k8s.io'], resources: ['priorityclasses'], verbs: ['get', 'list', 'watch'] },
    ]);
  });

  it('uploads themselves are changed only where they are loaded, or were and are still held', async () => {
    const all = await template(
      'uploads.namespaces=["a"]',
      'uploads.formerNamespaces=["left"]',
      'bridge.enabled=true',
      'uninstall.releaseUploads=false',
    );
    const mayPatch = all.filter(({ rules }) =>
      rules?.some(
        ({ resources, verbs }) => resources.includes('batchuploads') && verbs.some((verb) => /patch|update/.test(verb)),
      ),
    );
    // The role for people is no right of the operator.
    expect(named(mayPatch, 'ClusterRole')).toEqual(['r-edit']);
    expect(named(mayPatch, 'Role')).toEqual(['a/r-operator', 'left/r-operator']);
    expect(find(all, 'Role', 'r-operator', 'left').rules).toEqual([
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads'], verbs: ['patch'] },
    ]);
    expect(find(all, 'RoleBinding', 'r-operator', 'left')['subjects']).toEqual([
      { kind: 'ServiceAccount', name: 'r-operator', namespace: 'system' },
    ]);
    // Nothing is loaded there any more: there are no Secrets, and no account of pods.
    expect(all.filter(({ metadata }) => metadata.namespace === 'left').map(({ kind }) => kind)).toEqual([
      'Role',
      'RoleBinding',
    ]);
    const { env } = find(all, 'Deployment', 'r-operator')['spec'].template.spec.containers[0];
    expect(env).toContainEqual({ name: 'BATCH_UPLOAD_NAMESPACES', value: 'a' });
  });

  it('every release has one object of the same name in the whole cluster, so that Helm refuses a second release', async () => {
    const chart = new URL('charts/batch-upload', root).pathname;
    const flags = ['-n', 'other', '--set', URI, '--set', 'crds.enabled=false,uploads.namespaces={other}'];
    const { stdout } = await exec('helm', ['template', 's', chart, ...flags], { env: readClusterEnv() });
    const other = parseAllDocuments(stdout).flatMap((document) => (document.toJS() as Manifest | null) ?? []);
    const nameOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
    const all = await template('crds.enabled=false');
    const shared = all.filter((each) => other.some((its) => nameOf(its) === nameOf(each)));
    expect(shared.map(nameOf)).toEqual(['ClusterRole /batch-upload-one-release-per-cluster']);
    expect(shared[0]!.rules).toEqual([]);
  });

  it('in a namespace of uploads: its Jobs, and Secrets by name', async () => {
    const all = await template('uploads.namespaces=["a","b"]', 'uploads.database.extraSecretNames=["other"]');
    expect(named(all, 'Role').toSorted()).toEqual(['a/r-operator', 'b/r-operator', 'r-operator-lease']);
    for (const namespace of ['a', 'b']) {
      expect(find(all, 'Role', 'r-operator', namespace).rules).toEqual([
        { apiGroups: ['batchupload.dev'], resources: ['batchuploads'], verbs: ['patch', 'delete'] },
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

  it('people with the roles view, edit and admin see uploads, and with the last two also change and scale them', async () => {
    const all = await template();
    const aggregatedTo = (name: string) =>
      Object.keys(find(all, 'ClusterRole', name).metadata.labels!)
        .filter((label) => label.startsWith('rbac.authorization.k8s.io/aggregate-to-'))
        .map((label) => label.slice('rbac.authorization.k8s.io/aggregate-to-'.length));
    const scale = (verbs: string[]) => ({ apiGroups: ['batchupload.dev'], resources: ['batchuploads/scale'], verbs });
    expect(aggregatedTo('r-view').toSorted()).toEqual(['admin', 'edit', 'view']);
    expect(find(all, 'ClusterRole', 'r-view').rules).toContainEqual(scale(['get']));
    expect(aggregatedTo('r-edit').toSorted()).toEqual(['admin', 'edit']);
    expect(find(all, 'ClusterRole', 'r-edit').rules).toContainEqual(scale(['get', 'update', 'patch']));
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

it('one pod loads without a limit unless one is set, also of 0', async () => {
  const limits = async (...values: string[]) => {
    const [container] = find(await template(...values), 'Deployment', 'r-operator').spec.template.spec.containers;
    const env = container.env as { name: string; value: string }[];
    return env.filter(({ name }) => name === 'BATCH_UPLOAD_INLINE_LIMIT_BYTES').map(({ value }) => value);
  };
  expect(await limits()).toEqual([]);
  expect(await limits('runner.inlineLimitBytes=50331648')).toEqual(['50331648']);
  expect(await limits('runner.inlineLimitBytes=0')).toEqual(['0']);
  await expect(limits('runner.inlineLimitBytes=-1')).rejects.toThrow('inlineLimitBytes');
});

describe('what the pods of uploads have', () => {
  const envOf = async (...values: string[]) => {
    const [container] = find(await template(...values), 'Deployment', 'r-operator')['spec'].template.spec.containers;
    return Object.fromEntries(
      (container.env as { name: string; value?: string }[]).map(({ name, value }) => [name, value]),
    ) as Record<string, string | undefined>;
  };

  it('only resources, unless the values say more', async () => {
    const env = await envOf();
    expect(env).not.toHaveProperty('BATCH_UPLOAD_RUNNER_POD_TEMPLATE');
    expect(env['BATCH_UPLOAD_SERVICE_ACCOUNTS']).toBe('');
    expect(readRunnerSettings(env)).toMatchObject({ podTemplate: {}, serviceAccountNames: ['batch-upload-runner'] });
  });

  it('the template and the accounts reach the operator as they are, and give it no right', async () => {
    const podTemplate = {
      metadata: { labels: { team: 'a' }, annotations: { note: 'it\'s "quoted"' } },
      spec: { tolerations: [{ operator: 'Exists' }], nodeSelector: { pool: 'batch' }, priorityClassName: 'low' },
    };
    const values = [`runner.podTemplate=${JSON.stringify(podTemplate)}`, 'uploads.serviceAccountNames=["a","b"]'];
    const settings = readRunnerSettings(await envOf(...values));
    expect(settings).toMatchObject({ podTemplate, serviceAccountNames: ['batch-upload-runner', 'a', 'b'] });
    const rulesOf = (all: Manifest[]) => all.flatMap(({ rules }) => rules ?? []);
    expect(rulesOf(await template(...values))).toEqual(rulesOf(await template()));
  });

  it('the values that docs/how-to/pods.md shows can be rendered, and the operator takes them', async () => {
    const blocks = await readShownValues('docs/how-to/pods.md');
    expect(blocks).toHaveLength(1);
    const { podTemplate } = readRunnerSettings(await envOf(...blocks.flatMap(toFlags)));
    expect(podTemplate).toEqual((blocks[0]!['runner'] as Record<string, unknown>)['podTemplate']);
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

  it('rights: reads sources everywhere; creates, watches and deletes uploads and reads named Secrets where they run', async () => {
    const all = await template(ON, 'uploads.namespaces=["a","b"]', 'bridge.secretNames=["partner"]');
    expect(find(all, 'ClusterRole', 'r-bridge').rules).toEqual([
      { apiGroups: ['batchupload.dev'], resources: ['uploadsources'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['batchupload.dev'], resources: ['uploadsources/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
      { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
    ]);
    for (const namespace of ['a', 'b']) {
      const uploadVerbs = ['create', 'get', 'list', 'watch', 'delete'];
      expect(find(all, 'Role', 'r-bridge', namespace).rules).toEqual([
        { apiGroups: ['batchupload.dev'], resources: ['batchuploads'], verbs: uploadVerbs },
        {
          apiGroups: [''],
          resources: ['secrets'],
          resourceNames: ['batch-upload-database', 'batch-upload-s3', 'partner'],
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

  it('may never read the Secret of the migrating role, whatever lists name it', async () => {
    const migrate = '["batch-upload-migrate","own"]';
    const all = await template(
      ON,
      ...['uploads.database', 'uploads.s3'].map((value) => `${value}.extraSecretNames=${migrate}`),
      `bridge.secretNames=${migrate}`,
    );
    const secrets = find(all, 'Role', 'r-bridge', 'default').rules!.find(({ resources }) => resources[0] === 'secrets');
    expect(secrets?.resourceNames).toEqual(['batch-upload-database', 'batch-upload-s3', 'own']);
  });

  it('an identity in the cloud and a ServiceMonitor only where they are asked for, and no Datadog at all', async () => {
    const role = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/r' };
    const all = await template(
      ON,
      `bridge.serviceAccount.annotations=${JSON.stringify(role)}`,
      'metrics.serviceMonitor.enabled=true',
      'datadog.enabled=true',
      'datadog.env={"DD_ENV":"prod"}',
    );
    expect(find(all, 'ServiceAccount', 'r-bridge').metadata.annotations).toEqual(role);
    expect(named(all, 'ServiceMonitor')).toEqual(expect.arrayContaining(['r-bridge', 'r-operator']));
    // The bridge sends nothing to Datadog.
    expect(JSON.stringify(find(all, 'Deployment', 'r-bridge'))).not.toMatch(/DATADOG|DD_/);
    const off = await template(ON);
    expect(named(off, 'ServiceMonitor')).toEqual([]);
  });
});

describe('the gateway', () => {
  const ON = ['gateway.enabled=true', 'gateway.tls.plainHttp=true'];
  const containerOf = (all: Manifest[]) => find(all, 'Deployment', 'r-gateway')['spec'].template.spec.containers[0];

  it('only where it is asked for', async () => {
    expect(JSON.stringify(await template())).not.toContain('r-gateway');
    // `helm upgrade --reuse-values` of a release older than the gateway gives no value for the gateway.
    expect(JSON.stringify(await template('gateway=null', 'createdBy=null'))).not.toContain('r-gateway');
  });

  it('two replicas with the operator’s image and security, a budget, probes, limits and its environment', async () => {
    const storage = { '*': { bucket: 'files' }, a: { bucket: 'a', publicEndpoint: 'https://s3.example.com' } };
    const oidc = { issuer: 'https://idp.example.com', audience: 'gateway' };
    const all = await template(
      ...ON,
      'uploads.namespaces=["a","b"]',
      'uploads.database.extraSecretNames=["other"]',
      `gateway.storage=${JSON.stringify(storage)}`,
      ...Object.entries(oidc).map(([name, value]) => `gateway.oidc.${name}=${value}`),
      'gateway.allowedOrigins=["https://staff.example.com","https://b.example.com"]',
    );
    const { spec } = find(all, 'Deployment', 'r-gateway');
    const operator = find(all, 'Deployment', 'r-operator')['spec'].template.spec;
    expect(spec).toMatchObject({ replicas: 2, strategy: { rollingUpdate: { maxUnavailable: 0 } } });
    expect(spec.template.spec).toMatchObject({
      serviceAccountName: 'r-gateway',
      securityContext: operator.securityContext,
    });
    expect(find(all, 'PodDisruptionBudget', 'r-gateway')['spec'].selector).toEqual(spec.selector);
    const container = containerOf(all);
    expect(container).toMatchObject({
      image: operator.containers[0].image,
      command: ['operator', 'gateway'],
      securityContext: operator.containers[0].securityContext,
      livenessProbe: { httpGet: { path: '/healthz', port: 'metrics' } },
      readinessProbe: { httpGet: { path: '/readyz', port: 'metrics' } },
      resources: { limits: { memory: '256Mi' } },
    });
    const env: Record<string, string> = Object.fromEntries(
      container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
    );
    expect(env).toMatchObject({
      BATCH_UPLOAD_NAMESPACES: 'a,b',
      BATCH_UPLOAD_EXTRA_DATABASE_SECRETS: 'other',
      BATCH_UPLOAD_GATEWAY_TOKEN_AUDIENCE: 'batch-upload-gateway',
      BATCH_UPLOAD_GATEWAY_ALLOWED_ORIGINS: 'https://staff.example.com,https://b.example.com',
    });
    // The program takes what the chart gives.
    expect(readGatewayConfig(env)).toMatchObject({
      port: 8443,
      tlsFolder: null,
      oidc: { ...oidc, userClaim: 'sub', groupsClaim: 'groups', prefix: 'oidc:' },
      rateLimit: { perSecond: 50, burst: 100 },
    });
    expect([...readGatewayConfig(env).fileStorage.keys()].toSorted()).toEqual(['*', 'a']);
  });

  it('serves HTTPS by a mounted Secret, or HTTP where that is asked for', async () => {
    const service = (all: Manifest[]) => find(all, 'Service', 'r-gateway')['spec'].ports[0];
    const secure = await template('gateway.enabled=true', 'gateway.tls.secretName=cert');
    expect(service(secure)).toEqual({ name: 'https', port: 8443, targetPort: 'https' });
    expect(containerOf(secure)).toMatchObject({
      env: expect.arrayContaining([{ name: 'BATCH_UPLOAD_GATEWAY_TLS_FOLDER', value: '/tls' }]),
      volumeMounts: expect.arrayContaining([{ name: 'tls', mountPath: '/tls', readOnly: true }]),
    });
    const { volumes } = find(secure, 'Deployment', 'r-gateway')['spec'].template.spec;
    expect(volumes).toContainEqual({ name: 'tls', secret: { secretName: 'cert', defaultMode: 440 } });
    const plain = await template(...ON, 'gateway.service.type=NodePort', 'gateway.service.nodePort=30091');
    expect(service(plain)).toMatchObject({ name: 'http', nodePort: 30091 });
    expect(JSON.stringify(containerOf(plain))).not.toContain('/tls');
  });

  it('rights: reads uploads and schemas, asks who may do what, and changes uploads where they run', async () => {
    const all = await template(
      ...ON,
      'uploads.namespaces=["a","b"]',
      'uploads.database.extraSecretNames=["other","batch-upload-migrate"]',
      'uploads.s3.extraSecretNames=["other-s3"]',
    );
    expect(find(all, 'ClusterRole', 'r-gateway').rules).toEqual([
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads', 'recordschemas'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
      { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
    ]);
    for (const namespace of ['a', 'b']) {
      expect(find(all, 'Role', 'r-gateway', namespace).rules).toEqual([
        { apiGroups: ['batchupload.dev'], resources: ['batchuploads'], verbs: ['create', 'patch', 'delete'] },
        {
          apiGroups: [''],
          resources: ['secrets'],
          resourceNames: ['batch-upload-database', 'batch-upload-s3', 'batch-upload-partners', 'other'],
          verbs: ['get'],
        },
      ]);
      expect(find(all, 'RoleBinding', 'r-gateway', namespace)['subjects']).toEqual([
        { kind: 'ServiceAccount', name: 'r-gateway', namespace: 'system' },
      ]);
    }
  });

  it('roles for senders, which Kubernetes aggregates into no other; nor does any other role give failed records', async () => {
    const all = await template(...ON);
    expect(find(all, 'ClusterRole', 'r-uploader').rules).toEqual([
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads'], verbs: ['create'] },
      { apiGroups: ['batchupload.dev'], resources: ['recordschemas'], verbs: ['get', 'list'] },
    ]);
    expect(find(all, 'ClusterRole', 'r-errors-reader').rules).toEqual([
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads/errors'], verbs: ['get'] },
    ]);
    const withErrors = all.filter(({ rules }) =>
      rules?.some(({ resources }) => resources.some((resource) => /^batchuploads\/(errors|\*)$/.test(resource))),
    );
    expect(named(withErrors, 'ClusterRole')).toEqual(['r-errors-reader']);
    for (const name of ['r-uploader', 'r-errors-reader']) {
      expect(JSON.stringify(find(all, 'ClusterRole', name).metadata)).not.toContain('aggregate');
    }
  });

  const PAGE = [
    'gateway.page.enabled=true',
    'gateway.page.origin=https://uploads.example.com',
    'gateway.page.clientId=staff',
    'gateway.oidc.issuer=https://idp.example.com',
    'gateway.oidc.audience=gateway',
  ];

  it('serves the staff page only where that is asked for, by a mounted Secret', async () => {
    expect(JSON.stringify(await template(...ON))).not.toMatch(/PAGE|page-secret|ended-sessions/);
    // `helm upgrade --reuse-values` of a release older than the page gives no value for the page.
    expect(JSON.stringify(await template(...ON, 'gateway.page=null'))).not.toMatch(/PAGE|page-secret|ended-sessions/);
    const all = await template(...ON, ...PAGE, 'gateway.page.sessionHours=4', 'gateway.page.secretName=own');
    const { volumes, securityContext } = find(all, 'Deployment', 'r-gateway')['spec'].template.spec;
    expect(volumes).toContainEqual({ name: 'page-secret', secret: { secretName: 'own', defaultMode: 440 } });
    expect(securityContext.fsGroup).toBe(65532);
    const container = containerOf(all);
    expect(container.volumeMounts).toContainEqual({ name: 'page-secret', mountPath: '/page-secret', readOnly: true });
    const env = container.env.map(({ name, value }: { name: string; value?: string }) => [name, value ?? 'system']);
    // The program takes what the chart gives.
    expect(readGatewayConfig(Object.fromEntries(env)).page).toEqual({
      origin: 'https://uploads.example.com',
      clientId: 'staff',
      scopes: 'openid profile email',
      sessionHours: 4,
      secretFolder: '/page-secret',
      filesFolder: null,
      endedSessions: { namespace: 'system', name: 'r-gateway-ended-sessions' },
    });
  });

  it('rights: shares ended sessions in one ConfigMap, which an upgrade leaves as it is', async () => {
    const all = await template(...ON, ...PAGE, 'uploads.namespaces=["system"]');
    expect(find(all, 'ConfigMap', 'r-gateway-ended-sessions')['data']).toBeUndefined();
    expect(find(all, 'Role', 'r-gateway-ended-sessions').rules).toEqual([
      {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: ['r-gateway-ended-sessions'],
        verbs: ['get', 'list', 'watch', 'patch'],
      },
    ]);
    expect(find(all, 'RoleBinding', 'r-gateway-ended-sessions')['subjects']).toEqual([
      { kind: 'ServiceAccount', name: 'r-gateway', namespace: 'system' },
    ]);
  });

  it('a network policy like the bridge’s, with the identity provider instead of SFTP servers', async () => {
    const policy = async (...values: string[]) => {
      const { spec } = find(
        await template(...ON, 'networkPolicy.enabled=true', 'networkPolicy.storage.ports=[9000]', ...values),
        'NetworkPolicy',
        'r-gateway',
      );
      return spec.egress.flatMap(({ ports }: { ports: { port: number }[] }) => ports.map(({ port }) => port));
    };
    expect(await policy()).toEqual([53, 53, 443, 6443, 5432, 9000]);
    const oidc = ['gateway.oidc.issuer=https://idp:8444', 'gateway.oidc.audience=x'];
    expect(await policy(...oidc, 'networkPolicy.identityProvider.ports=[8444]')).toEqual([
      53, 53, 443, 6443, 5432, 9000, 8444,
    ]);
    await expect(policy(...oidc)).rejects.toThrow(/networkPolicy\.identityProvider\.ports lacks 8444/);
  });
});

interface Expression {
  name?: string;
  expression: string;
}

/** @returns the value of a CEL expression, or its error. */
function evaluate(expression: string, given: object): unknown {
  const toCel = (value: unknown): CelInput =>
    typeof value === 'object' && value !== null
      ? new Map(Object.entries(value).map(([name, each]) => [name, toCel(each)]))
      : (value as CelInput);
  return run(expression, Object.fromEntries(Object.entries(given).map(([name, value]) => [name, toCel(value)])));
}

describe('the policy of the annotation that names who asked for an upload', () => {
  const policyOf = (all: Manifest[]) => find(all, 'ValidatingAdmissionPolicy', 'r-created-by')['spec'];

  it('stands always, refuses where it cannot be asked, and concerns uploads alone', async () => {
    const all = await template('gateway=null', 'createdBy=null');
    expect(policyOf(all)).toMatchObject({
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ['batchupload.dev'],
            apiVersions: ['*'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['batchuploads'],
          },
        ],
      },
    });
    expect(find(all, 'ValidatingAdmissionPolicyBinding', 'r-created-by')['spec']).toEqual({
      policyName: 'r-created-by',
      validationActions: ['Deny'],
    });
  });

  it('lets the gateway and the bridge set the annotation on a new upload, and nobody change it', async () => {
    const values = ['gateway.enabled=true', 'gateway.tls.plainHttp=true', 'bridge.enabled=true'];
    const { variables, validations } = policyOf(await template(...values, 'createdBy.extraUsers=["backup"]'));
    const named = (creator?: string) => ({
      metadata: creator === undefined ? {} : { annotations: { [ANNOTATIONS.createdBy]: creator, other: 'x' } },
    });
    const isAllowed = (operation: string, username: string, before: object | null, after: object) => {
      const review = { request: { operation, userInfo: { username } }, object: after, oldObject: before };
      const found = variables.map(({ name, expression }: Expression) => [name, evaluate(expression, review)]);
      const given = { ...review, variables: Object.fromEntries(found) };
      return validations.every(({ expression }: Expression) => evaluate(expression, given) === true);
    };
    const account = (name: string) => `system:serviceaccount:system:${name}`;
    for (const user of [account('r-gateway'), account('r-bridge'), 'backup']) {
      expect(isAllowed('CREATE', user, null, named('alice'))).toBe(true);
      expect(isAllowed('UPDATE', user, named('alice'), named('bob'))).toBe(false);
    }
    for (const user of ['alice', 'kubernetes-admin', account('r-operator'), 'system:serviceaccount:other:r-gateway']) {
      expect(isAllowed('CREATE', user, null, named('alice'))).toBe(false);
      expect(isAllowed('CREATE', user, null, named(''))).toBe(false);
      expect(isAllowed('CREATE', user, null, named())).toBe(true);
      expect(isAllowed('UPDATE', user, named('alice'), named('alice'))).toBe(true);
      expect(isAllowed('UPDATE', user, named(), named())).toBe(true);
      for (const [before, after] of [
        ['alice', 'bob'],
        ['alice', undefined],
        [undefined, 'alice'],
        [undefined, ''],
        ['alice', ''],
      ]) {
        expect(isAllowed('UPDATE', user, named(before), named(after))).toBe(false);
      }
    }
  });
});

it('people who may view or edit uploads may do so with sources, and nothing else but scale', async () => {
  const all = await template();
  const rights = (name: string) => find(all, 'ClusterRole', name).rules!;
  expect(rights('r-view')).toEqual([
    expect.objectContaining({ resources: expect.arrayContaining(['uploadsources', 'uploadsources/status']) }),
    expect.objectContaining({ resources: ['batchuploads/scale'] }),
  ]);
  expect(rights('r-edit')).toEqual([
    expect.objectContaining({ resources: ['batchuploads', 'recordschemas', 'uploadsources'] }),
    expect.objectContaining({ resources: ['batchuploads/scale'] }),
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
    expect(named(all, 'ServiceAccount').toSorted()).toEqual(['r-operator', 'r-operator-uninstall']);
  });
});

describe('what one namespace has of its own', () => {
  const ALL = [
    'uploads.namespaces=["a","b","c"]',
    'uploads.database.caCert=ca-of-all',
    'uploads.s3.endpoint=https://s3-of-all',
    'uploads.s3.accessKeyId=key-of-all',
    'uploads.s3.secretAccessKey=secret-of-all',
    'runner.serviceAccount.annotations={"role":"of-all"}',
  ];
  const own = (value: object) => `uploads.perNamespace=${JSON.stringify(value)}`;
  const data = (all: Manifest[], name: string, namespace: string) => find(all, 'Secret', name, namespace)['stringData'];

  it('takes the place of what all have, without a key or an address of theirs', async () => {
    const b = {
      database: { uri: 'postgres://b@db-b/b' },
      s3: { endpoint: 'https://s3-b' },
      serviceAccount: { annotations: { role: 'of-b' } },
    };
    const all = await template(...ALL, own({ b }));
    expect(data(all, 'batch-upload-database', 'b')).toEqual({ uri: 'postgres://b@db-b/b' });
    expect(data(all, 'batch-upload-s3', 'b')).toEqual({ AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_S3: 'https://s3-b' });
    expect(find(all, 'ServiceAccount', 'batch-upload-runner', 'b').metadata.annotations).toEqual({ role: 'of-b' });
    expect(JSON.stringify(all.filter(({ metadata }) => metadata.namespace === 'b'))).not.toMatch(/of-all/);
    expect(data(all, 'batch-upload-database', 'a')).toEqual({ uri: 'postgres://u:p@db/d', 'ca.crt': 'ca-of-all' });
    expect(data(all, 'batch-upload-s3', 'a')).toMatchObject({ AWS_ACCESS_KEY_ID: 'key-of-all' });
    expect(find(all, 'ServiceAccount', 'batch-upload-runner', 'a').metadata.annotations).toEqual({ role: 'of-all' });
  });

  it('may be a Secret that somebody else makes, or one of the chart where the others are not', async () => {
    const hidden = await template(...ALL, own({ c: { database: { create: false }, s3: { create: false } } }));
    expect(named(hidden, 'Secret').filter((name) => name.startsWith('c/'))).toEqual([]);
    expect(named(hidden, 'Secret')).toHaveLength(4);
    const alone = await template(
      'uploads.namespaces=["a","b"]',
      'uploads.database.create=false',
      own({ b: { database: { uri: 'postgres://b@db-b/b' } } }),
    );
    expect(named(alone, 'Secret').filter((name) => name.endsWith('database'))).toEqual(['b/batch-upload-database']);
  });
});

describe('network policies', () => {
  const ON = ['networkPolicy.enabled=true', 'bridge.enabled=true', 'uploads.namespaces=["a","b"]'];
  const portsOf = ({ spec }: Manifest) =>
    spec.egress.flatMap(({ ports }: { ports: { port: number }[] }) => ports.map(({ port }) => port));

  it('none unless they are asked for', async () => {
    expect(named(await template('bridge.enabled=true'), 'NetworkPolicy')).toEqual([]);
    // `helm upgrade --reuse-values` of an older release gives no value for them.
    expect(named(await template('networkPolicy=null', 'uninstall=null'), 'NetworkPolicy')).toEqual([]);
  });

  it('one for the operator, one for the end of an uninstall, one for the bridge, and one for the pods of each namespace', async () => {
    const all = await template(...ON);
    expect(named(all, 'NetworkPolicy').toSorted()).toEqual([
      'a/r-operator-runner',
      'b/r-operator-runner',
      'r-bridge',
      'r-operator',
      'r-operator-uninstall',
    ]);
    for (const policy of all.filter(({ kind }) => kind === 'NetworkPolicy')) {
      expect(policy['spec'].policyTypes).toEqual(['Egress']);
    }
    expect(named(await template(...ON, 'bridge.enabled=false'), 'NetworkPolicy')).not.toContain('r-bridge');
  });

  it('each reaches what it needs: pods no API server, the operator no storage', async () => {
    const all = await template(...ON, 'networkPolicy.apiServer.ports=[6443]', 'networkPolicy.storage.ports=[9000]');
    const ports = (name: string, namespace?: string) => portsOf(find(all, 'NetworkPolicy', name, namespace));
    expect(ports('r-operator')).toEqual([53, 53, 6443, 5432]);
    expect(ports('r-bridge')).toEqual([53, 53, 6443, 5432, 9000, 22]);
    expect(ports('r-operator-runner', 'a')).toEqual([53, 53, 5432, 9000]);
  });

  it('they select the pods that the chart and the operator make', async () => {
    const all = await template(...ON);
    for (const name of ['r-operator', 'r-bridge']) {
      const { matchLabels } = find(all, 'NetworkPolicy', name)['spec'].podSelector;
      expect(find(all, 'Deployment', name)['spec'].template.metadata.labels).toMatchObject(matchLabels);
    }
    expect(find(all, 'NetworkPolicy', 'r-operator-runner', 'a')['spec'].podSelector).toEqual({
      matchLabels: { [LABELS.managedBy]: MANAGED_BY },
      matchExpressions: [{ key: LABELS.uid, operator: 'Exists' }],
    });
  });

  it('no rule reaches the addresses of the machine or of its cloud, unless its `to` names them', async () => {
    const all = await template(...ON);
    for (const { spec } of all.filter(({ kind }) => kind === 'NetworkPolicy')) {
      const peers: Record<string, never>[] = spec.egress.flatMap(({ to = [] }) => to);
      const blocks = peers.flatMap(({ ipBlock }) => ipBlock ?? []);
      expect(blocks.length).toBeGreaterThan(1);
      // The pods of the cluster are named besides, for networks that do not match them by their addresses.
      expect(peers.filter(({ namespaceSelector }) => namespaceSelector !== undefined)).toHaveLength(blocks.length / 2);
      for (const { cidr, except } of blocks) {
        const wanted = cidr === '::/0' ? ['fe80::/10', 'fd00:ec2::/32'] : ['169.254.0.0/16', '100.100.100.200/32'];
        expect(except).toEqual(expect.arrayContaining(wanted));
      }
    }
    const to = [{ ipBlock: { cidr: '10.0.0.0/8' } }];
    const narrow = await template(
      ...ON,
      `networkPolicy.database.to=${JSON.stringify(to)}`,
      'networkPolicy.runner.extraEgress=[{"ports":[{"port":8126}]}]',
    );
    const { egress } = find(narrow, 'NetworkPolicy', 'r-operator-runner', 'a')['spec'];
    expect(egress[1]).toEqual({ to, ports: [{ protocol: 'TCP', port: 5432 }] });
    expect(egress.at(-1)).toEqual({ ports: [{ port: 8126 }] });
  });
});

describe('the end of an uninstall', () => {
  const hooks = (all: Manifest[]) => all.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook']);

  it('a Job releases the uploads that are held, with rights that exist only then', async () => {
    const all = hooks(await template());
    expect(all.map(({ kind }) => kind).toSorted()).toEqual([
      'ClusterRole',
      'ClusterRoleBinding',
      'Job',
      'ServiceAccount',
    ]);
    for (const { metadata } of all) {
      expect(metadata.name).toBe('r-operator-uninstall');
      // After the operator has gone, since it would hold running uploads again.
      expect(metadata.annotations).toMatchObject({
        'helm.sh/hook': 'post-delete',
        'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
      });
    }
    const weight = (kind: string) =>
      Number(find(all, kind, 'r-operator-uninstall').metadata.annotations!['helm.sh/hook-weight']);
    expect(weight('Job')).toBeGreaterThan(
      Math.max(...['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding'].map(weight)),
    );
    expect(find(all, 'ClusterRole', 'r-operator-uninstall').rules).toEqual([
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads'], verbs: ['get', 'list', 'patch'] },
    ]);
    const { spec } = find(all, 'Job', 'r-operator-uninstall');
    const operator = find(await template(), 'Deployment', 'r-operator')['spec'].template.spec;
    // An uninstall that cannot release them ends with an error: helm itself waits for 5 minutes.
    expect(spec.activeDeadlineSeconds).toBeLessThan(300);
    expect(spec.template.spec).toMatchObject({
      restartPolicy: 'Never',
      serviceAccountName: 'r-operator-uninstall',
      securityContext: operator.securityContext,
      containers: [{ image: operator.containers[0].image, command: ['operator', 'release-uploads'] }],
    });
  });

  it('the Job reaches the API server where the network is limited', async () => {
    const all = hooks(await template('networkPolicy.enabled=true', 'networkPolicy.apiServer.ports=[6443]'));
    const policy = find(all, 'NetworkPolicy', 'r-operator-uninstall');
    const job = find(all, 'Job', 'r-operator-uninstall');
    const { podSelector, policyTypes, egress } = policy['spec'];
    expect(job['spec'].template.metadata.labels).toEqual(podSelector.matchLabels);
    expect(policyTypes).toEqual(['Egress']);
    const rules = egress as { ports: { port: number }[] }[];
    expect(rules.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual([53, 53, 6443]);
    const weight = ({ metadata }: Manifest) => Number(metadata.annotations!['helm.sh/hook-weight']);
    expect(weight(policy)).toBeLessThan(weight(job));
  });

  it('can be left out', async () => {
    expect(hooks(await template('uninstall.releaseUploads=false'))).toEqual([]);
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

describe('the tables of rights in the README name every right', () => {
  const WORDS: Record<string, RegExp> = {
    batchuploads: /uploads/,
    'batchuploads/status': /status of uploads/,
    recordschemas: /schemas/,
    'recordschemas/status': /status of uploads and schemas/,
    uploadsources: /sources/,
    'uploadsources/status': /status of sources/,
    configmaps: /ConfigMap/,
    events: /events/,
    jobs: /Jobs/,
    leases: /Lease/,
    namespaces: /namespace/,
    pods: /pods/,
    priorityclasses: /priority classes/,
    secrets: /Secrets/,
    serviceaccounts: /service account/,
    subjectaccessreviews: /SubjectAccessReviews/,
    tokenreviews: /TokenReviews/,
  };
  const VERBS: Record<string, RegExp> = {
    ...Object.fromEntries(['get', 'list', 'watch'].map((verb) => [verb, new RegExp(`${verb}|read|manage|use`)])),
    ...Object.fromEntries(['create', 'patch', 'update'].map((verb) => [verb, new RegExp(`${verb}|write|manage|use`)])),
    delete: /delete|manage/,
  };

  it.each(['operator', 'bridge', 'gateway'])('of the %s', async (program) => {
    const text = await readFile(new URL('charts/batch-upload/README.md', root), 'utf8');
    const [, table] = new RegExp(`^\\| where \\| the ${program} may \\|.*\\n((?:\\|.*\\n)+)`, 'm').exec(text)!;
    const rows = table!.split('\n').map((row) => row.split(' | '));
    const all = await template(
      ...['bridge.enabled=true', 'gateway.enabled=true', 'gateway.tls.plainHttp=true', 'gateway.oidc.issuer=https://a'],
      ...['gateway.oidc.audience=b', 'gateway.page={"enabled":true,"origin":"https://a","clientId":"c"}'],
    );
    const lacking = all
      .filter(
        ({ kind, metadata }) =>
          /Role$/.test(kind) && new RegExp(`^r-${program}(-lease|-ended-sessions)?$`).test(metadata.name),
      )
      .flatMap(({ kind, metadata, rules }) => {
        const where = kind === 'ClusterRole' ? /everywhere/ : metadata.namespace ? /upload / : /its own/;
        return rules!.flatMap(({ resources, verbs }) =>
          resources.flatMap((resource) =>
            verbs
              .filter(
                (verb) =>
                  !rows.some(
                    ([place, may]) => where.test(place!) && WORDS[resource]!.test(may!) && VERBS[verb]!.test(may!),
                  ),
              )
              .map((verb) => `${verb} ${resource}`),
          ),
        );
      });
    expect(lacking).toEqual([]);
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

/** The values of the chart that a page shows: blocks of YAML that are no resource. */
async function readShownValues(page: string): Promise<Record<string, object>[]> {
  const text = await readFile(new URL(page, root), 'utf8');
  return [...text.matchAll(/^```yaml\n(.*?)^```$/gms)]
    .map(([, block]) => parse(block!) as Record<string, object>)
    .filter((block) => !('apiVersion' in block));
}

const toFlags = (block: Record<string, object>) =>
  Object.entries(block).flatMap(([top, fields]) =>
    Object.entries(fields).map(([name, value]) => `${top}.${name}=${JSON.stringify(value)}`),
  );

it('the values that docs/how-to/tenants.md shows can be rendered', async () => {
  const blocks = await readShownValues('docs/how-to/tenants.md');
  expect(blocks).toHaveLength(2);
  for (const block of blocks) {
    const all = await template(...toFlags(block));
    expect(named(all, 'Deployment')).toContain('r-operator');
  }
});

it('the values that docs/how-to/gateway.md shows can be rendered together', async () => {
  const blocks = await readShownValues('docs/how-to/gateway.md');
  expect(blocks).toHaveLength(2);
  const all = await template('uploads.namespaces=["team-a","team-b"]', ...blocks.flatMap(toFlags));
  expect(named(all, 'Deployment')).toContain('r-gateway');
});

it('the values that docs/how-to/gateway-page.md shows can be rendered', async () => {
  const blocks = await readShownValues('docs/how-to/gateway-page.md');
  expect(blocks).toHaveLength(1);
  const all = await template(...blocks.flatMap(toFlags));
  expect(named(all, 'ConfigMap')).toContain('r-gateway-ended-sessions');
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
    ['an account’s name that is none', 'uploads.serviceAccountNames=["a b"]', /uploads[./]serviceAccountNames/],
    ['a misspelt field of pods', 'runner.podTemplate={"spec":{"nodeSelektor":{}}}', /'?nodeSelektor'? not allowed/],
    [
      'a field of pods that is not in the list',
      'runner.podTemplate={"spec":{"hostPID":true}}',
      /'?hostPID'? not allowed/,
    ],
    ['a number as a label', 'runner.podTemplate={"metadata":{"labels":{"team":5}}}', /runner[./]podTemplate.*labels/],
    ['an unknown effect', 'runner.podTemplate={"spec":{"tolerations":[{"effect":"Never"}]}}', /tolerations/],
    [
      'a priority class of Kubernetes',
      'runner.podTemplate={"spec":{"priorityClassName":"system-node-critical"}}',
      /runner[./]podTemplate.*priorityClassName/,
    ],
    [
      'Jobs that are kept longer than Kubernetes can count',
      'runner.jobTtlSeconds=2147483648',
      /runner[./]jobTtlSeconds/,
    ],
    ['more bytes than the operator can read', 'runner.inlineLimitBytes=1000000000000', /runner[./]inlineLimitBytes/],
    ['a Service of no type', 'bridge.service.type=Public', /bridge[./]service[./]type/],
    ['a Secret’s name that is none', 'bridge.secretNames=["Partner A"]', /bridge[./]secretNames/],
    [
      'a namespace that is former and not',
      'uploads.formerNamespaces=["default"]',
      /default, which is in uploads\.namespaces/,
    ],
    ['what no namespace has', 'uploads.perNamespace={"x":{"s3":{}}}', /names x, which is not in uploads\.namespaces/],
    [
      'a limit of what is no upload namespace',
      'uploads.limits.namespaces={"x":{"maxActiveUploads":1}}',
      /uploads\.limits\.namespaces names x, which is not in uploads\.namespaces/,
    ],
    [
      'a namespace’s own database without a uri',
      'uploads.perNamespace={"default":{"database":{}}}',
      /perNamespace\.default\.database\.uri is needed/,
    ],
    ['a misspelt value of one namespace', 'uploads.perNamespace={"default":{"s4":{}}}', /'?s4'? not allowed/],
    ['a port that is none', 'networkPolicy.database.ports=[0]', /networkPolicy[./]database[./]ports/],
    ['a misspelt value of the policies', 'networkPolicy.enable=true', /'?enable'? not allowed/],
    ['a misspelt value of the bridge', 'bridge.enable=true', /'?enable'? not allowed/],
    ['a misspelt value of the gateway', 'gateway.enable=true', /'?enable'? not allowed/],
    [
      'tokens in clear by accident',
      'gateway.enabled=true',
      /gateway\.tls\.secretName is needed: .* or set gateway\.tls\.plainHttp/,
    ],
    [
      'HTTPS and HTTP at once',
      'gateway={"enabled":true,"tls":{"secretName":"a","plainHttp":true}}',
      /secretName and plainHttp: true, of which only one can hold/,
    ],
    [
      'storage of a namespace that has no uploads',
      'gateway={"enabled":true,"tls":{"plainHttp":true},"storage":{"x":{"bucket":"b"}}}',
      /gateway\.storage names x, which is not in uploads\.namespaces/,
    ],
    ['storage without a bucket', 'gateway.storage={"default":{}}', /gateway[./]storage/],
    [
      'an identity provider whose tokens for others would be taken',
      'gateway={"enabled":true,"tls":{"plainHttp":true},"oidc":{"issuer":"https://idp"}}',
      /gateway\.oidc\.audience is needed/,
    ],
    ['an identity provider without TLS', 'gateway.oidc.issuer=http://idp', /gateway[./]oidc[./]issuer/],
    ['users that could be those of Kubernetes', 'gateway.oidc.prefix=', /gateway[./]oidc[./]prefix/],
    ['users that begin with system:', 'gateway.oidc.prefix=system:', /gateway[./]oidc[./]prefix/],
    [
      'a page without its origin',
      'gateway={"enabled":true,"tls":{"plainHttp":true},"page":{"enabled":true}}',
      /gateway\.page\.origin is needed/,
    ],
    [
      'a page without an identity provider',
      'gateway={"enabled":true,"tls":{"plainHttp":true},"page":{"enabled":true,"origin":"https://a","clientId":"b"}}',
      /gateway\.oidc\.issuer is needed, since gateway\.page\.enabled/,
    ],
    ['a page at a path', 'gateway.page.origin=https://a/b', /gateway[./]page[./]origin/],
    ['a page without TLS', 'gateway.page.origin=http://a', /gateway[./]page[./]origin/],
    ['sessions of days', 'gateway.page.sessionHours=48', /gateway[./]page[./]sessionHours/],
    ['a sign-in without openid', 'gateway.page.scopes=profile', /gateway[./]page[./]scopes/],
    ['every origin', 'gateway.allowedOrigins=["*"]', /gateway[./]allowedOrigins/],
  ])('%s', async (_what, value, message) => {
    await expect(template(value)).rejects.toThrow(message);
  });

  it.each([
    ['postgres://u:p1@db:5433/d', '', /networkPolicy\.database\.ports lacks 5433/],
    ['postgres://u:p1@h1,h2:5433/d?application_name=x', '', /networkPolicy\.database\.ports lacks 5433/],
    [
      'postgres://db/d',
      'http://minio:9000/x',
      /networkPolicy\.storage\.ports lacks 9000, the port of the storage endpoint/,
    ],
    ['postgres://db/d', 'http://minio', /networkPolicy\.storage\.ports lacks 80/],
  ])('a policy that would cut uploads off from %s %s', async (uri, endpoint, message) => {
    const values = [`uploads.database.uri=${uri.replaceAll(',', '\\,')}`, `uploads.s3.endpoint=${endpoint}`];
    await expect(template('networkPolicy.enabled=true', ...values)).rejects.toThrow(message);
    await expect(
      template(
        'networkPolicy.enabled=true',
        ...values,
        'networkPolicy.database.ports=[5432,5433]',
        'networkPolicy.storage.ports=[80,9000]',
      ),
    ).resolves.not.toHaveLength(0);
  });
});
