/** What bounds a request and a sender: size, time, number. Sockets are real, since Node's own limits are part of it. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SERVER_LIMITS } from '#operator/gateway/http/server-limits.ts';
import {
  addProbe,
  type GatewayBench,
  startGatewayBench,
  type TestGateway,
  TOKEN_AUDIENCE,
} from '#support/gateway/gateway.ts';
import { eventually } from '#support/process/eventually.ts';

const PATH = '/v1/namespaces/n/probe';
let bench: GatewayBench;
let gateway: TestGateway;
/** Another one, which waits a short time for what is sent. */
let hasty: TestGateway;

beforeAll(async () => {
  bench = await startGatewayBench({ databaseUrl: 'postgres://nobody@127.0.0.1:1/nothing' });
  bench.api.review('tokenreviews', ({ token }: { token: string }) => {
    const authenticated = token.startsWith('right');
    return authenticated
      ? { authenticated, audiences: [TOKEN_AUDIENCE], user: { username: token } }
      : { authenticated };
  });
  const limits = { ...SERVER_LIMITS, lingerMs: 100, connections: 20 };
  gateway = await bench.start({ extend: addProbe, limits });
  const soon = { requestTimeoutMs: 400, headTimeoutMs: 200, checkEveryMs: 50 };
  hasty = await bench.start({ extend: addProbe, limits: { ...limits, ...soon } });
});
afterAll(() => bench?.[Symbol.asyncDispose]());

/** Sends text over a connection of its own. @returns all that the gateway answers until the connection ends */
async function exchange(
  text: string,
  then: (socket: Socket) => unknown = () => undefined,
  { port }: TestGateway = gateway,
): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (piece) => {
    answer += piece;
  });
  socket.on('error', () => undefined);
  socket.write(text);
  const ended = new Promise((resolve) => socket.once('close', resolve));
  await then(socket);
  await ended;
  return answer;
}

