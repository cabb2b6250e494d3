/** The command line loads the file from the local disk, as a person would, without a cluster and without S3. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadResult } from '#cli/load/load-result.ts';
import { startCommand } from '#support/cli/load-processes.ts';
import { watchPeak } from '#support/cli/watch-peak.ts';
import type { BenchFile } from '../files.ts';
import type { Contestant } from '../harness.ts';
import type { Stage } from '../stage.ts';
import { type BenchTarget, countRows } from '../tables.ts';

const LIMIT_MS = 3_600_000;

export interface LoadOptions {
  stage: Stage;
  target: BenchTarget;
  file: BenchFile;
  /** The database's sessions, all of which are in one process. */
  sessions: number;
}

export function createLoad({ stage, target, file, sessions }: LoadOptions): Contestant {
  const { records, succeeded, failed } = file.counts;
  const name = `batch-upload load, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`;
  return {
    name,
    records,
    run: () =>
      stage.withTarget(target, async (url) => {
        let peakBytes = 0;
        let result: LoadResult['records'] | null = null;
        const sample = await stage.measure(async () => {
          const args = ['load', file.path, '-s', target.schemaPath, '-d', url, '-p', `${sessions}`, '-o', 'json'];
          const running = startCommand([...args, '--spool', join(tmpdir(), 'batch-upload-bench/spool')], {
            cwd: tmpdir(),
            limitMs: LIMIT_MS,
          });
          const [end, peak] = await Promise.all([running.done, watchPeak(running.process.pid!)]);
          peakBytes = peak;
          if (end.code !== (failed > 0 ? 1 : 0)) throw new Error(`${name} ended with ${end.code}: ${end.stderr}`);
          result = (JSON.parse(end.stdout) as LoadResult).records;
        });
        const have = { ...result!, rows: await countRows(url, target) };
        if (have.processed !== records || have.succeeded !== succeeded || have.rows !== succeeded)
          throw new Error(`${name}: the counts are ${JSON.stringify(have)}`);
        return { ...sample, peakBytes: [peakBytes] };
      }),
  };
}
