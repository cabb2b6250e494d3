/**
 * `node test/scale/gateway.ts` asks for the status of uploads RATE (500) times a second for SECONDS (20), while WATCHERS
 * (200) readers watch them and CHANGES (10) uploads change in a second. The gateway has an API server in memory, and its
 * senders are another process. The program prints the times of the answers, the watches at the API server, and the memory
 * and the processor time of the process that has the gateway and the API server.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startUploadsGateway } from '#support/gateway/uploads-gateway.ts';

const rate = Number(process.env['RATE'] ?? 500);
const seconds = Number(process.env['SECONDS'] ?? 20);
const watchers = Number(process.env['WATCHERS'] ?? 200);
const changesPerSecond = Number(process.env['CHANGES'] ?? 10);
const UPLOADS = 1000;

const [url] = process.argv.slice(2);
if (url === undefined) await measure();
else await sendRequests(url);

async function measure(): Promise<void> {
  await using gateway = await startUploadsGateway();
  for (let i = 0; i < UPLOADS; i += 1) putUpload(i);
  while (gateway.deps.uploads.size < UPLOADS) await sleep(10);
  function putUpload(i: number, progress = '0%') {
    gateway.api.put('batchuploads', {
      metadata: { name: `u-${i}`, namespace: 'n', annotations: { 'batchupload.dev/created-by': `user-${i % 10}` } },
      spec: {
        source: { type: 'API', event: { id: 'f' }, s3: { bucket: 'b', key: `raw/${i}/k.csv` } },
        schemaRef: { name: 's' },
      },
      status: { phase: 'Processing', progress, message: 'Some chunks done.', records: { total: 1000, processed: i } },
    });
  }
  const senders = fork(fileURLToPath(import.meta.url), [gateway.url], { env: { ...process.env } });
  const ended = once(senders, 'exit');
  let peak = 0;
  const before = process.cpuUsage();
  for (let tick = 0; senders.exitCode === null; tick += 1) {
    putUpload(tick % UPLOADS, `${tick % 100}%`);
    peak = Math.max(peak, process.memoryUsage.rss());
    await Promise.race([sleep(1000 / changesPerSecond), ended]);
    if (tick % (5 * changesPerSecond) === 0)
      console.log(`watches at the API server: ${gateway.api.watches('batchuploads')}`);
  }
  console.log(`peak memory of gateway and API server together: ${(peak / 1e6).toFixed(0)} MB`);
  const { user, system } = process.cpuUsage(before);
  console.log(`processor time of both: ${((user + system) / 1e6).toFixed(1)} s`);
  const reviews = gateway.api.requests.filter(({ plural }) => plural === 'subjectaccessreviews');
  console.log(`reviews of rights at the API server: ${reviews.length}`);
  process.exitCode = senders.exitCode ?? 1;
}

async function sendRequests(base: string): Promise<void> {
  let events = 0;
  let synced = 0;
  for (let i = 0; i < watchers; i += 1) {
    const headers = { 'x-test-user': `user-${i % 10}` };
    get(`${base}/v1/namespaces/n/uploads/watch`, { agent: new Agent(), headers }, (answer) => {
      answer.on('close', () => {
        console.log('a watch has ended');
        process.exit(1);
      });
      let rest = '';
      answer.on('data', (bytes: Buffer) => {
        const lines = (rest + bytes).split('\n');
        rest = lines.pop()!;
        for (const line of lines) {
          if (line === 'event: upload') events += 1;
          if (line === 'event: synced') synced += 1;
        }
      });
    });
  }
  while (synced < watchers) await sleep(10);
  events = 0;
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  const times: number[] = [];
  const failures: string[] = [];
  const ask = (i: number) =>
    new Promise<void>((resolve) => {
      const began = performance.now();
      const path = `${base}/v1/namespaces/n/uploads/u-${i % UPLOADS}`;
      const request = get(path, { agent, headers: { 'x-test-user': `user-${i % 10}` } }, (answer) => {
        answer.resume().on('end', () => {
          times.push(performance.now() - began);
          if (answer.statusCode !== 200) failures.push(String(answer.statusCode));
          resolve();
        });
      });
      request.on('error', (error) => {
        failures.push(error.message);
        resolve();
      });
    });
  const began = performance.now();
  const asked: Promise<void>[] = [];
  // Requests are sent at their time, whether or not those before were answered.
  while (asked.length < rate * seconds) {
    const due = Math.min(rate * seconds, Math.floor(((performance.now() - began) / 1000) * rate));
    while (asked.length < due) asked.push(ask(asked.length));
    await sleep(2);
  }
  await Promise.all(asked);
  const took = (performance.now() - began) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number) => `${times[Math.floor(times.length * share)]!.toFixed(1)} ms`;
  console.log(`${times.length} requests in ${took.toFixed(1)} s (${(times.length / took).toFixed(0)} a second)`);
  console.log(`p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, most ${at(0.99999)}; failures: ${failures.length}`);
  console.log(`events that ${watchers} readers got meanwhile: ${events}`);
  process.exit(failures.length === 0 ? 0 : 1);
}