const head = (method: string, headers: Record<string, string | number>, path = PATH) =>
  `${method} ${path} HTTP/1.1\r\nhost: a\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
const RIGHT = { authorization: 'Bearer right', 'content-type': 'application/json' };

describe('a sender', () => {
  it('of a slow head is answered 408, and cut off', async () => {
    const answer = await exchange('GET / HTTP/1.1\r\nhost: a\r\n', undefined, hasty);
    expect(answer).toMatch(/^HTTP\/1.1 408 .*application\/problem\+json/s);
  });

  it('of nothing is cut off', async () => {
    expect(await exchange('', undefined, hasty)).toMatch(/^(HTTP\/1.1 408 .*)?$/s);
  });

  it('of a slow body is answered 408, and cut off', async () => {
    const sendSlowly = async (socket: Socket) => {
      for (let i = 0; i < 20 && !socket.destroyed; i++) {
        socket.write('{');
        await sleep(50);
      }
    };
    const answer = await exchange(head('POST', { ...RIGHT, 'content-length': 100 }), sendSlowly, hasty);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
  });

  it('of a large body is refused, by its announcement or when the limit is reached', async () => {
    const announced = await exchange(head('POST', { ...RIGHT, 'content-length': 100_000 }));
    expect(announced).toMatch(/^HTTP\/1.1 413 .*too-large/s);
    const chunk = `${(1000).toString(16)}\r\n${' '.repeat(1000)}\r\n`;
    const chunked = await exchange(head('POST', { ...RIGHT, 'transfer-encoding': 'chunked' }) + chunk.repeat(70));
    expect(chunked).toMatch(/^HTTP\/1.1 413 .*too-large/s);
  });

  it('without a proof is refused before the body comes, and cut off when it does not end', async () => {
    const answer = await exchange(head('POST', { 'content-type': 'application/json', 'content-length': 1000 }));
    expect(answer).toMatch(/^HTTP\/1.1 401 /);
    const nowhere = await exchange(head('POST', { ...RIGHT, 'content-length': 1000 }, '/nowhere'));
    expect(nowhere).toMatch(/^HTTP\/1.1 404 /);
  });

  it('of long headers, or of many, is refused', async () => {
    expect(await exchange(head('GET', { more: 'x'.repeat(20_000) }))).toMatch(/^HTTP\/1.1 431 .*problem\+json/s);
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`h${i}`, i]));
    expect(await exchange(head('GET', { ...many, connection: 'close' }))).toMatch(/^HTTP\/1.1 413 .*100 headers/s);
  });

  it('of something that is not HTTP is refused', async () => {
    expect(await exchange('nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    const twice = { ...RIGHT, 'content-length': 2, 'transfer-encoding': 'chunked' };
    expect(await exchange(`${head('POST', twice)}{}`)).toMatch(/^HTTP\/1.1 400 /);
  });

  it('with two tokens is refused', async () => {
    const twice = `GET ${PATH} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer right\r\nauthorization: Bearer right\r\nconnection: close\r\n\r\n`;
    expect(await exchange(twice)).toMatch(/^HTTP\/1.1 401 .*more than one proof/s);
  });

  it('of a body that is not plain JSON is refused', async () => {
    const of = (headers: object) =>
      exchange(`${head('POST', { ...RIGHT, connection: 'close', 'content-length': 2, ...headers })}{}`);
    expect(await of({})).toMatch(/^HTTP\/1.1 200 /);
    expect(await of({ 'content-type': 'text/plain' })).toMatch(/^HTTP\/1.1 415 .*application\/json/s);
    expect(await of({ 'content-encoding': 'gzip' })).toMatch(/^HTTP\/1.1 415 .*without compression/s);
  });

  it('that asks before it sends a body hears first whether it is known', async () => {
    const asking = { 'content-type': 'application/json', expect: '100-continue', 'content-length': 2 };
    expect(await exchange(head('POST', asking))).toMatch(/^HTTP\/1.1 401 /);
    const answer = await exchange(head('POST', { ...asking, ...RIGHT, connection: 'close' }), (socket) =>
      socket.write('{}'),
    );
    expect(answer).toMatch(/^HTTP\/1.1 100 .*HTTP\/1.1 200 /s);
  });

  it('of a path that nobody can read, or of a wrong method, is told so', async () => {
    const of = (method: string, path: string) => exchange(head(method, { ...RIGHT, connection: 'close' }, path));
    expect(await of('GET', '/v1/namespaces/%zz/probe')).toMatch(/^HTTP\/1.1 400 .*problem\+json.*invalid-request/s);
    expect(await of('GET', `/v1/namespaces/${'x'.repeat(5000)}/probe`)).toMatch(/^HTTP\/1.1 400 .*problem\+json/s);
    expect(await of('GET', '/v1/namespaces/n%2f..%2fother/probe')).toMatch(/^HTTP\/1.1 404 /);
    expect(await of('PUT', PATH)).toMatch(/^HTTP\/1.1 405 .*allow: GET, HEAD, POST.*method-not-allowed/s);
    expect(await of('PUT', '/v1/nothing')).toMatch(/^HTTP\/1.1 404 /);
  });

  it('may not hold more connections than there are', async () => {
    const sockets = Array.from({ length: 40 }, () => connect(gateway.port, '127.0.0.1').on('error', () => undefined));
    const isClosed = ({ destroyed, readableEnded }: Socket) => destroyed || readableEnded;
    await eventually('half of the connections are closed', () => sockets.filter(isClosed).length >= 20);
    for (const socket of sockets) socket.destroy();
  });
});

const call = async (token: string, at: TestGateway) => {
  const response = await fetch(`${at.url}${PATH}`, { headers: { authorization: `Bearer ${token}` } });
  await response.arrayBuffer();
  return response;
};

it('an identity that sends too much is told when to come again, and no other is', async () => {
  // No token comes back while the test runs, however long the test takes.
  const busy = await bench.start({ config: { rateLimit: { perSecond: 0.001, burst: 5 } }, extend: addProbe });
  const answers = await Promise.all(Array.from({ length: 8 }, () => call('right-busy', busy)));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
  expect(answers.find(({ status }) => status === 429)?.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  expect(await call('right-other', busy)).toMatchObject({ status: 200 });
  await busy.stop();
});
