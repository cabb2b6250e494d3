import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { POD_TEMPLATE_SCHEMA } from '#api/pod-template-schema.gen.ts';
import { readRunnerSettings } from '#operator/config/runner-settings.ts';

const read = (template: unknown) =>
  readRunnerSettings({
    BATCH_UPLOAD_RUNNER_POD_TEMPLATE: typeof template === 'string' ? template : JSON.stringify(template),
  });

describe('the pod template of the chart', () => {
  it.each([{}, { BATCH_UPLOAD_RUNNER_POD_TEMPLATE: '' }, { BATCH_UPLOAD_RUNNER_POD_TEMPLATE: '{}' }])(
    'is empty for %j',
    (env) => expect(readRunnerSettings(env).podTemplate).toEqual({}),
  );

  it('is taken as it is', () => {
    const template = {
      metadata: { labels: { team: 'a' }, annotations: { note: 'any text: {}' } },
      spec: {
        resources: { requests: { cpu: 1, memory: '1.5Gi' }, limits: { 'nvidia.com/gpu': '1' } },
        nodeSelector: { pool: 'batch' },
        tolerations: [{ operator: 'Exists' }],
        affinity: {
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 1,
                podAffinityTerm: {
                  topologyKey: 'kubernetes.io/hostname',
                  labelSelector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] },
                },
              },
            ],
          },
        },
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }],
        priorityClassName: 'low',
      },
    };
    expect(read(template).podTemplate).toEqual(template);
  });

  it.each([
    ['no JSON', 'pool: batch', /BATCH_UPLOAD_RUNNER_POD_TEMPLATE must be a JSON object such as \{"spec"/],
    ['a list', [], /must be a JSON object/],
    [
      'a misspelt field',
      { spec: { nodeSelektor: {} } },
      /spec\.nodeSelektor is not a known property; did you mean nodeSelector\?/,
    ],
    [
      'a field of pods that is not in the list',
      { spec: { hostNetwork: true } },
      /spec\.hostNetwork is not a known property/,
    ],
    [
      'a number as a label',
      { metadata: { labels: { team: 5 } } },
      /metadata\.labels\.team must be a string, but is an integer/,
    ],
    [
      'the operator’s labels',
      { metadata: { labels: { 'batchupload.dev/uid': 'x' } } },
      /labels labels that begin with batchupload\.dev/,
    ],
    [
      'an annotation for AppArmor',
      { metadata: { annotations: { 'container.apparmor.security.beta.kubernetes.io/runner': 'unconfined' } } },
      /would change the security of the pods/,
    ],
    ['a quantity that is none', { spec: { resources: { limits: { memory: '1 GB' } } } }, /limits\.memory must match/],
    [
      'a quantity of another type',
      { spec: { resources: { limits: { cpu: true } } } },
      /limits\.cpu must be a string or a whole number/,
    ],
    [
      'an unknown effect',
      { spec: { tolerations: [{ effect: 'Never' }] } },
      /tolerations\[0\]\.effect must be one of NoSchedule/,
    ],
    [
      'a term without its topology',
      { spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{}] } } } },
      /requiredDuringSchedulingIgnoredDuringExecution\[0\]\.topologyKey is missing/,
    ],
    ['a priority class of Kubernetes', { spec: { priorityClassName: 'system-node-critical' } }, /use another class/],
    [
      'too many labels',
      { metadata: { labels: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`a${i}`, 'x'])) } },
      /must have at most 16 properties, but has 17/,
    ],
  ])('ends the operator at its start: %s', (_what, template, message) => {
    expect(() => read(template)).toThrow(message);
    expect(() => read(template)).toThrow(/^BATCH_UPLOAD_RUNNER_POD_TEMPLATE/);
  });
});

it('an upload may name the account of the chart, and those that are listed', () => {
  expect(readRunnerSettings({}).serviceAccountNames).toEqual(['batch-upload-runner']);
  const listed = readRunnerSettings({ BATCH_UPLOAD_SERVICE_ACCOUNTS: 'a, b' });
  expect(listed.serviceAccountNames).toEqual(['batch-upload-runner', 'a', 'b']);
});

