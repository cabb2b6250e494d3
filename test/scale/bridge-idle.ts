/**
 * `node test/scale/bridge-idle.ts` measures what a bridge costs that watches SOURCES (100) while nothing arrives. The
 * bridge runs as a process of its own, with a real storage, PostgreSQL, queue server and SSH server, on an API server
 * in memory. After SETTLE seconds (60) the program measures for SECONDS (30): CPU time by /proc, and resident memory.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBridgeBench } from '#support/bridge/bridge.ts';
import { startSqsServer } from '#support/bridge/sqs-server.ts';
import { NAMESPACE, testSource } from '#support/bridge/upload-source.ts';
import { startPostgres } from '#support/database/postgres.ts';
import { findFreePort } from '#support/process/server-process.ts';
import { startSshServer } from '#support/sftp/ssh-server.ts';
import { startS3Server } from '#support/storage/s3-server.ts';

const SOURCES = Number(process.env['SOURCES'] ?? 100);
const SECONDS = Number(process.env['SECONDS'] ?? 30);
const SETTLE = Number(process.env['SETTLE'] ?? 60);
const OBJECTS = 10;
const TICKS_PER_SECOND = 100;

await using postgres = await startPostgres({ settings: { fsync: 'off' } });
await using storage = await startS3Server();
await using sqs = await startSqsServer();
await using ssh = await startSshServer();
await using bench = await startBridgeBench({ postgres, storage });
await bench.bucket('idle');
const folders = await ssh.makeFolder('outbox');

const kinds = { s3Poll: 0, sqs: 0, webhook: 0, sftp: 0 };
bench.secret('hook', { token: 'secret' });
bench.secret('ssh', { privateKey: ssh.privateKey, knownHosts: ssh.knownHosts() });
for (let at = 0; at < SOURCES; at += 1) {
  const name = `source-${at}`;
  const s3 = { bucket: 'idle', prefix: `${name}/` };
  for (let n = 0; n < OBJECTS; n += 1) await bench.put('idle', `${name}/${n}.csv`);
  const share = at % 10;
  if (share < 4) {
    kinds.s3Poll += 1;
    bench.api.put('uploadsources', testSource(name, { s3, s3Poll: { intervalSeconds: 60 } }));
  } else if (share < 6) {
    kinds.sqs += 1;
    const queueUrl = await sqs.createQueue(name);
    const queue = { queueUrl, endpoint: sqs.endpoint, region: sqs.region };
    bench.api.put('uploadsources', testSource(name, { s3, s3Event: { sqs: queue, relistSeconds: 600 } }));
  } else if (share < 8) {
    kinds.webhook += 1;
    const webhook = { secretRef: { name: 'hook' } };
    bench.api.put('uploadsources', testSource(name, { s3, s3Event: { webhook, relistSeconds: 600 } }));
  } else {
    kinds.sftp += 1;
    const sftp = {
      host: '127.0.0.1',
      port: ssh.port,
      username: ssh.username,
      directory: folders,
      secretRef: { name: 'ssh' },
      intervalSeconds: 60,
      uploadPrefix: 'raw-uploads/',
      afterFetch: { action: 'Move' as const, directory: 'processed', suffix: '.done' },
    };
    bench.api.put('uploadsources', testSource(name, { s3: { bucket: 'idle', prefix: '' }, sftp }));
  }
}

const env = {
  ...process.env,
  API_SERVER: bench.api.access.server,
  BATCH_UPLOAD_NAMESPACES: NAMESPACE,
  BATCH_UPLOAD_ALLOWED_ENDPOINTS: '127.0.0.1',
  BATCH_UPLOAD_BRIDGE_SECRETS: 'hook,ssh',
  BATCH_UPLOAD_METRICS_PORT: String(await findFreePort()),
  BATCH_UPLOAD_BRIDGE_PORT: String(await findFreePort()),
};
const bridge = spawn(process.execPath, [...process.execArgv, 'test/support/bridge/bridge-process.ts'], {
  env,
  stdio: ['ignore', process.env['LOG'] ? 'inherit' : 'ignore', 'inherit'],
});
const usage = async () => {
  const fields = (await readFile(`/proc/${bridge.pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  const status = await readFile(`/proc/${bridge.pid}/status`, 'utf8');
  const kib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  const cpu = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  return { cpu, rssMb: kib('VmRSS') / 1024, anonymousMb: kib('RssAnon') / 1024, peakMb: kib('VmHWM') / 1024 };
};
const writes = () => bench.api.requests.filter(({ subresource }) => subresource === 'status').length;
try {
  await sleep(SETTLE * 1000);
  const before = await usage();
  const writesBefore = writes();
  const requestsBefore = bench.api.requests.length;
  await sleep(SECONDS * 1000);
  const after = await usage();
  const states = bench.api.all('uploadsources').map(({ status }) => {
    const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; status: string; reason: string }[] };
    const ready = conditions.find(({ type }) => type === 'Ready');
    return ready?.status === 'True' ? 'Ready' : `${ready?.status} ${ready?.reason}`;
  });
  console.log({
    ...kinds,
    uploads: bench.api.all('batchuploads').length,
    states: Object.fromEntries(
      Map.groupBy(states, (state) => state)
        .entries()
        .map(([state, all]) => [state, all.length]),
    ),
    cpuSecondsUntilThen: before.cpu,
    cpuSeconds: Number((after.cpu - before.cpu).toFixed(2)),
    cpuPercent: Number((((after.cpu - before.cpu) / SECONDS) * 100).toFixed(2)),
    rssMb: Math.round(after.rssMb),
    // The rest of the resident memory is the program's file, which all its processes on a node share.
    anonymousMb: Math.round(after.anonymousMb),
    peakMb: Math.round(after.peakMb),
    statusWrites: writes() - writesBefore,
    otherRequests: bench.api.requests.length - requestsBefore - (writes() - writesBefore),
  });
} finally {
  bridge.kill('SIGTERM');
  await new Promise((resolve) => bridge.once('exit', resolve));
}
