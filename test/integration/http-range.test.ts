/** Ranges from servers that answer in every way that HTTP/1.1 allows, and in some that it does not. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fault } from '#common/faults.ts';
import { createS3Client } from '#s3/client.ts';
import { readInto } from '#s3/read-object.ts';

const OBJECT = Buffer.from(
  Array.from({ length: 4000 }, (_, i) => createHash('sha1').update(String(i)).digest('hex')).join(''),
);
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test-secret' };

interface Asked {
  path: string;
  start: number;
  end: number;
  connection: number;
}

type Answer = (asked: Asked, socket: net.Socket) => void | Promise<void>;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
  for (const [name, value] of Object.entries(CREDENTIALS)) process.env[name] = value;
  return () => stack.disposeAsync();
});
afterEach(() => {
  for (const name of Object.keys(CREDENTIALS)) delete process.env[name];
});

/** Starts a server whose answers a test chooses by the number of the request. */
async function serve(answer: (request: number) => Answer) {
  const requests: Asked[] = [];
  let connections = 0;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    const connection = connections;
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      const [, path] = /^GET (\S+) /.exec(text)!;
      const [, start, last] = /\r\nrange: bytes=(\d+)-(\d+)\r\n/i.exec(text)!;
      text = '';
      const asked = { path: path!, start: Number(start), end: Number(last) + 1, connection };
      requests.push(asked);
      void answer(requests.length - 1)(asked, socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createS3Client({ bucket: 'b', key: 'k', endpoint }, {});
  stack.defer(() => client.destroy());
  return { client, requests, sockets };
}

type Client = Awaited<ReturnType<typeof serve>>['client'];

async function read(
  client: Client,
  start: number,
  end: number,
  { key = 'k', signal = AbortSignal.timeout(20_000) } = {},
) {
  const faults: Fault[] = [];
  const seen: number[] = [];
  const into = Buffer.alloc(end - start);
  await readInto(
    client,
    { bucket: 'b', key, eTag: '"e"', versionId: null, sizeBytes: OBJECT.length },
    { start, into, onBytes: (filled) => seen.push(filled) },
    { signal, retrySeconds: 0, stallSeconds: 5, onRetry: (fault) => faults.push(fault) },
  );
  return { into, faults, seen };
}

const head = (status: string, ...headers: string[]) => `HTTP/1.1 ${status}\r\n${headers.join('\r\n')}\r\n\r\n`;

const plain: Answer = ({ start, end }, socket) => {
  socket.write(head('206 Partial Content', `Content-Length: ${end - start}`, 'ETag: "e"'));
  socket.write(OBJECT.subarray(start, end));
};
/** Announces the length that was asked for, and closes the connection after fewer bytes. */
const cutAfter =
  (bytes: number): Answer =>
  ({ start, end }, socket) => {
    socket.write(head('206 Partial Content', `Content-Length: ${end - start}`));
    socket.end(OBJECT.subarray(start, start + bytes));
  };
const chunked: Answer = ({ start, end }, socket) => {
  socket.write(head('206 Partial Content', 'Transfer-Encoding: chunked'));
  const middle = Math.floor((start + end) / 2);
  for (const part of [OBJECT.subarray(start, middle), OBJECT.subarray(middle, end)])
    socket.write(Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]));
  socket.write('0\r\n\r\n');
};
const failing =
  (status: string, code: string): Answer =>
  (_, socket) => {
    const body = `<Error><Code>${code}</Code></Error>`;
    socket.write(head(status, `Content-Length: ${body.length}`, 'Content-Type: application/xml'));
    socket.write(body);
  };
const failingInChunks =
  (status: string): Answer =>
  (_, socket) => {
    socket.write(`${head(status, 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`);
  };

