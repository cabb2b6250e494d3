/**
 * `SIZE=5GB node test/scale/sftp-bridge.ts` fetches a big file from a real OpenSSH server through the bridge of the
 * running cluster into the bucket, over a connection that is cut CUTS (2) times. The program prints the rate and the
 * peak memory of the pod by its cgroup, and compares the digest. The operator is stopped meanwhile, so nothing is
 * loaded. sftp.ts does the same without a cluster.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  applySecret,
  createTestSource,
  deleteSecret,
  hostAddress,
  SFTP_SECRET,
  scaleBridge,
} from '#support/bridge/sources.ts';
import { createE2e, eventuallyTrue } from '#support/cluster/e2e.ts';
import { podUsage } from '#support/cluster/pod-usage.ts';
import { scaleOperator } from '#support/kills/operator-kills.ts';
import { startToxiproxy } from '#support/network/toxiproxy.ts';
import { digestOfObject, storedBytes, writeBigFile } from '#support/records/big-file.ts';
import { startSshServer } from '#support/sftp/ssh-server.ts';

const size = Number(/^([\d.]+)GB$/.exec(process.env['SIZE'] ?? '5GB')?.[1]) * 1e9;
const cuts = Number(process.env['CUTS'] ?? 2);

await using stack = new AsyncDisposableStack();
const e2e = await createE2e();
stack.defer(() => e2e.close());
const { s3, env } = e2e.cluster;
const host = hostAddress(e2e);
const ssh = stack.use(await startSshServer());
const toxiproxy = stack.use(await startToxiproxy());
const proxy = await toxiproxy.createProxy(ssh.port, { host });
const source = await createTestSource(e2e, 'big');
stack.defer(() => source.remove());
stack.defer(() => deleteSecret(e2e, SFTP_SECRET));
await scaleOperator(e2e, 0);
stack.defer(() => scaleOperator(e2e, 2));
await scaleBridge(e2e, 0);
await scaleBridge(e2e, 1);

const folder = await ssh.makeFolder('outbox');
const expected = await writeBigFile(join(folder, 'big.csv'), size);
ssh.own(join(folder, 'big.csv'));
await applySecret(e2e, SFTP_SECRET, {
  privateKey: ssh.privateKey,
  knownHosts: ssh.knownHosts({ host, port: proxy.port }),
});
const before = await podUsage(e2e);
const startedAt = performance.now();
await source.apply({
  sftp: {
    host,
    port: proxy.port,
    username: ssh.username,
    secretRef: { name: SFTP_SECRET },
    directory: folder,
    uploadPrefix: source.prefix,
    intervalSeconds: 5,
  },
  s3: { bucket: env.S3_BUCKET },
  settleSeconds: 0,
});
let cut = 0;
const cutting = new AbortController();
const allCut = cutTransfers();
await eventuallyTrue(async () => (await source.uploads()).length > 0, 'there is no upload', 900_000);
const seconds = (performance.now() - startedAt) / 1000;
cutting.abort();
await allCut;
const [upload, ...others] = await source.uploads();
const { key } = upload!.spec.source.s3;
const after = await podUsage(e2e);
console.table({
  file: `${size / 1e9} GB`,
  seconds: Number(seconds.toFixed(1)),
  rate: `${(size / 1e6 / seconds).toFixed(1)} MB/s`,
  cuts: cut,
  cpuSeconds: Number((after.cpuSeconds - before.cpuSeconds).toFixed(1)),
  'peak of the cgroup': `${after.peakMb} MB`,
  'resident, at the end': `${after.rssMb} MB`,
});
const checks = {
  'one upload': others.length === 0,
  'digest of the object': (await digestOfObject(s3, env.S3_BUCKET, key)) === expected,
  'every cut was made': cut === cuts,
  'the same pod': after.pod === before.pod,
};
console.table(checks);
if (Object.values(checks).includes(false)) process.exitCode = 1;

async function cutTransfers(): Promise<void> {
  while (cut < cuts && !cutting.signal.aborted) {
    await sleep(200);
    if (((await storedBytes(s3, env.S3_BUCKET, source.prefix)) ?? 0) < (size * (cut + 1)) / (cuts + 1)) continue;
    cut += 1;
    await proxy.cut();
  }
}
