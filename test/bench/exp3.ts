import net from 'node:net'; import http from 'node:http';
import { execFileSync } from 'node:child_process';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { startStage } from './stage.ts';
import { certificationFile } from './files.ts';
import { BUCKET } from '#support/runner.ts';
import { SignatureV4 } from '@smithy/signature-v4'; import { createHash, createHmac } from 'node:crypto';
await using stage = await startStage();
const file = await certificationFile({ records: 1_000_000 });
const key = await stage.putFile(file);
class Sha { h: any; constructor(k?: any) { this.h = k ? createHmac('sha256', k) : createHash('sha256'); } update(d: any) { this.h.update(d); } async digest() { return this.h.digest(); } }
const s3 = stage.bench.s3; const ep = new URL(s3.endpoint); const sv = new SignatureV4({ service: 's3', region: s3.region, credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey }, sha256: Sha as any, uriEscapePath: false });
const pr: any = await sv.presign({ method: 'GET', protocol: 'http:', hostname: ep.hostname, port: Number(ep.port), path: '/' + BUCKET + '/' + key.split('/').map(encodeURIComponent).join('/'), headers: { host: ep.host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }, query: {} } as any);
const url = s3.endpoint + pr.path + '?' + new URLSearchParams(pr.query).toString();
const u = new URL(url);
const er = await fetch(url, { headers: { range: 'bytes=0-10' } }); if (er.status > 299) console.log(er.status, (await er.text()).slice(0, 600), key);
const time = async (name: string, f: () => Promise<number>) => { const t = performance.now(); const c = process.cpuUsage(); const n = await f(); const d = process.cpuUsage(c); console.log(name, (performance.now() - t) | 0, 'ms', n, 'cpu', ((d.user + d.system) / 1e3) | 0); };
for (let i = 0; i < 3; i++) {
  await time('curl', async () => { execFileSync('curl', ['-s', '-o', '/dev/null', url]); return 0; });
  await time('http', () => new Promise((r) => { let n = 0; http.get(url, (res) => { res.on('data', (d) => { n += d.length; }); res.on('end', () => r(n)); }); }));
  await time('raw', () => new Promise((r) => { let n = 0; const s = net.connect(Number(u.port), u.hostname, () => s.write(`GET ${u.pathname}${u.search} HTTP/1.1\r\nHost: ${u.host}\r\nConnection: close\r\n\r\n`)); s.on('data', (d) => { n += d.length; }); s.on('close', () => r(n)); }));
  await time('onread 64k', () => new Promise((r) => { let n = 0; const s = net.connect({ port: Number(u.port), host: u.hostname, onread: { buffer: Buffer.alloc(65536), callback(k) { n += k; return true; } } } as any, () => s.write(`GET ${u.pathname}${u.search} HTTP/1.1\r\nHost: ${u.host}\r\nConnection: close\r\n\r\n`)); s.on('close', () => r(n)); }));
  await time('onread 1M', () => new Promise((r) => { let n = 0; const s = net.connect({ port: Number(u.port), host: u.hostname, onread: { buffer: Buffer.alloc(1 << 20), callback(k) { n += k; return true; } } } as any, () => s.write(`GET ${u.pathname}${u.search} HTTP/1.1\r\nHost: ${u.host}\r\nConnection: close\r\n\r\n`)); s.on('close', () => r(n)); }));
}
const und: any = await import('/tmp/und/node_modules/undici/index.js' as any);
const pool = new und.Pool(u.origin, { connections: 1 });
for (let i = 0; i < 4; i++) {
  await time('undici dispatch', () => new Promise((r, j) => { let n = 0; pool.dispatch({ path: u.pathname + u.search, method: 'GET' }, { onRequestStart() {}, onResponseStart() {}, onResponseData(_c: any, d: any) { n += d.length; }, onResponseEnd() { r(n); }, onResponseError(_c: any, e: any) { j(e); } }); }));
  await time('fetch', async () => { let n = 0; const res = await fetch(url); for await (const d of res.body as any) n += d.length; return n; });
  await time('http hwm', () => new Promise((r) => { let n = 0; http.get(url, { highWaterMark: 1 << 20 } as any, (res) => { res.on('data', (d) => { n += d.length; }); res.on('end', () => r(n)); }); }));
}
