/** What the chart renders, by the real helm: rights, Secrets, CRDs, security; and what its schema refuses. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readClusterEnv } from '#support/cluster.ts';

const exec = promisify(execFile);
const root = new URL('../../', import.meta.url);
const URI = 'uploads.database.uri=postgres://u:p@db/d';

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string>; labels?: Record<string, string> };
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[];
  // biome-ignore lint/suspicious/noExplicitAny: of every kind
  [field: string]: any;
}

/** Renders with `--set` (JSON values by `--set-json`); without any, with the one value that has no default. */
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
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads/status'], verbs: ['patch'] },
      { apiGroups: ['batchupload.dev'], resources: ['batchuploads'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
      { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
    ]);
  });

  it('in a namespace of uploads: its Jobs, and Secrets by name', async () => {
    const all = await template('uploads.namespaces=["a","b"]', 'uploads.database.extraSecretNames=["other"]');
    expect(named(all, 'Role').toSorted()).toEqual(['a/r-operator', 'b/r-operator', 'r-operator-lease']);
    for (const namespace of ['a', 'b']) {
      expect(find(all, 'Role', 'r-operator', namespace).rules).toEqual([
        { apiGroups: ['batch'], resources: ['jobs'], verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
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
    const rules = (await template()).flatMap((each) => each.rules ?? []);
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
  it.each(['batchuploads', 'recordschemas'])('%s is the one of crds/, kept when the chart goes', async (plural) => {
    const own = parse(await readFile(new URL(`crds/${plural}.yaml`, root), 'utf8')) as Manifest;
    const crd = find(await template(), 'CustomResourceDefinition', `${plural}.batchupload.dev`);
    expect(crd['spec']).toEqual(own['spec']);
    expect(crd.metadata.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' });
    const loose = find(await template('crds.keep=false'), 'CustomResourceDefinition', crd.metadata.name);
    expect(loose.metadata.annotations ?? {}).not.toHaveProperty(['helm.sh/resource-policy']);
  });

  it('can be left out', async () => {
    expect(named(await template('crds.enabled=false'), 'CustomResourceDefinition')).toEqual([]);
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
  ])('%s', async (_what, value, message) => {
    await expect(template(value)).rejects.toThrow(message);
  });
});