describe('a range', () => {
  it('comes whole however the answer is cut, one after the other on one connection', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(OBJECT.length - 1), fc.integer({ min: 1, max: 90_000 })), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1 }),
        async (ranges, cuts) => {
          const { client, requests } = await serve(() => async ({ start, end }, socket) => {
            socket.setNoDelay();
            const bytes = Buffer.concat([
              Buffer.from(head('206 Partial Content', `Content-Length: ${end - start}`, 'X-Long: '.padEnd(300, 'x'))),
              OBJECT.subarray(start, end),
            ]);
            for (let at = 0, i = 0; at < bytes.length; i += 1) {
              const length = cuts[i % cuts.length]!;
              socket.write(bytes.subarray(at, at + length));
              at += length;
              if (i < 20) await new Promise(setImmediate);
            }
          });
          for (const [start, length] of ranges) {
            const end = Math.min(OBJECT.length, start + length);
            const { into, seen, faults } = await read(client, start, end);
            expect(into.equals(OBJECT.subarray(start, end))).toBe(true);
            expect(seen.at(-1)).toBe(end - start);
            expect(seen).toEqual(seen.toSorted((a, b) => a - b));
            expect(faults).toEqual([]);
          }
          expect(new Set(requests.map(({ connection }) => connection)).size).toBe(1);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('of a key that has to be escaped is asked for as it was signed', async () => {
    const { client, requests } = await serve(() => plain);
    await read(client, 0, 10, { key: "a folder/ü (1)'*.csv" });
    expect(requests[0]!.path).toBe('/b/a%20folder/%C3%BC%20%281%29%27%2A.csv?x-id=GetObject');
  });

  it('continues at the byte where a connection broke', async () => {
    const { client, requests } = await serve((request) => [cutAfter(1000), cutAfter(0), plain][request]!);
    const { into, faults } = await read(client, 50, 5050);
    expect(into.equals(OBJECT.subarray(50, 5050))).toBe(true);
    expect(requests.map(({ start, end }) => [start, end])).toEqual([
      [50, 5050],
      [1050, 5050],
      [1050, 5050],
    ]);
    expect(faults).toHaveLength(2);
    expect(faults[0]).toMatchObject({ code: 'S3_UNAVAILABLE', category: 'retryable' });
  });

  it('is asked for on a new connection where the old one was closed while it waited, and that is no fault', async () => {
    const { client, requests, sockets } = await serve(() => plain);
    await read(client, 0, 10);
    for (const socket of sockets) socket.resetAndDestroy();
    await sleep(20);
    expect(await read(client, 10, 20)).toMatchObject({ faults: [] });
    // This server closes the connection at the moment of the request.
    const quick = await serve((request) => (request === 1 ? (_, socket) => void socket.destroy() : plain));
    await read(quick.client, 0, 10);
    expect(await read(quick.client, 10, 20)).toMatchObject({ faults: [] });
    expect(quick.requests.map(({ connection }) => connection)).toEqual([0, 0, 1]);
    expect(requests.map(({ connection }) => connection)).toEqual([0, 1]);
  });

  it('in an answer that ends with its connection needs a new one for the next', async () => {
    const { client, requests } = await serve(() => ({ start, end }, socket) => {
      socket.write(head('206 Partial Content', `Content-Length: ${end - start}`, 'Connection: close'));
      socket.end(OBJECT.subarray(start, end));
    });
    for (const start of [0, 100]) expect((await read(client, start, start + 100)).faults).toEqual([]);
    expect(requests.map(({ connection }) => connection)).toEqual([0, 1]);
  });

  it('in chunks is left to the client of the SDK, which then is asked at once', async () => {
    const { client, requests } = await serve(() => chunked);
    for (const start of [0, 1000]) {
      const { into, faults } = await read(client, start, start + 500);
      expect(into.equals(OBJECT.subarray(start, start + 500))).toBe(true);
      expect(faults).toEqual([]);
    }
    expect(requests.map(({ start }) => start)).toEqual([0, 0, 1000]);
  });

  it.each<[string, Answer]>([
    [
      'with its length',
      ({ start }, socket) => {
        socket.write(head('200 OK', `Content-Length: ${OBJECT.length - start}`));
        socket.write(OBJECT.subarray(start));
      },
    ],
    ['in chunks', ({ start }, socket) => chunked({ path: '', start, end: OBJECT.length, connection: 0 }, socket)],
  ])('that comes with more than was asked for is refused, %s', async (_, answer) => {
    const { client } = await serve(() => answer);
    await expect(read(client, 0, 10)).rejects.toMatchObject({ code: 'S3_RANGE', category: 'permanent' });
  });

  it('of a server that says more than its head did is never taken for whole', async () => {
    const { client } = await serve(() => ({ start, end }, socket) => {
      socket.write(head('206 Partial Content', `Content-Length: ${end - start}`));
      socket.write(OBJECT.subarray(start, end + 5));
    });
    await expect(read(client, 0, 1000)).rejects.toMatchObject({ code: 'S3_UNAVAILABLE' });
  });

  it.each<[string, (socket: net.Socket) => void]>([
    ['a head without an end', (socket) => void socket.write(`HTTP/1.1 206 x\r\n${'x: y\r\n'.repeat(20_000)}`)],
    ['nothing of HTTP', (socket) => void socket.end('hello\r\n\r\n')],
    ['HTTP/1.0', (socket) => void socket.end('HTTP/1.0 500 x\r\nContent-Length: 0\r\n\r\n')],
  ])('of a server that answers with %s is a fault of the storage', async (_, answer) => {
    const { client } = await serve(() => (_asked, socket) => answer(socket));
    await expect(read(client, 0, 10)).rejects.toMatchObject({ code: 'S3_UNAVAILABLE', category: 'retryable' });
  });

  it('is no longer waited for when its signal says so, before its head and in its body', async () => {
    const before: Answer = () => undefined;
    for (const answer of [
      before,
      (({ end }, socket) => void socket.write(head('206 x', `Content-Length: ${end}`))) as Answer,
    ]) {
      const { client, sockets } = await serve(() => answer);
      const controller = new AbortController();
      const reading = read(client, 0, 1000, { signal: controller.signal });
      reading.catch(() => undefined);
      await sleep(100);
      controller.abort(new Error('stopped'));
      await expect(reading).rejects.toThrow('stopped');
      await expect.poll(() => [...sockets].every(({ destroyed }) => destroyed)).toBe(true);
    }
  });
});

