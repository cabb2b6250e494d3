import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import { type BatchUpload, createCluster } from '#support/cluster/cluster.ts';
import { itemsSchema, schemaManifest, uploadManifest } from '#support/cluster/manifests.ts';

const cluster = createCluster();
// The namespace is not one of the operator's, so no upload in it is ever started.
const NAMESPACE = `crd-${Date.now().toString(36)}`;

beforeAll(() => cluster.kubectl('create', 'namespace', NAMESPACE));
afterAll(() => cluster.kubectl('delete', 'namespace', NAMESPACE, '--wait=false'));

const S3 = { bucket: 'bucket', key: 'file.csv' };
const DATABASE_STAYS = 'spec.target.databaseSecretRef is immutable';

const FULL = {
  source: {
    type: 'S3Event',
    event: { id: 'e-1', time: '2026-01-01T00:00:00Z', uploadSource: 'orders' },
    s3: {
      ...S3,
      versionId: 'v1',
      eTag: '"e"',
      endpoint: 'http://s3.example.com',
      region: 'eu-west-1',
      forcePathStyle: true,
      credentialsSecretRef: { name: 'keys' },
    },
  },
  schemaRef: { name: 'schema' },
  mode: 'Commit',
  reload: true,
  chunkRecords: 500,
  parallelism: 2,
  retryGeneration: 1,
  errorPolicy: { maxFailedRecords: 100, maxFailedPercent: 5, storeRowData: true },
  target: {
    databaseSecretRef: { name: 'database' },
    protect: { maxReplicaLagSeconds: 10, maxWalBytesPerSecond: 20_000_000 },
  },
  format: {
    type: 'csv',
    compression: 'none',
    encoding: 'utf-8',
    columns: [
      { name: 'Date of birth', field: 'birth_date' },
      { name: 'Comment', ignore: true },
    ],
    dialect: {
      delimiter: ';',
      quoteChar: "'",
      doubleQuote: false,
      escapeChar: '\\',
      commentChar: '#',
      skipInitialSpace: true,
    },
  },
  work: { s3: { bucket: 'work-bucket' } },
  podTemplate: {
    metadata: { labels: { 'example.com/team': 'a' }, annotations: { note: 'any text' } },
    spec: {
      resources: { requests: { cpu: 1, memory: '1.5Gi' }, limits: { memory: '2Gi', 'nvidia.com/gpu': '1' } },
      nodeSelector: { pool: 'batch' },
      tolerations: [{ key: 'batch', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a', 'b'] }] }],
          },
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, preference: { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] } },
          ],
        },
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'database' } } },
          ],
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 100, podAffinityTerm: { topologyKey: 'zone', matchLabelKeys: ['batchupload.dev/uid'] } },
          ],
        },
      },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchExpressions: [{ key: 'batchupload.dev/uid', operator: 'Exists' }] },
        },
      ],
      priorityClassName: 'low',
      serviceAccountName: 'loader',
      runtimeClassName: 'gvisor',
    },
  },
} as const;

