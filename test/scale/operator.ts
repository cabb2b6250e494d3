/**
 * `node test/scale/operator.ts` measures without a cluster what the operator asks of the API server and of PostgreSQL:
 * the real controller, real PostgreSQL servers, and an API server in memory that counts each request.
 *
 * 1. ACTIVE (200) uploads that commit a chunk every second, and WAITING (1,000) uploads whose RecordSchema is missing.
 *    The requests of SECONDS (60) are counted.
 * 2. NAMESPACES (200) with a database each, of which DEAD (20) accept connections and never answer: the time of one
 *    sweep, and the connections during and after it.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { systemClock } from '#common/clock.ts';
import type { KubeObject } from '#kube/types.ts';
import { APPLICATION_NAME } from '#ledger/client/pool-connection.ts';
import { migrate } from '#ledger/migrate.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { sweep } from '#operator/controller/close-deleted.ts';
import { Databases } from '#operator/tenancy/databases.ts';
import { type ControllerBench, startController } from '#support/cluster/controller.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { testPlan } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

const ACTIVE = Number(process.env['ACTIVE'] ?? 200);
const WAITING = Number(process.env['WAITING'] ?? 1000);
const SECONDS = Number(process.env['SECONDS'] ?? 60);
const NAMESPACES = Number(process.env['NAMESPACES'] ?? 200);
const DEAD = Number(process.env['DEAD'] ?? 20);
const NAMESPACE = 'one';

await using postgres = await startPostgres({ settings: { fsync: 'off', max_connections: 1000 } });
console.log(await measureRequests(postgres));
console.log(await measureSweep(postgres));

async function measureRequests(server: Postgres): Promise<object> {
  const url = await createDatabase(server);
  await using bench = await startController({ databases: { [NAMESPACE]: url }, env: { BATCH_UPLOAD_TICK_MS: '1000' } });
  const { api } = bench;
  for (let at = 0; at < ACTIVE; at += 1) bench.upload(NAMESPACE, `active-${at}`);
  await waitFor(() => countPhases(bench)['Planning'] === ACTIVE);
  return await withClient(url, async (client) => {
    for (const upload of api.all('batchuploads')) await plan(client, upload.metadata!.uid!);
    await waitFor(() => countPhases(bench)['Processing'] === ACTIVE);
    await waitFor(
      () => api.all('jobs').filter(({ metadata }) => metadata!.name!.includes('-process-')).length === ACTIVE,
    );
    for (const job of api.all('jobs')) api.put('pods', runningPod(job));
    for (let at = 0; at < WAITING; at += 1)
      bench.upload(NAMESPACE, `waiting-${at}`, { schemaRef: { name: 'missing' } });
    await waitFor(() => countPhases(bench)['Pending'] === WAITING);
    const first = api.requests.length;
    const startedAt = performance.now();
    for (let second = 0; second < SECONDS; second += 1) {
      await commitChunk(client, second);
      await sleep(Math.max(0, startedAt + (second + 1) * 1000 - performance.now()));
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const counted = Map.groupBy(
      api.requests.slice(first),
      ({ method, plural, subresource }) => `${method} ${plural}${subresource && `/${subresource}`}`,
    );
    const rates = counted.entries().map(([what, all]) => [what, Number((all.length / seconds).toFixed(2))] as const);
    return { phases: countPhases(bench), seconds: Math.round(seconds), requestsPerSecond: Object.fromEntries(rates) };
  });
}

function countPhases({ api }: ControllerBench): Record<string, number> {
  const phaseOf = ({ status }: Record<string, unknown>) => (status as { phase?: string } | undefined)?.phase ?? 'none';
  const uploads = api.all('batchuploads');
  return Object.fromEntries(
    Map.groupBy(uploads, phaseOf)
      .entries()
      .map(([phase, all]) => [phase, all.length]),
  );
}

/** Plans enough chunks that the upload does not end while it is measured. */
async function plan(client: pg.Client, id: string): Promise<void> {
  const chunks = Array.from({ length: SECONDS + 100 }, (_, at) => ({
    startByte: at * 100,
    endByte: at * 100 + 100,
    firstRowNumber: at * 10 + 2,
    recordCount: 10,
  }));
  const totals = { totalRecords: chunks.length * 10, totalIndexes: 2 };
  await commitPlan(client, { id, attempt: 1 }, { ...testPlan(id), execution: 'Job', chunks, ...totals });
}

