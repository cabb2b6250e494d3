/**
 * `SIZE=5GB node test/scale/sftp.ts` fetches a big file from a real OpenSSH server into a real S3 server, over a
 * connection that is cut CUTS (2) times on the way. The program prints the rate and the peak memory of the process that
 * fetches, and compares the digest of what was stored.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateBucketCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
} from '@aws-sdk/client-s3';
import { startToxiproxy } from '#support/network/toxiproxy.ts';
import { digestOfObject, storedBytes, writeBigFile } from '#support/records/big-file.ts';
import { s3ClientOf, settingsOf, startSourceProcess } from '#support/sftp/sftp-source.ts';
import { startSshServer } from '#support/sftp/ssh-server.ts';
import { startS3Server } from '#support/storage/s3-server.ts';

const size = parseSize(process.env['SIZE'] ?? '1GB');
const cuts = Number(process.env['CUTS'] ?? 2);
const bucket = 'uploads';

await using stack = new AsyncDisposableStack();
const ssh = stack.use(await startSshServer());
const s3 = stack.use(await startS3Server());
const toxiproxy = stack.use(await startToxiproxy());
const proxy = await toxiproxy.createProxy(ssh.port);
const client = s3ClientOf(s3);
await client.send(new CreateBucketCommand({ Bucket: bucket }));

const path = join(await ssh.makeFolder('outbox'), 'big.csv');
console.log(`making ${megabytes(size)}`);
const expected = await writeBigFile(path, size);
console.log(`  ${expected}`);

const started = performance.now();
const settings = settingsOf(ssh, s3, {
  port: proxy.port,
  directory: 'outbox',
  afterFetch: { action: 'Keep' as const },
  bucket,
  files: 1,
});
const source = startSourceProcess(settings);
stack.defer(() => source.kill());
let cut = 0;
let stored = 0;
let shown = 0;
while (source.child.exitCode === null && source.child.signalCode === null) {
  await sleep(100);
  // The lines also show what goes wrong and is tried again.
  for (; shown < source.lines.length; shown += 1) console.log(`  ${JSON.stringify(source.lines[shown])}`);
  // The proxy counts only connections that have ended, so the progress is read from the parts on the S3 server.
  stored = (await storedBytes(client, bucket)) ?? stored;
  if (cut >= cuts || stored < (size * (cut + 1)) / (cuts + 1)) continue;
  cut += 1;
  console.log(`  cut ${cut} after about ${megabytes(stored)}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await proxy.cut();
}
const { notice } = await source.line('admitted');
const fetched = await source.line('log', ({ message }) => message === 'remote file fetched');
const resumed = source.lines.filter((line) => line.kind === 'log' && line.message === 'a transfer was cut and goes on');
const ended = await source.line('ended');
const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: notice.key }));
const tags = await client.send(new GetObjectTaggingCommand({ Bucket: bucket, Key: notice.key }));
const unfinished = (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? [];
const found = await digestOfObject(client, bucket, notice.key);
const { sha256, seconds } = fetched.fields as { sha256: string; seconds: number };
const result = {
  size: megabytes(size),
  seconds: Number(seconds.toFixed(1)),
  rate: `${(size / 1e6 / seconds).toFixed(1)} MB/s`,
  cuts: cut,
  resumed: resumed
    .map((line) => (line.kind === 'log' ? `${line.fields['parts']}/${line.fields['ofParts']}` : ''))
    .join(' '),
  peakRSS: megabytes(ended.maxRssBytes),
  'without files': megabytes(ended.maxRssBytes - ended.fileRssBytes),
  cpuSeconds: Number(ended.cpuSeconds.toFixed(1)),
};
console.table(result);
const checks = {
  'size of the object': head.ContentLength === size,
  'digest of the object': found === expected,
  'digest that the source found': sha256 === expected,
  'digest in the tag': tags.TagSet?.find(({ Key }) => Key === 'sha256')?.Value === expected,
  'every cut was resumed': resumed.length >= cuts,
  'one object': source.lines.filter(({ kind }) => kind === 'admitted').length === 1,
  'nothing unfinished': unfinished.length === 0,
};
console.table(checks);
client.destroy();
if (Object.values(checks).includes(false)) process.exitCode = 1;

function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(MB|GB|MiB|GiB)$/.exec(text);
  if (!match) throw new Error(`SIZE must look like 5GB, not ${text}`);
  return Math.round(Number(match[1]) * { MB: 1e6, GB: 1e9, MiB: 2 ** 20, GiB: 2 ** 30 }[match[2] as 'MB']);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