describe('a wrong BatchUpload is refused with the field and what is allowed', () => {
  const s3 = (change: object) => ({ ...FULL, source: { s3: { ...S3, ...change } } });
  it.each<[string, object, RegExp]>([
    ['no source', { schemaRef: FULL.schemaRef }, /spec\.source: Required value/],
    ['no key', { ...FULL, source: { s3: { bucket: 'bucket' } } }, /spec\.source\.s3\.key: Required value/],
    ['an empty key', s3({ key: '' }), /spec\.source\.s3\.key.*at least 1 chars/],
    ['a bucket with capitals', s3({ bucket: 'My_Bucket' }), /spec\.source\.s3\.bucket.*should match/],
    [
      'an endpoint without scheme',
      s3({ endpoint: 's3.example.com' }),
      /spec\.source\.s3\.endpoint.*must be an http:\/\/ or https:\/\/ URL/,
    ],
    [
      'an unknown type',
      { ...FULL, source: { type: 'Pigeon', s3: S3 } },
      /spec\.source\.type: Unsupported value: "Pigeon": supported values: "Manual", "API", "UI", "FTP", "S3Event"/,
    ],
    [
      'an event without an id',
      { ...FULL, source: { s3: S3, event: { id: '' } } },
      /spec\.source\.event\.id.*at least 1 chars/,
    ],
    [
      'an event’s id with a control character',
      { ...FULL, source: { s3: S3, event: { id: 'a\nb' } } },
      /spec\.source\.event\.id.*should match/,
    ],
    [
      'a time that is none',
      { ...FULL, source: { s3: S3, event: { time: 'yesterday' } } },
      /spec\.source\.event\.time.*date-time/,
    ],
    ['no records in a chunk', { ...FULL, chunkRecords: 0 }, /spec\.chunkRecords.*greater than or equal to 1/],
    [
      'too many records in a chunk',
      { ...FULL, chunkRecords: 100_001 },
      /spec\.chunkRecords.*less than or equal to 100000/,
    ],
    ['too many sessions', { ...FULL, parallelism: 129 }, /spec\.parallelism.*less than or equal to 128/],
    [
      'a retry of less than none',
      { ...FULL, retryGeneration: -1 },
      /spec\.retryGeneration.*greater than or equal to 0/,
    ],
    ['a number as text', { ...FULL, parallelism: 'four' }, /spec\.parallelism.*must be of type integer/],
    [
      'an unknown mode',
      { ...FULL, mode: 'DryRun' },
      /spec\.mode: Unsupported value: "DryRun": supported values: "Commit", "Validate"/,
    ],
    ['a validation with reload', { ...FULL, mode: 'Validate' }, /spec\.reload.*reload is for mode Commit/],
    [
      'fewer failed records than none',
      { ...FULL, errorPolicy: { maxFailedRecords: -1 } },
      /spec\.errorPolicy\.maxFailedRecords.*greater than or equal to 0/,
    ],
    [
      'more than all records',
      { ...FULL, errorPolicy: { maxFailedPercent: 101 } },
      /spec\.errorPolicy\.maxFailedPercent.*less than or equal to 100/,
    ],
    ['an empty reference', { ...FULL, schemaRef: { name: '' } }, /spec\.schemaRef\.name.*at least 1 chars/],
    [
      'a compression that is not known',
      { ...FULL, format: { compression: 'rar' } },
      /spec\.format\.compression: Unsupported value: "rar": supported values: "none", "gzip", "zip", "zstd"/,
    ],
    [
      'an encoding that is not known',
      { ...FULL, format: { encoding: 'ebcdic' } },
      /spec\.format\.encoding: Unsupported value: "ebcdic"/,
    ],
    [
      'a column that is a field and left out',
      { ...FULL, format: { columns: [{ name: 'Date of birth', field: 'birth_date', ignore: true }] } },
      /spec\.format\.columns\[0\].*a column needs either field or ignore: true/,
    ],
    [
      'a column twice',
      {
        ...FULL,
        format: {
          columns: [
            { name: 'x', field: 'a' },
            { name: 'x', ignore: true },
          ],
        },
      },
      /spec\.format\.columns\[1\]: Duplicate value/,
    ],
    [
      'a delimiter of two characters',
      { ...FULL, format: { dialect: { delimiter: '||' } } },
      /spec\.format\.dialect\.delimiter: Too long/,
    ],
    [
      'a delimiter that is a newline',
      { ...FULL, format: { dialect: { delimiter: '\n' } } },
      /spec\.format\.dialect\.delimiter.*should match/,
    ],
    [
      'a delimiter beyond ASCII',
      { ...FULL, format: { dialect: { delimiter: '§' } } },
      /spec\.format\.dialect\.delimiter.*should match/,
    ],
    [
      'a quote that is the delimiter',
      { ...FULL, format: { dialect: { delimiter: ';', quoteChar: ';' } } },
      /delimiter and quoteChar must differ/,
    ],
    ['a key with NUL', s3({ key: 'a\u0000.csv' }), /spec\.source\.s3\.key.*should match/],
    ['a version with NUL', s3({ versionId: 'v\u0000' }), /spec\.source\.s3\.versionId.*should match/],
    [
      'a column whose name has NUL',
      { ...FULL, format: { columns: [{ name: 'a\u0000', field: 'a' }] } },
      /spec\.format\.columns\[0\]\.name.*should match/,
    ],
    [
      'a rate of WAL that no server reaches',
      { ...FULL, target: { ...FULL.target, protect: { maxWalBytesPerSecond: 1e15 + 1 } } },
      /spec\.target\.protect\.maxWalBytesPerSecond.*less than or equal to/,
    ],
    ['a work place without a bucket', { ...FULL, work: { s3: {} } }, /spec\.work\.s3\.bucket: Required value/],
    ['a field that does not exist', { ...FULL, paralelism: 2 }, /unknown field "spec\.paralelism"/],
    [
      'a label of the operator on pods',
      { ...FULL, podTemplate: { metadata: { labels: { 'batchupload.dev/uid': 'x' } } } },
      /spec\.podTemplate\.metadata\.labels.*labels that begin with batchupload\.dev\/ are the operator's/,
    ],
    [
      'an AppArmor profile of pods',
      {
        ...FULL,
        podTemplate: {
          metadata: { annotations: { 'container.apparmor.security.beta.kubernetes.io/runner': 'unconfined' } },
        },
      },
      /spec\.podTemplate\.metadata\.annotations.*would change the security of the pods/,
    ],
    [
      'a field of pods that is not in the list',
      { ...FULL, podTemplate: { spec: { hostNetwork: true } } },
      /unknown field "spec\.podTemplate\.spec\.hostNetwork"/,
    ],
    [
      'an amount that is none',
      { ...FULL, podTemplate: { spec: { resources: { limits: { memory: '1 GB' } } } } },
      /spec\.podTemplate\.spec\.resources\.limits\.memory.*should match/,
    ],
    [
      'a priority class of Kubernetes',
      { ...FULL, podTemplate: { spec: { priorityClassName: 'system-node-critical' } } },
      /spec\.podTemplate\.spec\.priorityClassName.*use another class/,
    ],
    [
      'a term of affinity without its topology',
      {
        ...FULL,
        podTemplate: { spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{}] } } } },
      },
      /podAffinity\.requiredDuringSchedulingIgnoredDuringExecution\[0\]\.topologyKey: Required value/,
    ],
  ])('%s', async (_name, spec, message) => {
    await expect(cluster.apply(uploadManifest(NAMESPACE, 'wrong', spec as never))).rejects.toThrow(message);
  });
});

