// reading 172 MB in 1 or 2 threads
import { Worker, isMainThread, workerData, parentPort } from 'node:worker_threads';
import { createHash } from 'node:crypto';
import { createS3Client, headObject } from '#runner/storage/s3.ts';
import { readRange } from '#runner/storage/s3.ts';
const MB = 1024 * 1024;
const retry = { signal: new AbortController().signal, retrySeconds: 1, stallSeconds: 30 } as any;
async function readPart(req: any, identity: any, start: number, end: number, step: number, env: any, hash = true) {
  const s3 = createS3Client(req, env);
  let pos = start, n = 0;
  const lanes = Array.from({ length: 2 }, async () => {
    while (pos < end) {
      const s = pos; pos += step;
      const h = createHash('sha256');
      for await (const piece of readRange(s3, identity, { start: s, end: Math.min(end, s + 8 * MB) }, retry)) { if (hash) h.update(piece); n += piece.length; }
    }
  });
  await Promise.all(lanes);
  s3.destroy();
  return n;
}
if (!isMainThread) {
  const { req, identity, start, end, step, env, hash } = workerData;
  const n = await readPart(req, identity, start, end, step, env, hash);
  parentPort!.postMessage(n);
} else {
  const { startStage } = await import('./stage.ts');
  const { certificationFile } = await import('./files.ts');
  await using stage = await startStage();
  const file = await certificationFile({ records: 1_000_000 });
  const key = await stage.putFile(file);
  const b = stage.bench as any;
  const req = { bucket: 'uploads', key, endpoint: b.s3?.endpoint, region: 'us-east-1', forcePathStyle: true };
  console.log(Object.keys(b), req);
  const env = { ...process.env };
  const creds = b.s3 ?? {};
  process.env['AWS_ACCESS_KEY_ID'] = creds.accessKeyId; process.env['AWS_SECRET_ACCESS_KEY'] = creds.secretAccessKey;
  const { BUCKET } = await import('#support/runner.ts');
  req.bucket = BUCKET;
  const s3 = createS3Client(req as any, process.env);
  const identity = await headObject(s3, req as any, retry);
  for (let i = 0; i < 4; i++) for (const hash of [true, false]) {
    let t = performance.now(); let c = process.cpuUsage();
    await readPart(req, identity, 0, identity.sizeBytes, 8 * MB, process.env, hash);
    const one = performance.now() - t; const c1 = process.cpuUsage(c);
    t = performance.now(); c = process.cpuUsage();
    const w = new Worker(new URL(import.meta.url), { workerData: { req, identity, start: 8 * MB, end: identity.sizeBytes, step: 16 * MB, env: process.env, hash } });
    let up = 0; w.once('online', () => { up = performance.now() - t; });
    const done = new Promise((r) => w.once('message', r));
    await readPart(req, identity, 0, identity.sizeBytes, 16 * MB, process.env, hash);
    const mine = performance.now() - t;
    await done;
    const two = performance.now() - t; const c2 = process.cpuUsage(c);
    console.log({ hash, one: one | 0, cpu1: (c1.user + c1.system) / 1e3 | 0, mine: mine | 0, two: two | 0, up: up | 0, cpu2: (c2.user + c2.system) / 1e3 | 0 });
  }
}