it('the time to live of Jobs is one that Kubernetes takes', () => {
  const read = (seconds: string) => readRunnerSettings({ BATCH_UPLOAD_JOB_TTL_SECONDS: seconds }).jobTtlSeconds;
  expect([read('60'), read('999999999999')]).toEqual([60, 2_147_483_647]);
});

interface Schema {
  $ref?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  items?: Schema;
  maxItems?: number;
  required?: string[];
}

describe('the chart’s schema of runner.podTemplate', () => {
  const chart = JSON.parse(
    readFileSync(new URL('../../../charts/batch-upload/values.schema.json', import.meta.url), 'utf8'),
  ) as { definitions: Record<string, Schema> };
  const resolve = (schema: Schema) =>
    schema.$ref ? chart.definitions[schema.$ref.replace('#/definitions/', '')]! : schema;

  /** Compares what the chart's schema says of a value with what the CRD says, as far as the chart's schema goes. */
  function compare(found: Schema, crd: Schema, path: string): void {
    const { properties, enum: values, required, items, maxItems, additionalProperties } = resolve(found);
    if (properties) {
      expect(Object.keys(properties).sort(), path).toEqual(Object.keys(crd.properties ?? {}).sort());
      expect(additionalProperties, path).toBe(false);
      for (const [name, field] of Object.entries(properties)) compare(field, crd.properties![name]!, `${path}.${name}`);
    }
    if (values) expect(values, path).toEqual(crd.enum);
    if (required) expect(required, path).toEqual(crd.required);
    if (maxItems !== undefined) expect(maxItems, path).toBe(crd.maxItems);
    if (items) compare(items, crd.items!, `${path}[]`);
  }

  it('knows the fields that the CRD knows', () => {
    compare({ $ref: '#/definitions/podTemplate' }, POD_TEMPLATE_SCHEMA as Schema, 'podTemplate');
  });
});

describe('whole numbers of the chart’s values', () => {
  interface Schema {
    type?: string | string[];
    maximum?: number;
    [keyword: string]: unknown;
  }
  const schema = JSON.parse(
    readFileSync(new URL('../../../charts/batch-upload/values.schema.json', import.meta.url), 'utf8'),
  ) as Schema;

  const listIntegers = (node: unknown, path: string): { path: string; maximum: number | undefined }[] => {
    if (node === null || typeof node !== 'object') return [];
    const { type, maximum } = node as Schema;
    const own = [type].flat().includes('integer') ? [{ path, maximum }] : [];
    return [...own, ...Object.entries(node).flatMap(([key, each]) => listIntegers(each, `${path}/${key}`))];
  };

  it('have a maximum each, which a number of JavaScript holds exactly', () => {
    const integers = listIntegers(schema, '');
    expect(integers.length).toBeGreaterThan(15);
    expect(integers.filter(({ maximum }) => !Number.isSafeInteger(maximum)).map(({ path }) => path)).toEqual([]);
  });

  it('can be read by the operator up to the maximum', () => {
    const integers = new Map(listIntegers(schema, '').map(({ path, maximum }) => [path, maximum!]));
    const most = (name: string) => integers.get(`/properties/runner/properties/${name}`)!;
    expect(
      readRunnerSettings({
        BATCH_UPLOAD_INLINE_LIMIT_BYTES: String(most('inlineLimitBytes')),
        BATCH_UPLOAD_RETRY_SECONDS: String(most('retrySeconds')),
        BATCH_UPLOAD_JOB_TTL_SECONDS: String(most('jobTtlSeconds')),
      }),
    ).toMatchObject({
      inlineLimitBytes: 999_999_999_999,
      retrySeconds: 999_999_999_999,
      // Kubernetes keeps the number in 32 bits.
      jobTtlSeconds: 2 ** 31 - 1,
    });
  });
});