describe('an error', () => {
  it.each<[Answer, object]>([
    [failing('404 Not Found', 'NoSuchKey'), { code: 'S3_NOT_FOUND', category: 'permanent' }],
    [failing('404 Not Found', 'NoSuchBucket'), { code: 'S3_NO_BUCKET', category: 'permanent' }],
    [failing('412 Precondition Failed', 'PreconditionFailed'), { reason: 'SourceChanged' }],
    [failing('403 Forbidden', 'AccessDenied'), { code: 'S3_ACCESS_DENIED' }],
    [failingInChunks('412 Precondition Failed'), { reason: 'SourceChanged' }],
    [failingInChunks('403 Forbidden'), { code: 'S3_ACCESS_DENIED' }],
  ])('is explained as ever, and not tried again (%#)', async (answer, fault) => {
    const { client } = await serve(() => answer);
    await expect(read(client, 0, 10)).rejects.toMatchObject(fault);
  });

  it.each([failing('503 Slow Down', 'SlowDown'), failingInChunks('503 Slow Down'), failingInChunks('500 x')])(
    'of a busy server is tried again, with one request for each try (%#)',
    async (answer) => {
      const { client, requests } = await serve((request) => (request < 2 ? answer : plain));
      const { into, faults } = await read(client, 0, 100);
      expect(into.equals(OBJECT.subarray(0, 100))).toBe(true);
      expect(faults).toHaveLength(2);
      expect(requests).toHaveLength(3);
    },
  );
});

it('over TLS comes as without, and from nobody whose certificate is not known', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tls-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const options = '-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost';
  execFileSync('openssl', ['req', ...options.split(' '), '-keyout', 'key', '-out', 'cert'], {
    cwd: folder,
    stdio: 'ignore',
  });
  const [key, cert] = [await readFile(join(folder, 'key')), await readFile(join(folder, 'cert'), 'utf8')];
  const server = https.createServer({ key, cert }, (request, response) => {
    const [, start, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range!)!;
    const bytes = OBJECT.subarray(Number(start), Number(last) + 1);
    response.writeHead(206, { 'content-length': bytes.length }).end(bytes);
  });
  let connections = 0;
  server.on('secureConnection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  stack.defer(() => void server.close());
  const endpoint = `https://localhost:${(server.address() as AddressInfo).port}`;
  const client = createS3Client({ bucket: 'b', key: 'k', endpoint }, {});
  stack.defer(() => client.destroy());
  await expect(read(client, 0, 10)).rejects.toMatchObject({ code: 'S3_UNAVAILABLE' });
  const trusted = tls.getCACertificates('default');
  stack.defer(() => tls.setDefaultCACertificates(trusted));
  tls.setDefaultCACertificates([...trusted, cert]);
  for (const [start, end] of [
    [0, OBJECT.length],
    [7, 100],
  ] as const)
    expect((await read(client, start, end)).into.equals(OBJECT.subarray(start, end))).toBe(true);
  expect(connections).toBe(1);
});
