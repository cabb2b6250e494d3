/**
 * `SIZE=5GB node test/scale/gateway-file.ts` puts a big file into the storage by the API of the running cluster, part by part.
 * The sender is cut off CUTS (2) times in the middle of a part, and goes on with the parts that the storage does not
 * have. The program prints the rate and the peak memory of the gateways by their cgroups, and compares the digest.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { createE2e } from '#support/cluster/e2e.ts';
import { podUsage } from '#support/cluster/pod-usage.ts';
import { createSenders } from '#support/gateway/senders.ts';
import { SYSTEM } from '#support/kills/operator-kills.ts';
import { digestOfObject } from '#support/records/big-file.ts';

const size = Number(/^([\d.]+)GB$/.exec(process.env['SIZE'] ?? '5GB')?.[1]) * 1e9;
const cuts = Number(process.env['CUTS'] ?? 2);
const AT_ONCE = 4;
/** The size of the parts that the gateway gives to a file of less than 160 GB, with which the file is made. */
const PART_BYTES = 16 * 1024 ** 2;
const LIMIT_MB = 150;

interface Place {
  id: string;
  key: string;
  bucket: string;
  multipart: { partSize: number; parts: number };
}

await using stack = new AsyncDisposableStack();
const e2e = await createE2e();
stack.defer(() => e2e.close());
const senders = stack.use(await createSenders(e2e));
const sender = await senders.create('batch-upload-uploader');
const token = await senders.tokenFor(sender);

const { crc, sha256 } = digestOfFile();
const startedAt = performance.now();
const checksum = { algorithm: 'CRC32', value: crc };
const place = await ask<Place>('files', { name: 'big.csv', size, contentType: 'text/csv', checksum });
stack.defer(async () => {
  await e2e.cluster.s3.send(new DeleteObjectCommand({ Bucket: place.bucket, Key: place.key }));
});
if (place.multipart.partSize !== PART_BYTES) throw new Error(`the parts have ${place.multipart.partSize} bytes`);
for (let cut = 1; cut <= cuts; cut += 1) await putParts(Math.ceil((place.multipart.parts * cut) / (cuts + 1)));
const resumed = (await listMissing()).length;
await putParts();
await ask(`files/${place.id}/complete`, {});
const seconds = (performance.now() - startedAt) / 1000;

const usage = await Promise.all((await gatewayPods()).map((pod) => podUsage(e2e, pod)));
const peakMb = Math.max(...usage.map(({ peakMb: peak }) => peak));
console.table({
  file: `${size / 1e9} GB`,
  parts: place.multipart.parts,
  'parts after the last cut': resumed,
  rate: `${(size / 1e6 / seconds).toFixed(1)} MB/s`,
  'peak of the gateways': usage.map((each) => `${each.peakMb} MB`).join(', '),
  'resident, at the end': usage.map((each) => `${each.rssMb} MB`).join(', '),
});
const checks = {
  'digest of the object': (await digestOfObject(e2e.cluster.s3, place.bucket, place.key)) === sha256,
  'the last cut left parts to put': resumed > 0 && resumed < place.multipart.parts,
  [`no gateway takes ${LIMIT_MB} MB`]: peakMb < LIMIT_MB,
};
console.table(checks);
if (Object.values(checks).includes(false)) process.exitCode = 1;

/** A part of the file; no two parts are the same. */
function partOf(number: number, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${number},alpha,beta,gamma,2026-01-01\n`);
}

function digestOfFile(): { crc: string; sha256: string } {
  const hash = createHash('sha256');
  let value = 0;
  for (let number = 1, at = 0; at < size; number += 1) {
    const part = partOf(number, Math.min(PART_BYTES, size - at));
    hash.update(part);
    value = crc32(part, value);
    at += part.length;
  }
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return { crc: bytes.toString('base64'), sha256: hash.digest('hex') };
}

async function ask<T>(path: string, body?: object): Promise<T> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const answer = await senders.call(path, { token, ...init });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function listMissing(): Promise<number[]> {
  const stored = new Set<number>();
  for (let after: number | null = 0; after !== null; ) {
    const page: { parts: { number: number }[]; next: number | null } = await ask(
      `files/${place.id}/parts?after=${after}`,
    );
    for (const { number } of page.parts) stored.add(number);
    after = page.next;
  }
  return Array.from({ length: place.multipart.parts }, (_, at) => at + 1).filter((number) => !stored.has(number));
}

/** Puts the missing parts, and cuts the connection in the middle of part `cutAt`. */
async function putParts(cutAt = Number.POSITIVE_INFINITY): Promise<void> {
  const missing = await listMissing();
  for (let at = 0; at < missing.length; at += AT_ONCE) {
    const numbers = missing.slice(at, at + AT_ONCE);
    const { parts } = await ask<{ parts: { number: number; url: string; headers: Record<string, string> }[] }>(
      `files/${place.id}/parts`,
      { numbers },
    );
    const isCut = numbers.includes(cutAt);
    await Promise.all(parts.map((part) => putPart(part, isCut && part.number === cutAt)));
    if (isCut) return;
  }
}

async function putPart(
  { number, url, headers }: { number: number; url: string; headers: Record<string, string> },
  isCut: boolean,
): Promise<void> {
  const bytes = partOf(number, Math.min(PART_BYTES, size - (number - 1) * PART_BYTES));
  if (isCut) {
    await fetch(url, { method: 'PUT', headers, body: cutStream(bytes), duplex: 'half' } as RequestInit).catch(
      () => null,
    );
    return;
  }
  const answer = await fetch(url, { method: 'PUT', headers, body: bytes } as RequestInit);
  if (!answer.ok) throw new Error(`part ${number}: ${answer.status} ${await answer.text()}`);
}

/** The first half of the bytes, then an error. */
async function* cutStream(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes.subarray(0, bytes.length / 2);
  throw new Error('the sender is cut off');
}

async function gatewayPods(): Promise<string[]> {
  const selector = 'app.kubernetes.io/name=batch-upload-gateway';
  const names = await e2e.cluster.kubectl(...SYSTEM, 'get', 'pods', '-l', selector, '-o', 'name');
  return names
    .trim()
    .split('\n')
    .map((name) => name.replace('pod/', ''));
}