/** Commits one chunk of each upload, as its pods would. */
async function commitChunk(client: pg.Client, number: number): Promise<void> {
  await client.query(
    `WITH done AS (
       UPDATE batch_upload.batch_upload_chunks SET completed_at = clock_timestamp() WHERE chunk_number = $1
       RETURNING batch_upload_id)
     INSERT INTO batch_upload.batch_upload_audit_logs
       (batch_upload_id, event_type, chunk_number, records_in_chunk, succeeded_count, failed_count, duplicate_count,
        updated_count, duration_ms, metadata)
     SELECT batch_upload_id, 'chunk_completed', $1, 10, 10, 0, 0, 0, 1, '{}' FROM done`,
    [number],
  );
}

function runningPod({ metadata = {} }: KubeObject): object {
  const { name = '', namespace, labels, uid = '' } = metadata;
  return {
    metadata: {
      name: `${name}-pod`,
      namespace,
      labels: { ...labels, 'job-name': name },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid }],
    },
    status: { phase: 'Running', containerStatuses: [{ name: 'runner', state: { running: {} } }] },
  };
}

async function measureSweep(server: Postgres): Promise<object> {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const dead = `postgres://u:p@127.0.0.1:${(silent.address() as AddressInfo).port}/d`;
  const urls: string[] = [];
  for (let at = 0; at < NAMESPACES; at += 1) urls.push(at < DEAD ? dead : await createDatabase(server));
  for (const url of urls.slice(DEAD)) await withClient(url, migrate);
  const uriOf = (namespace: string) => {
    const url = urls[Number(namespace)]!;
    return url === dead ? `${url}${namespace}` : url;
  };
  const find = async (_type: unknown, { namespace = '' }: { namespace?: string }) => ({
    data: { uri: Buffer.from(uriOf(namespace)).toString('base64') },
  });
  const client = { find } as never;
  const log = createRecordingLog();
  const databases = new Databases({ client, clock: systemClock, log, tickMs: 1000, program: 'operator' });
  const namespaces = urls.map((_, at) => String(at));
  const uploads = { hasSynced: true } as never;
  const deps = {
    onWentBack: () => undefined,
    findMigrator: () => async () => null,
    client,
    databases,
    log,
    namespaces,
    clusterId: 'c',
    extraDatabaseSecrets: [],
    reachPoint: () => undefined,
  };
  const connections = watchConnections(server);
  const startedAt = performance.now();
  await sweep({ ...deps, caches: { uploads, uploadByUid: () => undefined } }, new AbortController().signal);
  const sweepSeconds = (performance.now() - startedAt) / 1000;
  const atItsEnd = (await connections.counted()).at(-1)!;
  await sleep(12_000);
  const counted = await connections.end();
  await databases.close();
  silent.close();
  const most = Math.max(...counted);
  return {
    namespaces: NAMESPACES,
    dead: DEAD,
    sweepSeconds: Number(sweepSeconds.toFixed(1)),
    connections: { most, atItsEnd, twelveSecondsLater: counted.at(-1) },
  };
}

/** Counts the operator's connections to the server four times a second. */
function watchConnections(server: Postgres) {
  const counts: number[] = [];
  const stop = new AbortController();
  const watching = withClient(server.url, async (client) => {
    const count = async () => {
      const { rows } = await client.query<{ n: number }>(
        'SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = $1',
        [APPLICATION_NAME],
      );
      counts.push(rows[0]!.n);
    };
    while (!stop.signal.aborted) {
      await count();
      await sleep(250, undefined, { signal: stop.signal }).catch(() => undefined);
    }
    await count();
  });
  return {
    async counted(): Promise<number[]> {
      const before = counts.length;
      while (counts.length === before) await sleep(20);
      return counts;
    },
    async end(): Promise<number[]> {
      stop.abort();
      await watching;
      return counts;
    },
  };
}

async function waitFor(what: () => boolean): Promise<void> {
  for (const since = performance.now(); !what(); await sleep(100)) {
    if (performance.now() - since > 180_000) throw new Error(`did not happen within 3 minutes: ${what}`);
  }
}
