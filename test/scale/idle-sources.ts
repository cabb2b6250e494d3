/**
 * `node test/scale/idle-sources.ts` measures what the bridge of the running cluster costs that watches SOURCES (100)
 * while nothing arrives. Of a hundred sources 40 list a prefix every minute, 20 have a queue, 20 a webhook, and 20 list
 * a folder of an SSH server every minute. The bridge has made uploads of a few files of each source before, and the
 * operator is stopped meanwhile. A new bridge gets SETTLE seconds (90) to start; then the pod's own cgroup is read for SECONDS (120).
 * bridge-idle.ts does the same without a cluster.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UploadSource } from '#kube/custom-resources.ts';
import {
  applySecret,
  deleteSecret,
  forPods,
  hostAddress,
  removeObjects,
  SFTP_SECRET,
  scaleBridge,
  WEBHOOK_SECRET,
} from '#support/bridge/sources.ts';
import { startSqsServer } from '#support/bridge/sqs-server.ts';
import { createE2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';
import { sourceManifest } from '#support/cluster/manifests.ts';
import { podUsage } from '#support/cluster/pod-usage.ts';
import { scaleOperator } from '#support/kills/operator-kills.ts';
import { startSshServer } from '#support/sftp/ssh-server.ts';

const SOURCES = Number(process.env['SOURCES'] ?? 100);
const SECONDS = Number(process.env['SECONDS'] ?? 120);
const SETTLE = Number(process.env['SETTLE'] ?? 90);
const FILES = 3;
const PREFIX = 'idle/';
const LABEL = 'e2e.test/idle=true';

await using stack = new AsyncDisposableStack();
const e2e = await createE2e();
stack.defer(() => e2e.close());
const { cluster } = e2e;
const sqs = stack.use(await startSqsServer());
const ssh = stack.use(await startSshServer({ listenAddresses: [hostAddress(e2e)] }));
stack.defer(cleanUp);

await scaleOperator(e2e, 0);
await applySecret(e2e, WEBHOOK_SECRET, { token: '0123456789abcdef' });
await applySecret(e2e, SFTP_SECRET, {
  privateKey: ssh.privateKey,
  knownHosts: ssh.knownHosts({ host: hostAddress(e2e) }),
});
const kinds: Record<string, number> = {};
const manifests: object[] = [];
for (let at = 0; at < SOURCES; at += 1) manifests.push(await makeSource(at));
await cluster.apply(...manifests);
await eventuallyTrue(async () => (await countUploads()) === SOURCES * FILES, 'not every file has its upload', 180_000);
// A new process is measured only after its start, so that the start of a hundred sources does not count.
await scaleBridge(e2e, 0);
await scaleBridge(e2e, 1);
await sleep(SETTLE * 1000);
const before = await podUsage(e2e);
const startedAt = performance.now();
const memory: number[] = [];
while (performance.now() - startedAt < SECONDS * 1000) {
  await sleep(5_000);
  memory.push((await podUsage(e2e)).memoryMb);
}
const after = await podUsage(e2e);
const seconds = (performance.now() - startedAt) / 1000;
console.log({
  kinds,
  ready: await countReady(),
  uploads: await countUploads(),
  seconds: Math.round(seconds),
  cpuPercentOfACore: Number((((after.cpuSeconds - before.cpuSeconds) / seconds) * 100).toFixed(2)),
  cgroupMb: { least: Math.min(...memory), most: Math.max(...memory) },
  cgroupPeakMb: after.peakMb,
  rssMb: after.rssMb,
});

async function makeSource(at: number): Promise<object> {
  const name = `idle-${at}`;
  const kind = ['s3Poll', 's3Poll', 's3Poll', 's3Poll', 'sqs', 'sqs', 'webhook', 'webhook', 'sftp', 'sftp'][at % 10]!;
  kinds[kind] = (kinds[kind] ?? 0) + 1;
  const folder = await ssh.makeFolder(name);
  for (let n = 0; n < FILES; n += 1) {
    const body = `k,v\n${at}-${n},idle\n`;
    if (kind !== 'sftp') await cluster.putObject(`${PREFIX}${name}/${n}.csv`, body);
    else {
      const path = join(folder, `${n}.csv`);
      await writeFile(path, body);
      ssh.own(path);
    }
  }
  const login = { host: hostAddress(e2e), port: ssh.port, username: ssh.username, secretRef: { name: SFTP_SECRET } };
  const how: Record<string, () => Promise<object>> = {
    s3Poll: async () => ({ s3Poll: { intervalSeconds: 60 } }),
    sqs: async () => ({ s3Event: { sqs: { queueUrl: forPods(e2e, await sqs.createQueue(name)) } } }),
    webhook: async () => ({ s3Event: { webhook: { secretRef: { name: WEBHOOK_SECRET } } } }),
    sftp: async () => ({ sftp: { ...login, directory: folder, uploadPrefix: PREFIX, intervalSeconds: 60 } }),
  };
  return sourceManifest(NAMESPACE, name, {
    ...(await how[kind]!()),
    s3: { bucket: cluster.env.S3_BUCKET, ...(kind === 'sftp' ? {} : { prefix: `${PREFIX}${name}/` }) },
    schemas: [{ schemaRef: { name: 'idle' } }],
    settleSeconds: 0,
    template: { metadata: { labels: { 'e2e.test/idle': 'true' } } },
  });
}

async function countUploads(): Promise<number> {
  const names = await cluster.kubectl('-n', NAMESPACE, 'get', 'batchuploads', '-l', LABEL, '-o', 'name');
  return names.split('\n').filter(Boolean).length;
}

async function countReady(): Promise<number> {
  const { items } = JSON.parse(await cluster.kubectl('-n', NAMESPACE, 'get', 'uploadsources', '-o', 'json')) as {
    items: UploadSource[];
  };
  const isReady = ({ status }: UploadSource) =>
    status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  return items.filter(({ metadata }) => metadata!.name!.startsWith('idle-')).filter(isReady).length;
}

async function cleanUp(): Promise<void> {
  const names = Array.from({ length: SOURCES }, (_, at) => `idle-${at}`);
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'uploadsources', '--ignore-not-found', ...names);
  const query = new URLSearchParams({ labelSelector: LABEL });
  await cluster.kubectl(
    'delete',
    '--raw',
    `/apis/batchupload.dev/v1alpha1/namespaces/${NAMESPACE}/batchuploads?${query}`,
  );
  for (const secret of [WEBHOOK_SECRET, SFTP_SECRET]) await deleteSecret(e2e, secret);
  await removeObjects(e2e, PREFIX);
  await scaleOperator(e2e, 2);
}
