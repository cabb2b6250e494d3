import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Condition } from '#api/conditions.ts';
import { checkStructure, type StructuralSchema } from '#api/structure/check-structure.ts';
import { showColumns } from '#operator/controller/columns-policy.ts';
import { buildStatus, MAX_STATUS_BYTES, type StatusInput, sameStatus } from '#operator/controller/status.ts';
import { eventsOf } from '#operator/controller/status-events.ts';
import { ACCEPTED, job, NOW, row, upload } from './observed.ts';

const input = (change: Partial<StatusInput> = {}): StatusInput => ({
  now: NOW,
  upload: ACCEPTED,
  jobs: { plan: null, process: job() },
  recordsPerSecond: 10,
  topErrors: [],
  columns: null,
  view: { kind: 'processing', row: row() },
  degraded: null,
  ...change,
});
const condition = (status: { conditions?: { type: string }[] }, type: string) =>
  status.conditions?.find((each) => each.type === type) as Condition | undefined;

describe('an upload at work', () => {
  it('has counts, progress, rate and a time when it may be done', () => {
    expect(buildStatus(input())).toMatchObject({
      phase: 'Processing',
      progress: '50%',
      records: { total: 100, processed: 50, succeeded: 48, failed: 1, duplicate: 1, updated: 0 },
      plan: { execution: 'Job', records: 100, chunks: 10, indexes: 2 },
      recordsPerSecond: 10,
      estimatedCompletionTime: '2026-01-01T12:00:05Z',
      message: '5 of 10 chunks done.',
      jobs: [{ kind: 'process', active: 2 }],
    });
  });

  it.each([
    [97, '10 of 10 chunks done; 3 records waited for records of other chunks and are tried again.'],
    [99, '10 of 10 chunks done; 1 record waited for records of other chunks and is tried again.'],
    [100, '10 of 10 chunks done.'],
  ])('says how many records are pending when %i of 100 are counted', (processed, message) => {
    const counts = { processed, succeeded: processed, failed: 0, duplicate: 0, updated: 0 };
    const view = { kind: 'processing' as const, row: row({ chunksDone: 10, counts }) };
    expect(buildStatus(input({ view }))).toMatchObject({ message });
  });

  it.each([
    [
      { type: 'csv', compression: 'gzip', encoding: 'windows-1252', delimiter: ';', chunkDelimiter: ';' },
      { format: 'csv', compression: 'gzip', encoding: 'windows-1252', delimiter: ';' },
    ],
    [
      { type: 'xlsx', compression: 'none', encoding: null, delimiter: null, chunkDelimiter: ',' },
      { format: 'xlsx', compression: 'none' },
    ],
  ] as const)('says what kind of file was found: %j', (format, shown) => {
    const { source } = buildStatus(input({ view: { kind: 'processing', row: row({ format }) } }));
    expect(source).toEqual({ sizeBytes: 1000, eTag: 'e', digest: 'd', ...shown });
  });

  describe('that its pods slow down', () => {
    const since = new Date(NOW - 60_000);
    const shown = (reason: string, kind: 'processing' | 'stopping' = 'processing') => {
      const pace = { reason, message: 'The pods wait.', since };
      return buildStatus(input({ view: { kind, row: row({ pace }) } }));
    };

    it.each(['ReplicaLag', 'WalRate'])('for %s says so in the pace and in the message', (reason) => {
      expect(shown(reason)).toMatchObject({
        pace: { reason, message: 'The pods wait.', since: '2026-01-01T11:59:00Z' },
        message: '5 of 10 chunks done. The pods wait.',
      });
    });

    it('although a limit has no effect, says that in the pace only', () => {
      expect(shown('NoReplicas')).toMatchObject({ pace: { reason: 'NoReplicas' }, message: '5 of 10 chunks done.' });
    });

    it('is not said of an upload that ends, or whose ledger is away', () => {
      expect(shown('WalRate', 'stopping')).not.toHaveProperty('pace');
      const before = { ...ACCEPTED, status: { ...ACCEPTED.status, ...shown('WalRate') } };
      expect(buildStatus(input({ upload: before, view: { kind: 'unobserved' } }))).not.toHaveProperty('pace');
    });
  });

  it('without a rate tells neither rate nor time', () => {
    const status = buildStatus(input({ recordsPerSecond: null }));
    expect(status).not.toHaveProperty('recordsPerSecond');
    expect(status).not.toHaveProperty('estimatedCompletionTime');
  });

  it.each([
    [99_999, 100_000],
    [999_999_999, 1_000_000_000],
  ])('%d of %d records are not yet 100%%', (processed, totalRecords) => {
    const counts = { processed, succeeded: processed, failed: 0, duplicate: 0, updated: 0 };
    const { progress } = buildStatus(input({ view: { kind: 'processing', row: row({ totalRecords, counts }) } }));
    expect(Number.parseFloat(progress!)).toBeGreaterThanOrEqual(99);
    expect(Number.parseFloat(progress!)).toBeLessThan(100);
  });
});

