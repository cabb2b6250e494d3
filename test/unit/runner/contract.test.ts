import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Fault } from '#common/faults.ts';
import {
  attemptOfWorkKey,
  BYTES_PER_SESSION,
  chooseIndexes,
  chunksOfIndex,
  DEFAULTS,
  ENV,
  formatTermination,
  isWorkKey,
  MAX_INDEXES,
  MOST_OF_A_VARIABLE,
  parseTermination,
  podsAtOnce,
  readRunnerConfig,
  SESSIONS_PER_POD,
  sessionsOfPod,
  workKey,
  workPrefix,
} from '#common/job-contract.ts';
import { protectEnv } from '#operator/jobs/protect-limits.ts';
import { readProjectFile } from '../docs/markdown.ts';

describe('the key of a copy', () => {
  const id = '0b4ec2ff-6ad4-4f9a-a8f0-2ec2f3a3b1ce';
  it.each([
    [1, `work/${id}/p/canonical.csv`],
    [2, `work/${id}/attempt-2/p/canonical.csv`],
    [13, `work/${id}/attempt-13/p/canonical.csv`],
  ])('attempt %i', (attempt, key) => {
    expect(workKey(id, { attempt, podName: 'p' })).toBe(key);
    expect(attemptOfWorkKey(key)).toBe(attempt);
    expect(isWorkKey(key)).toBe(true);
    expect(key.startsWith(workPrefix(id))).toBe(true);
  });

  it('a pod with the name of a folder is a pod', () => {
    expect(attemptOfWorkKey(workKey(id, { attempt: 1, podName: 'attempt-7' }))).toBe(1);
    expect(attemptOfWorkKey(workKey(id, { attempt: 2, podName: 'attempt-7' }))).toBe(2);
  });
});

describe('sessionsOfPod', () => {
  it.each([
    { parallelism: 1, sessions: 1, pods: 1 },
    { parallelism: 2, sessions: 2, pods: 1 },
    { parallelism: 3, sessions: 3, pods: 1 },
    { parallelism: 4, sessions: 4, pods: 1 },
    { parallelism: 5, sessions: 4, pods: 1 },
    { parallelism: 6, sessions: 3, pods: 2 },
    { parallelism: 8, sessions: 4, pods: 2 },
    { parallelism: 11, sessions: 3, pods: 3 },
    { parallelism: 128, sessions: 4, pods: 32 },
  ])('parallelism $parallelism: $pods pods of $sessions sessions', ({ parallelism, sessions, pods }) => {
    expect(sessionsOfPod(parallelism)).toBe(sessions);
    expect(podsAtOnce(parallelism, sessions)).toBe(pods);
  });

  it('pods together have never more sessions than asked for, and at least three quarters of them', () => {
    for (let parallelism = 1; parallelism <= 128; parallelism += 1) {
      const sessions = sessionsOfPod(parallelism);
      const all = sessions * podsAtOnce(parallelism, sessions);
      expect(all, `${parallelism}`).toBeLessThanOrEqual(parallelism);
      expect(all, `${parallelism}`).toBeGreaterThanOrEqual(0.75 * parallelism);
      expect(sessions).toBeLessThanOrEqual(SESSIONS_PER_POD);
    }
  });

  it('fewer pods stay at work where their sessions are more than asked for later, and never none', () => {
    expect(podsAtOnce(9, 4)).toBe(2);
    expect(podsAtOnce(3, 4)).toBe(1);
  });
});