describe('a wrong RecordSchema is refused with the field and what is allowed', () => {
  const schema = itemsSchema('items');
  const { primaryKey: _key, ...append } = schema;
  const field = (change: object) => ({ ...schema, fields: [{ name: 'k', type: 'string', ...change }] });
  const column = (...columns: object[]) => ({ ...schema, target: { ...schema.target, columns } });
  it.each<[string, object, RegExp]>([
    ['no fields', { ...schema, fields: [] }, /spec\.fields.*at least 1 items/],
    [
      'two fields of one name',
      { ...schema, fields: [{ name: 'k' }, { name: 'k' }] },
      /spec\.fields\[1\]: Duplicate value/,
    ],
    ['a key that is no field', { ...schema, primaryKey: ['nope'] }, /spec\.primaryKey.*must be the name of a field/],
    [
      'an empty key',
      { ...schema, primaryKey: [] },
      /spec\.primaryKey.*must name at least one field.*or remove primaryKey/,
    ],
    ...(['Update', 'Fail'] as const).map((onDuplicate): [string, object, RegExp] => [
      `${onDuplicate} without a key`,
      { ...append, target: { ...schema.target, onDuplicate } },
      /spec\.target\.onDuplicate.*without primaryKey no record is a duplicate.*or remove onDuplicate/,
    ]),
    [
      'an unknown type',
      field({ type: 'money' }),
      /spec\.fields\[0\]\.type: Unsupported value: "money": supported values:.*"integer"/,
    ],
    ['email of an integer', field({ type: 'integer', format: 'email' }), /spec\.fields\[0\]\.format.*is for string/],
    ['a format that is none', field({ format: 'url' }), /format of a string is default, email, uri, uuid or binary/],
    ['a date in a string', field({ format: '%d.%m.%Y' }), /for type date, time and datetime/],
    ['email of a date', field({ type: 'date', format: 'email' }), /default \(ISO 8601\) or a strptime pattern/],
    ['a decimalChar of an integer', field({ type: 'integer', decimalChar: ',' }), /decimalChar is for .* number/],
    ['a decimalChar that is a digit', field({ type: 'number', decimalChar: '1' }), /decimalChar.*should match/],
    ['a groupChar of two', field({ type: 'number', groupChar: ', ' }), /groupChar: Too long/],
    ['a groupChar of a date', field({ type: 'date', groupChar: ',' }), /groupChar and bareNumber are for/],
    ['bareNumber of a string', field({ bareNumber: false }), /groupChar and bareNumber are for/],
    ['a groupChar that is the decimal point', field({ type: 'number', groupChar: '.' }), /must not be the decimalChar/],
    [
      'a groupChar that is the decimalChar',
      field({ type: 'number', groupChar: ',', decimalChar: ',' }),
      /must not be the decimalChar/,
    ],
    ['trueValues of a string', field({ trueValues: ['ja'] }), /trueValues and falseValues are for .* boolean/],
    ['no trueValues', field({ type: 'boolean', trueValues: [] }), /trueValues.*at least 1 items/],
    [
      'exclusiveMinimum of a duration',
      field({ type: 'duration', constraints: { exclusiveMinimum: 'P1D' } }),
      /exclusive/,
    ],
    ['maxLength of a date', field({ type: 'date', constraints: { maxLength: 3 } }), /maximum/],
    ['minimum of a string', field({ constraints: { minimum: '3' } }), /use minLength and maxLength/],
    [
      'lengths the wrong way round',
      field({ constraints: { minLength: 5, maxLength: 3 } }),
      /minLength must not be greater/,
    ],
    ['a code of another form', field({ code: 'bad code' }), /spec\.fields\[0\]\.code.*should match/],
    [
      'a table name with a quote',
      { ...schema, target: { ...schema.target, table: 'a"b' } },
      /spec\.target\.table.*should match/,
    ],
    [
      'a column from two places',
      column({ name: 'a', field: 'k', system: 'rowNumber' }),
      /exactly one of field, json, value and system/,
    ],
    ['a column from nowhere', column({ name: 'a' }), /exactly one of field, json, value and system/],
    [
      'a column of a field and a value',
      column({ name: 'a', field: 'k', value: 'k' }),
      /exactly one of field, json, value/,
    ],
    [
      'a rule with a code of another form',
      { ...schema, rules: [{ rule: 'true', message: 'm', code: 'VAL_001' }] },
      /spec\.rules\[0\]\.code.*should match/,
    ],
    ['a rule without a message', { ...schema, rules: [{ rule: 'true', code: 'BIZ_1' }] }, /spec\.rules\[0\]\.message/],
    ['a JSON property from nowhere', column({ name: 'a', json: [{ path: 'p' }] }), /exactly one of field and value/],
    [
      'an unknown policy',
      { ...schema, target: { ...schema.target, onDuplicate: 'Ignore' } },
      /onDuplicate: Unsupported value: "Ignore": supported values: "Skip", "Update", "Fail"/,
    ],
  ])('%s', async (_name, spec, message) => {
    await expect(cluster.apply(schemaManifest(NAMESPACE, 'wrong', spec))).rejects.toThrow(message);
  });

  it('a right one can be edited', async () => {
    await cluster.apply(schemaManifest(NAMESPACE, 'right', schema));
    await cluster.apply(schemaManifest(NAMESPACE, 'right', field({ description: 'edited' })).valueOf());
    await cluster.apply(schemaManifest(NAMESPACE, 'right', field({ type: 'date', format: '%d.%m.%Y' })));
    await cluster.apply(schemaManifest(NAMESPACE, 'right', field({ type: 'integer', groupChar: '’' })));
    await cluster.apply(
      schemaManifest(
        NAMESPACE,
        'right',
        field({ type: 'number', groupChar: '.', decimalChar: ',', bareNumber: false }),
      ),
    );
    await cluster.apply(schemaManifest(NAMESPACE, 'right', field({ type: 'boolean', trueValues: ['ja'] })));
  });

  it('one without a key appends, and its column Key is blank', async () => {
    await cluster.apply(schemaManifest(NAMESPACE, 'append', append));
    const { onDuplicate, ...target } = schema.target;
    expect(onDuplicate).toBeDefined();
    await cluster.apply(schemaManifest(NAMESPACE, 'append', { ...append, target }));
    const row = await cluster.kubectl('-n', NAMESPACE, 'get', 'recordschema', 'append', '--no-headers');
    expect(row.trim().split(/\s+/).slice(0, 2)).toEqual(['append', target.table]);
  });
});