describe('conditions', () => {
  it('keep their time until their status changes', () => {
    const first = buildStatus(input());
    const later = { now: NOW + 60_000, upload: { ...ACCEPTED, status: first } };
    const degraded = { reason: 'Unschedulable', message: 'No node.' } as const;
    const second = buildStatus(input({ ...later, degraded }));
    expect(condition(second, 'Progressing')!.lastTransitionTime).toBe('2026-01-01T12:00:00Z');
    expect(condition(second, 'Degraded')).toMatchObject({
      status: 'True',
      reason: 'Unschedulable',
      lastTransitionTime: '2026-01-01T12:01:00Z',
    });
    expect(second.message).toBe('No node.');
  });

  it('exactly one of Complete and Failed at the end, none before', () => {
    const ended = { completedAt: new Date(NOW), chunksDone: 10 };
    const views: [StatusInput['view'], string, string][] = [
      [{ kind: 'processing', row: row() }, 'False', 'False'],
      [{ kind: 'complete', row: row({ status: 'Complete', ...ended }) }, 'True', 'False'],
      [{ kind: 'failed', row: row({ status: 'Failed', ...ended }), reason: 'R', message: 'm' }, 'False', 'True'],
    ];
    for (const [view, complete, failed] of views) {
      const status = buildStatus(input({ view }));
      expect([condition(status, 'Complete')!.status, condition(status, 'Failed')!.status]).toEqual([complete, failed]);
    }
  });
});

describe('what a complete upload says', () => {
  const counts = { processed: 1000, succeeded: 990, failed: 2, duplicate: 8, updated: 40 };
  const done = { status: 'Complete' as const, totalRecords: 1000, chunksDone: 10, completedAt: new Date(NOW), counts };
  const none = { processed: 0, succeeded: 0, failed: 0, duplicate: 0, updated: 0 };
  const first = { name: 'first', status: 'Complete' as const, totalRecords: 1000, counts };
  it.each([
    ['loaded', {}, 'Completed', '1,000 records: 990 succeeded (40 updated), 2 failed, 8 duplicate.'],
    [
      'nothing replaced',
      { counts: { ...counts, updated: 0 } },
      'Completed',
      '1,000 records: 990 succeeded, 2 failed, 8 duplicate.',
    ],
    [
      'validated',
      { validateOnly: true },
      'Validated',
      'Nothing was written. 1,000 records: 950 would be inserted, 40 updated, 2 failed, 8 duplicate.',
    ],
    [
      'loaded by another one',
      { totalRecords: 0, totalChunks: 0, chunksDone: 0, counts: none, sameAs: first },
      'AlreadyLoaded',
      'The BatchUpload first has loaded the same content already (1,000 records: 990 succeeded (40 updated), 2 failed, 8 duplicate), nothing was done. To load it again create a BatchUpload with spec.reload: true.',
    ],
    [
      'loaded by another one, without a key',
      { totalRecords: 0, totalChunks: 0, chunksDone: 0, counts: none, sameAs: first, appends: true },
      'AlreadyLoaded',
      'The BatchUpload first has loaded the same content already (1,000 records: 990 succeeded (40 updated), 2 failed, 8 duplicate), nothing was done. To load it again create a BatchUpload with spec.reload: true. As its schema has no primaryKey, every record is then in the table once more.',
    ],
  ])('%s', (_what, change, reason, message) => {
    const status = buildStatus(input({ view: { kind: 'complete', row: row({ ...done, ...change }) } }));
    expect(status).toMatchObject({ phase: 'Complete', progress: '100%', message });
    expect(condition(status, 'Complete')).toMatchObject({ status: 'True', reason, message });
    const { total, processed, succeeded, failed, duplicate } = status.records!;
    expect([processed, succeeded! + failed! + duplicate!]).toEqual([total, total]);
  });
});

it('an upload that waits for another one with the same content names it', () => {
  const counts = { processed: 0, succeeded: 0, failed: 0, duplicate: 0, updated: 0 };
  const sameAs = { name: 'first', status: 'Processing' as const, totalRecords: 100, counts };
  const status = buildStatus(input({ view: { kind: 'queued', row: row({ status: 'Queued', counts, sameAs }) } }));
  expect(status).toMatchObject({
    phase: 'Queued',
    message: expect.stringContaining('BatchUpload first'),
    progress: '0%',
  });
  expect(condition(status, 'Planned')).toMatchObject({ status: 'True' });
  expect(condition(status, 'Progressing')).toMatchObject({ status: 'False', reason: 'Queued' });
  expect([condition(status, 'Complete')!.status, condition(status, 'Failed')!.status]).toEqual(['False', 'False']);
});