describe('chooseIndexes', () => {
  const MIB = 1024 * 1024;
  const POD_MIB = (SESSIONS_PER_POD * BYTES_PER_SESSION) / MIB;
  it.each([
    { mib: 0, chunks: 1, parallelism: 4, indexes: 1 },
    { mib: 300, chunks: 400, parallelism: 1, indexes: 1 },
    { mib: 2048, chunks: 18_000, parallelism: 4, indexes: 1 },
    { mib: 2049, chunks: 18_000, parallelism: 4, indexes: 2 },
    { mib: 513, chunks: 4000, parallelism: 1, indexes: 2 },
    { mib: POD_MIB, chunks: 800, parallelism: 8, indexes: 1 },
    { mib: POD_MIB + 1, chunks: 800, parallelism: 8, indexes: 2 },
    { mib: 1000, chunks: 9000, parallelism: 5, indexes: 1 },
    { mib: 5 * 1024, chunks: 40_000, parallelism: 1, indexes: 10 },
    { mib: 5 * 1024, chunks: 40_000, parallelism: 4, indexes: 3 },
    { mib: 1024, chunks: 9000, parallelism: 32, indexes: 8 },
    { mib: 1000, chunks: 9000, parallelism: 14, indexes: 4 },
    { mib: 1000, chunks: 3, parallelism: 8, indexes: 1 },
    { mib: 1000, chunks: 9, parallelism: 128, indexes: 3 },
    { mib: 5000, chunks: 40_000, parallelism: 8, indexes: 4 },
    { mib: 1_000_000, chunks: 9_000_000, parallelism: 4, indexes: MAX_INDEXES },
    { mib: 1_000_000, chunks: 9_000_000, parallelism: 100, indexes: MAX_INDEXES },
  ])(
    '$mib MiB in $chunks chunks with parallelism $parallelism make $indexes indexes',
    ({ mib, indexes, ...limits }) => {
      const { inlineLimitBytes } = DEFAULTS;
      expect(chooseIndexes(mib * MIB, { ...limits, inlineLimitBytes })).toBe(indexes);
    },
  );

  it('leave no pod more than it may load alone', () => {
    const limits = { chunks: 90, parallelism: 12 };
    expect(chooseIndexes(9 * MIB, { ...limits, inlineLimitBytes: 10 * MIB })).toBe(1);
    expect(chooseIndexes(11 * MIB, { ...limits, inlineLimitBytes: 10 * MIB })).toBe(2);
    expect(chooseIndexes(90 * MIB, { ...limits, inlineLimitBytes: 10 * MIB })).toBe(3);
  });

  it('are as many as pods run at once where no file is done by one alone', () => {
    expect(chooseIndexes(10, { chunks: 9, parallelism: 8, inlineLimitBytes: 0 })).toBe(2);
    expect(chooseIndexes(10, { chunks: 9, parallelism: 4, inlineLimitBytes: 0 })).toBe(1);
  });
});

it('the runs of all indexes are every chunk once, in order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 128 }), fc.integer({ min: 0, max: 100_000 }), (indexes, chunks) => {
      let next = 0;
      for (let index = 0; index < indexes; index += 1) {
        const run = chunksOfIndex(index, indexes, chunks);
        expect(run.first).toBe(next);
        expect(run.end).toBeGreaterThanOrEqual(run.first);
        next = run.end;
      }
      expect(next).toBe(chunks);
    }),
  );
});

describe('termination message', () => {
  const fault = new Fault({
    code: 'S3_NOT_FOUND',
    category: 'permanent',
    reason: 'ObjectNotFound',
    message: 'x'.repeat(9000),
  });

  it('survives the way through Kubernetes, within 4 KiB', () => {
    const text = formatTermination(fault);
    expect(Buffer.byteLength(text)).toBeLessThan(4096);
    expect(parseTermination(text)).toMatchObject({
      code: 'S3_NOT_FOUND',
      reason: 'ObjectNotFound',
      category: 'permanent',
    });
  });

  it.each([undefined, '', 'Segmentation fault', '{"a":1}', 'null'])('%j is not ours', (text) => {
    expect(parseTermination(text)).toBeNull();
  });
});

