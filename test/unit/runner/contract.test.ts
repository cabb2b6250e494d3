import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '#common/faults.ts';
import {
  chooseIndexes,
  chunksOfIndex,
  formatTermination,
  MAX_INDEXES,
  parseTermination,
  readRunnerConfig,
} from '#common/job-contract.ts';

describe('chooseIndexes', () => {
  const MIB = 1024 * 1024;
  it.each([
    { mib: 0, chunks: 1, parallelism: 4, indexes: 1 },
    { mib: 49, chunks: 400, parallelism: 1, indexes: 1 },
    { mib: 49, chunks: 400, parallelism: 4, indexes: 2 },
    { mib: 96, chunks: 800, parallelism: 4, indexes: 2 },
    { mib: 97, chunks: 800, parallelism: 4, indexes: 3 },
    { mib: 1000, chunks: 9000, parallelism: 4, indexes: 4 },
    { mib: 1000, chunks: 3, parallelism: 4, indexes: 3 },
    { mib: 2048, chunks: 18_000, parallelism: 4, indexes: 4 },
    { mib: 2049, chunks: 18_000, parallelism: 4, indexes: 8 },
    { mib: 1_000_000, chunks: 9_000_000, parallelism: 4, indexes: MAX_INDEXES },
    { mib: 1_000_000, chunks: 9_000_000, parallelism: 100, indexes: MAX_INDEXES },
  ])('$mib MiB in $chunks chunks with $parallelism pods make $indexes indexes', ({ mib, indexes, ...limits }) => {
    expect(chooseIndexes(mib * MIB, { ...limits, inlineLimitBytes: 48 * MIB })).toBe(indexes);
  });

  it('are as many as pods where no file is done by one alone', () => {
    expect(chooseIndexes(10, { chunks: 9, parallelism: 3, inlineLimitBytes: 0 })).toBe(3);
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

  it('refuses a number that is none, by name', () => {
    expect(() => readRunnerConfig({ ...env, JOB_COMPLETION_INDEX: '1.5' })).toThrow('JOB_COMPLETION_INDEX');
  });
});