it('an upload that is tried again is no longer failed, and keeps the time of its start', () => {
  const ended = { status: 'Failed' as const, completedAt: new Date(NOW) };
  const failed = buildStatus(input({ view: { kind: 'failed', row: row(ended), reason: 'R', message: 'm' } }));
  expect(failed.completionTime).toBe('2026-01-01T12:00:00Z');
  const again = buildStatus(
    input({
      now: NOW + 60_000,
      upload: { ...ACCEPTED, status: failed },
      view: { kind: 'processing', row: row({ attempt: 3, retryGeneration: 5 }) },
    }),
  );
  expect(again).toMatchObject({ phase: 'Processing', startTime: failed.startTime, records: { processed: 50 } });
  expect(again).not.toHaveProperty('completionTime');
  expect(condition(again, 'Failed')).toMatchObject({
    status: 'False',
    reason: 'Retried',
    message: 'The upload had failed and is tried again, attempt 3.',
    lastTransitionTime: '2026-01-01T12:01:00Z',
  });
  expect(eventsOf(failed, again).map(({ reason }) => reason)).toEqual(['Retried']);
});

it('while the ledger is out of reach what was known stays, and no rate is shown', () => {
  const before = buildStatus(input());
  const degraded = { reason: 'DatabaseUnavailable', message: 'The database cannot be reached.' } as const;
  const edited = { ...ACCEPTED, metadata: { ...ACCEPTED.metadata, generation: 7 }, status: before };
  const unobserved = buildStatus(input({ upload: edited, view: { kind: 'unobserved' }, degraded }));
  expect(unobserved).toMatchObject({ phase: 'Processing', records: before.records, progress: '50%' });
  expect(unobserved).not.toHaveProperty('recordsPerSecond');
  expect(condition(unobserved, 'Progressing')).toMatchObject({ status: 'Unknown' });
  expect(condition(unobserved, 'Accepted')).toEqual(condition(before, 'Accepted'));
});

it('an upload that waits says what for', () => {
  const why = { reason: 'SecretMissing', message: 'There is no Secret.' } as const;
  const status = buildStatus(input({ upload: upload(), view: { kind: 'waiting', why } }));
  expect(status).toMatchObject({ phase: 'Pending', message: 'There is no Secret.' });
  expect(status).not.toHaveProperty('startTime');
});

it('is under 32 KiB whatever it is made from', () => {
  const long = '€'.repeat(100_000);
  const all = row({ eTag: long, versionId: long, digest: long, failureReason: long, failureMessage: long });
  const status = buildStatus(
    input({
      view: { kind: 'failed', row: all, reason: 'R'.repeat(128), message: long },
      degraded: { reason: 'Unschedulable', message: long },
      topErrors: Array.from({ length: 50 }, () => ({ code: long, count: Number.MAX_SAFE_INTEGER, message: long })),
      columns: showColumns({ columns: Array.from({ length: 100 }, () => ({ name: long, field: long })), total: 1000 }),
      jobs: { plan: job({ kind: 'plan' }), process: job() },
    }),
  );
  expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThan(MAX_STATUS_BYTES);
  expect(status.topErrors).toHaveLength(10);
  expect(status.message!.length).toBeGreaterThan(100);
  expect(JSON.stringify(status)).not.toContain('\uFFFD');
});