describe('immutable fields', () => {
  /** Applies `before`, then asks the API server for `after`. */
  async function change(before: object, after: object): Promise<string> {
    const name = `immutable-${Math.random().toString(36).slice(2)}`;
    await cluster.apply(uploadManifest(NAMESPACE, name, before as never));
    // A replacing patch, and not an apply, removes a field that `after` lacks.
    return cluster.kubectl(
      '-n',
      NAMESPACE,
      'patch',
      'batchupload',
      name,
      '--type=json',
      '-p',
      JSON.stringify([{ op: 'replace', path: '/spec', value: after }]),
    );
  }
  const withS3 = (s3: object) => ({ ...FULL, source: { ...FULL.source, s3 } });
  const optionalS3 = Object.entries(FULL.source.s3).filter(([name]) => name !== 'bucket' && name !== 'key');
  const other: Record<string, unknown> = {
    versionId: 'v2',
    eTag: '"f"',
    endpoint: 'http://other.example.com',
    region: 'us-east-1',
    forcePathStyle: false,
    credentialsSecretRef: { name: 'others' },
  };

  it.each(optionalS3)('source.s3.%s cannot be added, changed or removed', async (name) => {
    const { [name as 'region']: _, ...without } = FULL.source.s3;
    await expect(change(withS3(without), FULL)).rejects.toThrow('spec.source is immutable');
    await expect(change(FULL, withS3({ ...FULL.source.s3, [name]: other[name] }))).rejects.toThrow(
      'spec.source is immutable',
    );
    await expect(change(FULL, withS3(without))).rejects.toThrow('spec.source is immutable');
  });

  it.each([
    ['source.s3.bucket', withS3({ ...FULL.source.s3, bucket: 'another' }), 'spec.source is immutable'],
    ['source.s3.key', withS3({ ...FULL.source.s3, key: 'other.csv' }), 'spec.source is immutable'],
    ['schemaRef', { ...FULL, schemaRef: { name: 'other' } }, 'spec.schemaRef is immutable'],
    ['chunkRecords', { ...FULL, chunkRecords: 501 }, 'spec.chunkRecords is immutable'],
    ['mode', { ...FULL, mode: 'Validate', reload: false }, 'spec.mode is immutable'],
    ['reload', { ...FULL, reload: false }, 'spec.reload is immutable'],
    ['target', { ...FULL, target: { databaseSecretRef: { name: 'other' } } }, DATABASE_STAYS],
    ['format', { ...FULL, format: { ...FULL.format, encoding: 'utf-16le' } }, 'spec.format is immutable'],
    [
      'format.dialect',
      { ...FULL, format: { ...FULL.format, dialect: { delimiter: ';' } } },
      'spec.format is immutable',
    ],
    ['work', { ...FULL, work: { s3: { bucket: 'another' } } }, 'spec.work is immutable'],
  ])('%s cannot be changed', async (_name, after, message) => {
    await expect(change(FULL, after)).rejects.toThrow(message);
  });

  it('source.type and source.event cannot be added, changed or removed', async () => {
    const { event, type, ...source } = FULL.source;
    expect(type).toBe('S3Event');
    for (const [before, after] of [
      [FULL, { ...FULL, source: { ...FULL.source, type: 'FTP' } }],
      [FULL, { ...FULL, source: { ...source, event } }],
      [FULL, { ...FULL, source: { ...source, type } }],
      [{ ...FULL, source: { ...source, type } }, FULL],
      [FULL, { ...FULL, source: { ...source, type, event: { ...event, id: 'e-2' } } }],
    ] as const) {
      await expect(change(before, after)).rejects.toThrow('spec.source is immutable');
    }
    // An absent source.type is the same as its default, Manual.
    await expect(change({ ...FULL, source: { ...source, type: 'Manual' } }, { ...FULL, source })).resolves.toContain(
      'patched',
    );
  });

  it.each(['format', 'work'] as const)('%s cannot be added or removed', async (name) => {
    const { [name]: _, ...without } = FULL;
    await expect(change(without, FULL)).rejects.toThrow(`spec.${name} is immutable`);
    await expect(change(FULL, without)).rejects.toThrow(`spec.${name} is immutable`);
  });

  it('chunkRecords and target cannot be added or removed', async () => {
    const { target, ...noTarget } = FULL;
    const { chunkRecords, ...noChunks } = FULL;
    expect(target && chunkRecords).toBeTruthy();
    await expect(change(noTarget, FULL)).rejects.toThrow(DATABASE_STAYS);
    await expect(change(FULL, noTarget)).rejects.toThrow(DATABASE_STAYS);
    // An absent chunkRecords is the same as its default, 1000.
    await expect(change(noChunks, FULL)).rejects.toThrow('spec.chunkRecords is immutable');
    await expect(change(FULL, noChunks)).rejects.toThrow('spec.chunkRecords is immutable');
    await expect(change({ ...FULL, chunkRecords: 1000 }, noChunks)).resolves.toContain('patched');
  });

  it('mode and reload that are absent are Commit and false', async () => {
    const { mode, reload, ...without } = FULL;
    expect(mode && reload).toBeTruthy();
    await expect(change(FULL, without)).rejects.toThrow('spec.reload is immutable');
    await expect(change(without, FULL)).rejects.toThrow('spec.reload is immutable');
    await expect(change({ ...without, mode: 'Validate' }, without)).rejects.toThrow('spec.mode is immutable');
    await expect(change({ ...without, mode, reload: false }, without)).resolves.toContain('patched');
  });

  it('the limits of errorPolicy can be changed, added and removed; what is stored of failed records cannot', async () => {
    const { errorPolicy, ...without } = FULL;
    const limits = { ...errorPolicy, maxFailedRecords: 200, maxFailedPercent: 0 };
    await expect(change(FULL, { ...FULL, errorPolicy: limits })).resolves.toContain('patched');
    await expect(change(without, FULL)).resolves.toContain('patched');
    await expect(change(FULL, without)).resolves.toContain('patched');
    const secret = { ...FULL, errorPolicy: { ...errorPolicy, storeRowData: false } };
    for (const [before, after] of [
      [FULL, secret],
      [secret, FULL],
      [without, secret],
      [secret, without],
    ] as const) {
      await expect(change(before, after)).rejects.toThrow('storeRowData is immutable');
    }
  });

  it('retryGeneration only grows; absent it is 0', async () => {
    const { retryGeneration: _, ...without } = FULL;
    for (const [before, after] of [
      [without, FULL],
      [FULL, { ...FULL, retryGeneration: 9 }],
      [FULL, FULL],
      [{ ...FULL, retryGeneration: 0 }, without],
      [without, { ...FULL, retryGeneration: 0 }],
    ] as const) {
      await expect(change(before, after)).resolves.toContain('patched');
    }
    for (const after of [without, { ...FULL, retryGeneration: 0 }]) {
      await expect(change(FULL, after)).rejects.toThrow(
        'spec.retryGeneration only grows: raise it to try a failed upload again',
      );
    }
  });

  it('target.protect can be changed, added and removed, also without databaseSecretRef', async () => {
    const { databaseSecretRef } = FULL.target;
    const { target: _, ...noTarget } = FULL;
    const protect = { maxReplicaLagSeconds: 5 };
    await expect(change(FULL, { ...FULL, target: { databaseSecretRef } })).resolves.toContain('patched');
    await expect(change(FULL, { ...FULL, target: { databaseSecretRef, protect } })).resolves.toContain('patched');
    await expect(change(noTarget, { ...noTarget, target: { protect } })).resolves.toContain('patched');
    await expect(change({ ...noTarget, target: { protect } }, noTarget)).resolves.toContain('patched');
  });

  it('podTemplate can be changed, added and removed', async () => {
    const { podTemplate: _, ...without } = FULL;
    const other = { spec: { nodeSelector: { pool: 'other' } } };
    await expect(change(without, FULL)).resolves.toContain('patched');
    await expect(change(FULL, { ...FULL, podTemplate: other })).resolves.toContain('patched');
    await expect(change(FULL, without)).resolves.toContain('patched');
  });

  it('parallelism can be changed, added and removed', async () => {
    const { parallelism: _, ...without } = FULL;
    await expect(change(FULL, { ...FULL, parallelism: 7 })).resolves.toContain('patched');
    await expect(change(without, FULL)).resolves.toContain('patched');
    await expect(change(FULL, without)).resolves.toContain('patched');
  });
});

