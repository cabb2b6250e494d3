/**
 * Our contestant: the job runner's processes run as the operator's Jobs would start them, from S3 to the last commit.
 */
import type pg from 'pg';
import { podsAtOnce, sessionsOfPod } from '#common/job-contract.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { withClient } from '#support/database/database.ts';
import type { RunnerResult } from '#support/runner/runner.ts';
import type { BenchFile } from '../files.ts';
import type { Contestant, Sample } from '../harness.ts';
import { expectOutcome, type Outcome } from '../outcome.ts';
import type { Stage } from '../stage.ts';
import { type BenchTarget, readStored } from '../tables.ts';

export interface RunnerOptions {
  stage: Stage;
  name: string;
  target: BenchTarget;
  /** Each file is one upload, and all uploads are started at once. */
  files: readonly BenchFile[];
  /** The uploads' spec.parallelism: the sessions of the database that load one upload. */
  parallelism: number;
  /** Number of pods that run at a time over all uploads, as if the cluster had room for so many; default: no limit. */
  room?: number;
  /** Forces so many process pods of one session each; by default the plan says which pods load, as in a cluster. */
  podsOfOneSession?: number;
  /**
   * Fills the table before the clock starts.
   * @returns the number of rows, each the duplicate of a good record of the files, with the record's row number
   */
  preload?: (url: string) => Promise<number>;
  /** Looks at what was loaded after the clock has stopped. */
  inspect?: (url: string) => Promise<void>;
  /** Name of the contestant that this one is compared with. */
  against?: string;
}

export function createRunner(options: RunnerOptions): Contestant {
  const { name, files, against } = options;
  const records = sum(files.map(({ counts }) => counts.records));
  return { name, records, ...(against ? { against } : {}), run: () => runOnce(options) };
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
        const slot = createSlots(options.room ?? Number.POSITIVE_INFINITY);
        const done = (result: RunnerResult) => peakBytes.push(peakOf(result, target));
        const planned = () => {
          planSeconds = (performance.now() - start) / 1000;
        };
        await Promise.all(ids.map((id) => load(options, { url, db, id, slot, done, planned })));
      }),
    );
    await checkCounts(options, { url, ids, preloaded });
    await options.inspect?.(url);
    return { ...sample, ...(options.podsOfOneSession ? { planSeconds } : {}), peakBytes };
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

/**
 * Does what the operator does for an upload: runs the pod that plans, which loads the file, too, wherever one pod is
 * enough; else the process pods of the Job that the plan asks for.
 */
async function load(options: RunnerOptions, { url, db, id, slot, done, planned }: Loading): Promise<void> {
  const { stage, parallelism, podsOfOneSession: pods } = options;
  const { bench } = stage;
  const env = { BATCH_UPLOAD_PARALLELISM: String(pods ? 1 : parallelism) };
  const planEnv = { ...env, ...(pods ? { BATCH_UPLOAD_INLINE_LIMIT_BYTES: '0' } : {}) };
  done(await slot(() => bench.run('plan', url, id, planEnv)));
  planned();
  if (pods) await db.query('UPDATE batch_upload.batch_uploads SET total_indexes = $2 WHERE id = $1', [id, pods]);
  const { rows } = await db.query<{ execution: string; indexes: number }>(
    'SELECT execution, total_indexes AS indexes FROM batch_upload.batch_uploads WHERE id = $1',
    [id],
  );
  if (rows[0]!.execution === 'Inline') return;
  const podOfJob = createSlots(pods ?? podsAtOnce(parallelism, sessionsOfPod(parallelism)));
  const run = (index: number) => bench.run('process', url, id, { ...env, JOB_COMPLETION_INDEX: String(index) });
  const processes = Array.from({ length: rows[0]!.indexes }, (_, index) => podOfJob(() => slot(() => run(index))));
  for (const result of await Promise.all(processes)) done(result);
}

function peakOf({ code, log }: RunnerResult, { format }: BenchTarget): number {
  const finished = log.find(({ message }) => message === 'finished');
  if (code !== 0 || !finished) throw new Error(`a process ended with ${code}: ${JSON.stringify(log.slice(-3))}`);
  const other = log.find((line) => line['message'] === 'processing' && line['format'] !== format);
  if (other) throw new Error(`COPY's format is ${other['format']}, and the table is there to measure ${format}`);
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
  const all = ids.map((id) => progress.get(id)!.counts);
  const stored = await readStored(url, target, ids);
  const have: Outcome = {
    processed: sum(all.map(({ processed }) => processed)),
    succeeded: sum(all.map(({ succeeded }) => succeeded)),
    failed: sum(all.map(({ failed }) => failed)),
    duplicate: sum(all.map(({ duplicate }) => duplicate)),
    updated: sum(all.map(({ updated }) => updated)),
    ...stored,
  };
  const want = expectOutcome(files, { policy: target.schema.target.onDuplicate, preloaded, stored });
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