describe('whatever somebody has written into the ledger, the CRD takes the status', () => {
  const crd = parse(readFileSync(new URL('../../../crds/batchuploads.yaml', import.meta.url), 'utf8'));
  const schema: StructuralSchema = crd.spec.versions[0].schema.openAPIV3Schema.properties.status;

  /** The values that an API server refuses by their format: times, and whole numbers that an int64 cannot hold. */
  function* findMisfits(of: StructuralSchema, value: unknown, place = ''): Generator<string> {
    if (Array.isArray(value)) for (const item of value) yield* findMisfits(of.items!, item, `${place}[]`);
    else if (typeof value === 'object' && value !== null)
      for (const [name, item] of Object.entries(value))
        yield* findMisfits(of.properties![name]!, item, `${place}.${name}`);
    const isTime = of.format !== 'date-time' || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(String(value));
    const isWhole = of.type !== 'integer' || /^-?\d{1,16}$/.test(String(value));
    if (!isTime || !isWhole) yield `${place}: ${value}`;
  }

  const long = 'x'.repeat(40);
  const huge = { processed: 1e300, succeeded: 1e300, failed: 1e300, duplicate: 1e300, updated: 1e300 };
  const none = { processed: -1e18, succeeded: -1e18, failed: 0, duplicate: 0, updated: 0 };
  const format = (value: unknown) => ({ format: value }) as Partial<ReturnType<typeof row>>;
  const ended = { status: 'Complete' as const, completedAt: new Date(NOW) };
  it.each<[string, Partial<ReturnType<typeof row>>]>([
    [
      'a long encoding',
      format({ type: long, compression: long, encoding: long, delimiter: long, chunkDelimiter: ',' }),
    ],
    ['a format of other types', format({ type: 1, compression: null, encoding: {}, delimiter: ['x'] })],
    ['a format that is a text', format('csv')],
    ['an end in the year 200000', { completedAt: new Date('+200000-01-01T00:00:00Z') }],
    ['an end that is no time', { completedAt: new Date(Number.POSITIVE_INFINITY) }],
    ['an end before Christ', { completedAt: new Date('-000043-03-15T00:00:00Z') }],
    ['a pace since the year 200000', { pace: { reason: 'WalRate', message: 'm', since: new Date('+200000-01-01') } }],
    [
      'counts that no int64 holds',
      { counts: huge, sizeBytes: 2 ** 63, totalRecords: 2 ** 63, startedAt: new Date(NOW - 1) },
    ],
    ['counts below zero', { counts: none, totalRecords: 1 }],
    ['an unknown execution', { execution: 'x' as 'Job' }],
  ])('%s', (_what, change) => {
    const strange = { name: 1, field: long.repeat(10), more: {} } as unknown as { name: string };
    const columns = showColumns({ columns: [strange, { ...strange, name: 'a' }], total: 2 });
    const topErrors = [{ code: long.repeat(2), count: 1e300, message: long }];
    for (const kind of ['processing', 'complete'] as const) {
      const at = row(kind === 'complete' ? { ...ended, ...change } : change);
      const status = buildStatus(input({ upload: upload(), view: { kind, row: at }, columns, topErrors }));
      expect(checkStructure(schema, status)).toEqual([]);
      expect([...findMisfits(schema, status)]).toEqual([]);
      expect(status).toMatchObject({ columns: [{ name: 'a' }], records: {}, topErrors: [{}] });
      if (kind === 'complete') expect(status.completionTime).toBe('2026-01-01T12:00:00Z');
    }
  });
});

describe('the columns of the file', () => {
  const columns = [
    { name: 'Date of birth', field: 'birth_date' },
    { name: 'Comment', ignored: true as const },
  ];

  it('are shown, and stay when they are not read once more', () => {
    const first = buildStatus(input({ columns: showColumns({ columns, total: 2 }) }));
    expect(first).toMatchObject({ columns });
    expect(first).not.toHaveProperty('columnsOmitted');
    expect(buildStatus(input({ upload: { ...ACCEPTED, status: first } }))).toMatchObject({ columns });
    expect(buildStatus(input())).not.toHaveProperty('columns');
    expect(buildStatus(input({ columns: showColumns(null) }))).not.toHaveProperty('columns');
  });

  it('that have no room are counted', () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ name: `column ${i} `.repeat(5), field: `field_${i}` }));
    const status = buildStatus(input({ columns: showColumns({ columns: many, total: 250 }) }));
    expect(status.columns!.length).toBeGreaterThan(20);
    expect(status.columns!.length + status.columnsOmitted!).toBe(250);
    expect(Buffer.byteLength(JSON.stringify(status.columns))).toBeLessThan(3600);
    expect(buildStatus(input({ upload: { ...ACCEPTED, status } })).columnsOmitted).toBe(status.columnsOmitted);
  });

  it('have names without control characters, and long ones are cut', () => {
    const strange = [{ name: `a\n\u0000b${'€'.repeat(500)}`, ignored: true as const }];
    const [shown] = buildStatus(input({ columns: showColumns({ columns: strange, total: 1 }) })).columns!;
    expect(shown!.name).toMatch(/^a b€+…$/);
    expect(shown!.name.length).toBeLessThanOrEqual(256);
  });
});

it('the same status with another order of keys is the same; another count is not', () => {
  const status = buildStatus(input());
  const turned = Object.fromEntries(Object.entries(status).reverse());
  expect(sameStatus(turned, status)).toBe(true);
  expect(sameStatus({ ...status, progress: '51%' }, status)).toBe(false);
  expect(sameStatus(undefined, status)).toBe(false);
});