describe('readRunnerConfig', () => {
  const env = { BATCH_UPLOAD_ID: 'u', BATCH_UPLOAD_NAMESPACE: 'n', DATABASE_URL: 'postgres://a/b' };

  it('has defaults for everything that can have one', () => {
    expect(readRunnerConfig(env)).toMatchObject({ attempt: 1, parallelism: 4, completionIndex: 0, datadog: false });
  });

  it.each(Object.keys(env))('names a missing %s', (name) => {
    expect(() => readRunnerConfig({ ...env, [name]: '' })).toThrow(name);
  });

  it('reads every limit of spec.target.protect that an upload can have, also one that is older than the CRD’s maximum', () => {
    const limits = { maxReplicaLagSeconds: 86_400, maxWalBytesPerSecond: Number.MAX_SAFE_INTEGER };
    expect(readRunnerConfig({ ...env, ...protectEnv(limits) }).protect).toEqual({
      maxReplicaLagSeconds: 86_400,
      maxWalBytesPerSecond: MOST_OF_A_VARIABLE,
    });
    expect(() => readRunnerConfig({ ...env, [ENV.maxWalBytesPerSecond]: String(MOST_OF_A_VARIABLE + 1) })).toThrow(
      ENV.maxWalBytesPerSecond,
    );
  });

  it('refuses a number that is none, by name', () => {
    expect(() => readRunnerConfig({ ...env, JOB_COMPLETION_INDEX: '1.5' })).toThrow('JOB_COMPLETION_INDEX');
  });
});

interface CrdSchema {
  type?: string;
  format?: string;
  enum?: string[];
  pattern?: string;
  maximum?: number;
  properties?: Record<string, CrdSchema>;
  items?: CrdSchema;
  additionalProperties?: CrdSchema;
}

const specOf = (plural: string): CrdSchema =>
  parse(readProjectFile(`crds/${plural}.yaml`)).spec.versions[0].schema.openAPIV3Schema.properties.spec;

/** The parts of the schema that have the type, with their paths. */
const listParts = (schema: CrdSchema, type: string, path: string): { path: string; part: CrdSchema }[] => [
  ...(schema.type === type ? [{ path, part: schema }] : []),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, each]) => listParts(each, type, `${path}.${name}`)),
  ...(schema.items ? listParts(schema.items, type, `${path}[]`) : []),
  ...(schema.additionalProperties ? listParts(schema.additionalProperties, type, `${path}.*`) : []),
];

describe('whole numbers of the CRDs', () => {
  /** The operator and the bridge compare these numbers with others, and pass them to nobody. */
  const COMPARED_ONLY = /(maxFailedRecords|[.]filter[.](min|max)Bytes)$/;
  const mostOf = ({ maximum, format }: CrdSchema) => maximum ?? (format === 'int32' ? 2 ** 31 - 1 : 2 ** 63);

  it.each(['batchuploads', 'recordschemas', 'uploadsources'])(
    '%s lets none through that a pod cannot have',
    (plural) => {
      const integers = listParts(specOf(plural), 'integer', 'spec');
      expect(integers.length).toBeGreaterThan(1);
      const tooGreat = integers.filter(
        ({ path, part }) => mostOf(part) > MOST_OF_A_VARIABLE && !COMPARED_ONLY.test(path),
      );
      expect(tooGreat.map(({ path }) => path)).toEqual([]);
    },
  );
});

describe('texts of an upload that the ledger keeps', () => {
  const { source, format } = specOf('batchuploads').properties!;
  const { s3, afterSuccess, template } = specOf('uploadsources').properties!;
  const formatOfTemplate = template!.properties!['spec']!.properties!['format'];
  const takes = (text: string, { pattern = '' }: CrdSchema) => new RegExp(pattern, 'u').test(text);

  it.each(Object.entries({ source, format, s3, afterSuccess, formatOfTemplate }))(
    '%s refuses U+0000, which PostgreSQL stores in no text',
    (name, schema) => {
      const texts = listParts(schema!, 'string', name).filter(({ part }) => !part.enum && part.format !== 'date-time');
      expect(texts.length).toBeGreaterThan(0);
      expect(texts.filter(({ part }) => takes('a\0b/', part)).map(({ path }) => path)).toEqual([]);
    },
  );

  it('a key may have every other character', () => {
    expect(takes('in/ä 1\t\n%00.csv', source!.properties!['s3']!.properties!['key']!)).toBe(true);
  });
});
