/**
 * Reads what a load costs the server besides CPU: WAL, buffers, transactions and waits, as PostgreSQL counts them itself, and
 * round trips, as a proxy between the contestant and the server counts them. Everything is of the whole server, on
 * which nothing else runs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { withClient } from '#support/database/database.ts';
import { countRoundTrips } from './round-trips.ts';
import type { Stage } from './stage.ts';

export interface Cost {
  walBytes: number;
  /** How often the WAL was forced to the disk. */
  walSyncs: number;
  /** How often a page was found in the shared buffers. */
  bufferHits: number;
  readBytes: number;
  /** Bytes by which the relations grew. */
  extendedBytes: number;
  /** Bytes of changed pages that went to the disk, those of a checkpoint after the load included. */
  writtenBytes: number;
  transactions: number;
  roundTrips: number;
  /** The share of the moments at which a session was at work, but waited for a lock. */
  lockWaits: number;
  /** The same for the disk. */
  diskWaits: number;
  /** The same for the client, as for more rows of a COPY. */
  clientWaits: number;
}

type Waits = Pick<Cost, 'lockWaits' | 'diskWaits' | 'clientWaits'>;
type Counters = Omit<Cost, 'roundTrips' | keyof Waits>;

/** @returns a stage whose samples have the cost, all but the round trips */
export function withCost(stage: Stage): Stage {
  const { url: adminUrl } = stage.bench.postgres;
  let database = '';
  return {
    ...stage,
    withTarget: (target, work) =>
      stage.withTarget(target, (url) => {
        database = new URL(url).pathname.slice(1);
        return work(url);
      }),
    async measure(work) {
      await using stack = new AsyncDisposableStack();
      const client = new pg.Client({ connectionString: adminUrl });
      await client.connect();
      stack.defer(() => client.end());
      const sessions = await countSessions(client, database);
      const before = await readCounters(client, database);
      const sampler = startSampler(adminUrl, database);
      const sample = await stage.measure(work);
      const waits = await sampler.stop();
      await untilSessionsEnded(client, { database, left: sessions });
      const after = await readCounters(client, database);
      return { ...sample, cost: { ...subtract(after, before), roundTrips: 0, ...waits } };
    },
  };
}

/**
 * Runs work on a stage whose contestants reach the server through a proxy.
 * @returns the round trips of what the contestants measured
 */
export async function countOnStage(stage: Stage, work: (stage: Stage) => Promise<unknown>): Promise<number> {
  const server = new URL(stage.bench.postgres.url);
  await using proxy = await countRoundTrips(Number(server.port));
  let roundTrips = 0;
  await work({
    ...stage,
    withTarget: (target, run) =>
      stage.withTarget(target, (url) => run(url.replace(`:${server.port}/`, `:${proxy.port}/`))),
    async measure(run) {
      const before = proxy.roundTrips();
      const sample = await stage.measure(run);
      roundTrips += proxy.roundTrips() - before;
      return sample;
    },
  });
  return roundTrips;
}

/** The checkpoint writes what the load has left in the shared buffers, so that these pages are counted, too. */
async function readCounters(client: pg.Client, database: string): Promise<Counters> {
  const { rows: wal } = await client.query<{ bytes: number }>(
    `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS bytes`,
  );
  await checkpoint(client);
  const { rows } = await client.query<Counters>(
    `SELECT $2::float8 AS "walBytes",
            (SELECT coalesce(sum(fsyncs), 0)::float8 FROM pg_stat_io WHERE object = 'wal') AS "walSyncs",
            sum(hits)::float8 AS "bufferHits",
            sum(read_bytes)::float8 AS "readBytes",
            sum(extend_bytes)::float8 AS "extendedBytes",
            sum(write_bytes)::float8 AS "writtenBytes",
            (SELECT (xact_commit + xact_rollback)::float8 FROM pg_stat_database WHERE datname = $1) AS transactions
     FROM pg_stat_io WHERE object <> 'wal'`,
    [database, wal[0]!.bytes],
  );
  return rows[0]!;
}

/** PostgreSQL's checkpointer adds what it has written to the server's numbers a moment after the checkpoint. */
async function checkpoint(client: pg.Client): Promise<void> {
  const countDone = async () =>
    (await client.query<{ n: number }>('SELECT num_done::float8 AS n FROM pg_stat_checkpointer')).rows[0]!.n;
  const before = await countDone();
  await client.query('CHECKPOINT');
  while ((await countDone()) === before) await sleep(10);
  await sleep(50);
}

function subtract(after: Counters, before: Counters): Counters {
  const names = Object.keys(after) as (keyof Counters)[];
  return Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as unknown as Counters;
}

async function countSessions(client: pg.Client, database: string): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1',
    [database],
  );
  return rows[0]!.n;
}

/** A session adds its numbers to the server's at its end, which comes a moment after the end of its client. */
async function untilSessionsEnded(
  client: pg.Client,
  { database, left }: { database: string; left: number },
): Promise<void> {
  for (let tries = 0; (await countSessions(client, database)) > left; tries += 1) {
    if (tries === 500) throw new Error('sessions of the load do not end');
    await sleep(10);
  }
}

const SAMPLE_MS = 50;

/** Looks again and again what the sessions of a database wait for. A session at work that waits for nothing runs. */
function startSampler(adminUrl: string, database: string): { stop(): Promise<Waits> } {
  const end = new AbortController();
  const seen = { all: 0, locks: 0, disk: 0, client: 0 };
  const done = withClient(adminUrl, async (client) => {
    while (!end.signal.aborted) {
      const { rows } = await client.query<typeof seen>(
        `SELECT count(*)::int AS all,
                count(*) FILTER (WHERE wait_event_type IN ('Lock', 'LWLock', 'BufferPin'))::int AS locks,
                count(*) FILTER (WHERE wait_event_type = 'IO')::int AS disk,
                count(*) FILTER (WHERE wait_event_type = 'Client')::int AS client
         FROM pg_stat_activity WHERE datname = $1 AND state <> 'idle'`,
        [database],
      );
      for (const name of ['all', 'locks', 'disk', 'client'] as const) seen[name] += rows[0]![name];
      await sleep(SAMPLE_MS, undefined, { signal: end.signal }).catch(() => undefined);
    }
  });
  return {
    async stop() {
      end.abort();
      await done;
      const share = (n: number) => (seen.all === 0 ? 0 : n / seen.all);
      return { lockWaits: share(seen.locks), diskWaits: share(seen.disk), clientWaits: share(seen.client) };
    },
  };
}