it('the largest status that the schema allows is stored, and is under 32 KiB', async () => {
  const name = 'largest-status';
  await cluster.apply(uploadManifest(NAMESPACE, name, FULL as never));
  const time = '2026-01-01T00:00:00Z';
  const count = Number.MAX_SAFE_INTEGER;
  const types = ['Accepted', 'Planned', 'Progressing', 'Degraded', 'Complete', 'Failed'] as const;
  const status: BatchUploadStatus = {
    observedGeneration: count,
    phase: 'Processing',
    message: 'm'.repeat(1024),
    conditions: types.map((type) => ({
      type,
      status: 'Unknown',
      observedGeneration: count,
      lastTransitionTime: time,
      reason: 'R'.repeat(128),
      message: 'm'.repeat(2048),
    })),
    source: {
      sizeBytes: count,
      eTag: 'e'.repeat(256),
      versionId: 'v'.repeat(1024),
      digest: 'd'.repeat(80),
      format: 'f'.repeat(16),
      compression: 'c'.repeat(16),
      encoding: 'e'.repeat(16),
      delimiter: '\t',
    },
    plan: { execution: 'Inline', records: count, chunks: 2 ** 31 - 1, indexes: 128 },
    records: { total: count, processed: count, succeeded: count, failed: count, duplicate: count, updated: count },
    progress: '99.9999%',
    recordsPerSecond: count,
    estimatedCompletionTime: time,
    columns: Array.from({ length: 8 }, () => ({ name: 'c'.repeat(256), field: 'f'.repeat(128), ignored: true })),
    columnsOmitted: 2 ** 31 - 1,
    topErrors: Array.from({ length: 10 }, () => ({ code: 'C'.repeat(64), count, message: 'm'.repeat(512) })),
    jobs: Array.from({ length: 4 }, () => ({
      name: 'n'.repeat(63),
      kind: 'process' as const,
      active: 128,
      succeeded: 128,
      failed: 128,
    })),
    startTime: time,
    completionTime: time,
  };
  // The API server answers with what it stored. A later read could already find the operator's own status.
  const answer = await cluster.kubectl(
    '-n',
    NAMESPACE,
    'patch',
    'batchupload',
    name,
    '--subresource=status',
    '--type=merge',
    '-o',
    'json',
    '-p',
    JSON.stringify({ status }),
  );
  const stored = (JSON.parse(answer) as BatchUpload).status;
  expect(stored).toEqual(status);
  const size = Buffer.byteLength(JSON.stringify(stored));
  expect(size).toBeGreaterThan(16 * 1024);
  expect(size).toBeLessThan(32 * 1024);
  // The API server itself refuses a larger status.
  await expect(
    cluster.kubectl(
      '-n',
      NAMESPACE,
      'patch',
      'batchupload',
      name,
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status: { message: 'm'.repeat(1025) } }),
    ),
  ).rejects.toThrow('status.message');
});

const EXAMPLES = new URL('../../crds/examples/', import.meta.url);
it.each(readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml') && !name.startsWith('uploadsource-')))(
  'the example %s is accepted',
  async (name) => {
    const applied = await cluster.kubectl('-n', NAMESPACE, 'apply', '-f', new URL(name, EXAMPLES).pathname);
    expect(applied).toMatch(/^(batchupload|recordschema)\S+ created$/m);
  },
);

it('kubectl get shows the columns of the design', async () => {
  const short = await cluster.kubectl('-n', NAMESPACE, 'get', 'bu', 'largest-status');
  expect(short.split('\n')[0]!.split(/\s{2,}/)).toEqual(['NAME', 'PHASE', 'PROGRESS', 'RECORDS', 'FAILED', 'AGE']);
  const wide = await cluster.kubectl('-n', NAMESPACE, 'get', 'bu', 'largest-status', '-o', 'wide');
  expect(wide).toMatch(/SUCCEEDED\s+UPDATED\s+DUPLICATES\s+RATE\s+SOURCE\s+MESSAGE/);
});
