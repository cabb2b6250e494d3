/**
 * `make scale SCALE=uploads` applies UPLOADS (100) uploads of ten records each at once and measures the time until all of them
 * are Complete, RUNS (3) times. Each run checks the counts and the rows, and counts the connections to the database every 50 ms.
 * MAX_CONNECTIONS sets the chart's limit of connections for these runs, and more connections than that fail them. WARM_PODS (4)
 * is the most warm pods; with 0 each upload has a Job of its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { createE2e, NAMESPACE } from '#support/cluster/e2e.ts';
import { putSmallUploads } from '#support/cluster/small-uploads.ts';
import { operatorPods, setVariable } from '#support/kills/operator-kills.ts';

const UPLOADS = Number(process.env['UPLOADS'] ?? 100);
const RUNS = Number(process.env['RUNS'] ?? 3);
const MAX_CONNECTIONS = Number(process.env['MAX_CONNECTIONS'] ?? 0);
const WARM_PODS = process.env['WARM_PODS'] ?? '4';
const SAMPLE_MS = 50;

await using stack = new AsyncDisposableStack();
const e2e = await createE2e();
stack.defer(() => e2e.close());
const { cluster, db } = e2e;
// The test cluster has none, so that its tests see the Jobs of single uploads; this measures the product as it is installed.
const usualPods = await setVariable(e2e, 'BATCH_UPLOAD_WARM_PODS', WARM_PODS);
stack.defer(async () => void (await setVariable(e2e, 'BATCH_UPLOAD_WARM_PODS', usualPods)));
if (MAX_CONNECTIONS > 0) {
  const limits = JSON.stringify({ database: { maxConnections: MAX_CONNECTIONS } });
  const usual = await setVariable(e2e, 'BATCH_UPLOAD_LIMITS', limits);
  stack.defer(async () => void (await setVariable(e2e, 'BATCH_UPLOAD_LIMITS', usual)));
}
const results: object[] = [];
for (let run = 0; run < RUNS; run += 1) results.push(await measure());
console.table(results);

async function measure(): Promise<object> {
  const small = await putSmallUploads(e2e, e2e.unique('many'), UPLOADS);
  const connections = countConnections();
  const before = await countRequests();
  const startedAt = performance.now();
  await small.apply();
  const appliedAt = performance.now();
  // Each look at 100 uploads takes the cores that the uploads need.
  do await sleep(2000);
  while (!(await small.areFinished()));
  const seconds = (performance.now() - startedAt) / 1000;
  const mostConnections = await connections.stop();
  const requests = await countRequests();
  const each = (what: RegExp) => Number(((sum(requests, what) - sum(before, what)) / UPLOADS).toFixed(1));
  const counts = await small.count();
  const isExact = isDeepStrictEqual(counts, small.expected);
  const isWithin = MAX_CONNECTIONS === 0 || mostConnections <= MAX_CONNECTIONS;
  if (!isExact || !isWithin) process.exitCode = 1;
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'batchuploads', '-l', small.selector, '--wait=false');
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'recordschema', small.schema);
  await db.query(`DROP TABLE ${small.table}`);
  const applySeconds = (appliedAt - startedAt) / 1000;
  const [apply, all] = [applySeconds, seconds].map((each) => Number(each.toFixed(1)));
  const perUpload = { requests: each(/./), statusWrites: each(/^\w+ batchuploads\/status/) };
  return { complete: counts.complete, isExact, mostConnections, ...perUpload, applySeconds: apply, seconds: all };
}

/** Counts the requests of both operators to the API server so far, by `verb resource`, without those of leases. */
async function countRequests(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { metadata } of await operatorPods(e2e)) {
    // A rollout leaves pods that are about to end.
    if (metadata.deletionTimestamp !== undefined) continue;
    const path = `/api/v1/namespaces/batch-upload-system/pods/${metadata.name}:8080/proxy/metrics`;
    const text = await cluster.kubectl('get', '--raw', path);
    for (const line of text.split('\n')) {
      const found = /^batch_upload_kube_request_duration_seconds_count\{(.*)\} (\d+)$/.exec(line);
      if (!found) continue;
      const label = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(found[1]!)?.[1] ?? '';
      const key = `${label('verb')} ${label('resource')}`;
      if (!key.endsWith(' leases')) counts.set(key, (counts.get(key) ?? 0) + Number(found[2]));
    }
  }
  return counts;
}

function sum(counts: Map<string, number>, what: RegExp): number {
  return [...counts].reduce((total, [key, count]) => (what.test(key) ? total + count : total), 0);
}

/** Counts the connections of the operator and of all pods until `stop`, which returns the greatest number. */
function countConnections(): { stop: () => Promise<number> } {
  let most = 0;
  let isStopped = false;
  const counting = (async () => {
    while (!isStopped) {
      const { rows } = await db.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()
         AND (application_name LIKE 'batch-upload/%' OR application_name = 'batch-upload-operator')`,
      );
      most = Math.max(most, rows[0]!.n);
      await sleep(SAMPLE_MS);
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await counting;
      return most;
    },
  };
}
