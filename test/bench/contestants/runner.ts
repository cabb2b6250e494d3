/**
 * Our contestant: the job runner's processes run as the operator's Jobs would start them, from S3 to the last commit.
 */
import type pg from 'pg';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { withClient } from '#support/database/database.ts';
import type { RunnerResult } from '#support/runner/runner.ts';
import type { BenchFile } from '../files.ts';
import type { Contestant, Sample } from '../harness.ts';
import { type BenchTarget, countRows, type Stage } from '../stage.ts';

export interface RunnerOptions {
  stage: Stage;
  name: string;
  target: BenchTarget;
  /** Each file is one upload, and all uploads are started at once. */
  files: readonly BenchFile[];
  /** Number of processes that run at a time over all uploads, as if the cluster had room for so many pods. */
  slots: number;
  /** Number of indexes of the process Job after the plan; when absent, the planner chooses as in a cluster. */
  indexes?: number;
  /**
   * Fills the table before the clock starts.
   * @returns the number of rows, each the duplicate of a good record of the files
   */
  preload?: (url: string) => Promise<number>;
  /** Looks at what was loaded after the clock has stopped. */
  inspect?: (url: string) => Promise<void>;
}

export function createRunner(options: RunnerOptions): Contestant {
  const { name, files } = options;
  return { name, records: sum(files.map(({ counts }) => counts.records)), run: () => runOnce(options) };
}

async function runOnce(options: RunnerOptions): Promise<Sample> {
  const { stage, target, files, preload } = options;
  const keys: string[] = [];
  for (const file of files) keys.push(await stage.putFile(file));
  return stage.withTarget(target, async (url) => {
    const preloaded = (await preload?.(url)) ?? 0;
    const ids: string[] = [];
    for (const key of keys) ids.push(await stage.bench.open(url, key, { schema: target.schema }));
    const peakBytes: number[] = [];
    let planSeconds = 0;
    const sample = await withClient(url, async (db) =>
      stage.measure(async () => {
        const start = performance.now();
        const slot = createSlots(options.slots);
        const done = (result: RunnerResult) => peakBytes.push(peakOf(result));
        const planned = () => {
          planSeconds = (performance.now() - start) / 1000;
        };
        await Promise.all(ids.map((id) => load(options, { url, db, id, slot, done, planned })));
      }),
    );
    await checkCounts(options, { url, ids, preloaded });
    await options.inspect?.(url);
    return { ...sample, ...(options.indexes ? { planSeconds } : {}), peakBytes };
  });
}

interface Loading {
  url: string;
  db: pg.Client;
  id: string;
  slot: Slots;
  done: (result: RunnerResult) => void;
  planned: () => void;
}

/** Does what the operator does for an upload: runs the plan, then the processes of the Job that the plan asks for. */
async function load({ stage, indexes }: RunnerOptions, { url, db, id, slot, done, planned }: Loading): Promise<void> {
  const { bench } = stage;
  const env: Record<string, string> = { BATCH_UPLOAD_PARALLELISM: '2' };
  if (indexes) env['BATCH_UPLOAD_INLINE_LIMIT_BYTES'] = '0';
  done(await slot(() => bench.run('plan', url, id, env)));
  planned();
  if (indexes) await db.query('UPDATE batch_upload.batch_uploads SET total_indexes = $2 WHERE id = $1', [id, indexes]);
  const { rows } = await db.query<{ execution: string; indexes: number }>(
    'SELECT execution, total_indexes AS indexes FROM batch_upload.batch_uploads WHERE id = $1',
    [id],
  );
  if (rows[0]!.execution === 'Inline') return;
  const processes = Array.from({ length: rows[0]!.indexes }, (_, index) =>
    slot(() => bench.run('process', url, id, { JOB_COMPLETION_INDEX: String(index) })),
  );
  for (const result of await Promise.all(processes)) done(result);
}

function peakOf({ code, log }: RunnerResult): number {
  const finished = log.find(({ message }) => message === 'finished');
  if (code !== 0 || !finished) throw new Error(`a process ended with ${code}: ${JSON.stringify(log.slice(-3))}`);
  return finished['peakRssBytes'] as number;
}

/**
 * @throws when the ledger or the table differ from what the generator put in: a load that is fast and wrong is no
 * result.
 */
async function checkCounts(
  { name, target, files }: RunnerOptions,
  { url, ids, preloaded }: { url: string; ids: string[]; preloaded: number },
): Promise<void> {
  const progress = await withClient(url, (client) => readProgress(client, ids));
  const total = (of: (counts: { processed: number; succeeded: number; failed: number; duplicate: number }) => number) =>
    sum(ids.map((id) => of(progress.get(id)!.counts)));
  const have = {
    processed: total((counts) => counts.processed),
    succeeded: total((counts) => counts.succeeded),
    failed: total((counts) => counts.failed),
    duplicate: total((counts) => counts.duplicate),
    rows: await countRows(url, target),
  };
  const good = sum(files.map(({ counts }) => counts.succeeded));
  const want = {
    processed: sum(files.map(({ counts }) => counts.records)),
    succeeded: good - preloaded,
    failed: sum(files.map(({ counts }) => counts.failed)),
    duplicate: preloaded,
    rows: good,
  };
  if (JSON.stringify(have) !== JSON.stringify(want))
    throw new Error(`${name}: the counts are ${JSON.stringify(have)}, the generator's ${JSON.stringify(want)}`);
}

type Slots = <T>(work: () => Promise<T>) => Promise<T>;

/** Runs at most `count` pieces of work at a time, in the order in which they were handed in. */
function createSlots(count: number): Slots {
  const waiting: (() => void)[] = [];
  let free = count;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
