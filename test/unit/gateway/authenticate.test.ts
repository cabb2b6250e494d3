import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { readGatewayConfig } from '#operator/config/gateway-config.ts';
import type { Problem } from '#operator/gateway/http/problem.ts';
import { createAuthenticator } from '#operator/gateway/identity/authenticate.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

/** An authenticator whose API server knows all tokens that begin with `right`. */
function start({ tokenAudience = 'ours' as string | null } = {}) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const client = {
    create: async (_type: unknown, { spec: { token } }: { spec: { token: string } }) => {
      asked.push(token);
      return { status: { authenticated: token.startsWith('right'), audiences: ['ours'], user: { username: token } } };
    },
  };
  const deps = { clock, client, config: { ...readGatewayConfig({}), tokenAudience } };
  const authenticate = createAuthenticator(deps as never);
  const send = (rawHeaders: string[], remoteAddress = '10.0.0.1') =>
    authenticate(
      { raw: { method: 'GET', url: '/a', rawHeaders, socket: { remoteAddress } } } as unknown as FastifyRequest,
      'n',
    ).then(
      () => 200,
      (error: Problem) => error.status,
    );
  return {
    clock,
    asked,
    send,
    bearer: (token: string, from?: string) => send(['Authorization', `Bearer ${token}`], from),
  };
}

describe('an address that fails too often', () => {
  it('is told so, and its guesses cost the API server nothing', async () => {
    const { bearer, asked } = start();
    const statuses: number[] = [];
    for (let i = 0; i < 120; i++) statuses.push(await bearer(`wrong-${i}`));
    expect(statuses).toEqual([...Array<number>(100).fill(401), ...Array<number>(20).fill(429)]);
    expect(asked).toHaveLength(100);
  });

  it('keeps its right tokens, since others may send from the same address', async () => {
    const { bearer, clock } = start();
    expect(await bearer('right')).toBe(200);
    for (let i = 0; i < 120; i++) await bearer(`wrong-${i}`);
    expect(await bearer('right')).toBe(200);
    clock.freeze(10_000);
    for (let i = 0; i < 120; i++) await bearer(`wrong-${i}`);
    expect(await bearer('right')).toBe(200);
  });

  it('may try again after some time, and other addresses at once', async () => {
    const { bearer, clock } = start();
    for (let i = 0; i < 120; i++) await bearer(`wrong-${i}`);
    expect(await bearer('right-new')).toBe(429);
    expect(await bearer('right-new', '10.0.0.2')).toBe(200);
    clock.freeze(200);
    expect(await bearer('wrong')).toBe(401);
  });

  it('is the address of the connection, whatever the headers of proxies say', async () => {
    const { send } = start();
    const from = (i: number) => [
      ...['X-Forwarded-For', `10.9.0.${i}`, 'Forwarded', `for=10.9.0.${i}`],
      ...['X-Real-IP', `10.9.0.${i}`, 'Authorization', `Bearer wrong-${i}`],
    ];
    for (let i = 0; i < 100; i++) expect(await send(from(i))).toBe(401);
    expect(await send(from(100))).toBe(429);
  });

  it('of IPv6 is the network of its sender', async () => {
    const { bearer } = start();
    for (let i = 0; i < 100; i++) expect(await bearer(`wrong-${i}`, `2001:db8:1:2::${i}`)).toBe(401);
    expect(await bearer('wrong', '2001:db8:1:2:ffff:ffff:ffff:ffff')).toBe(429);
    expect(await bearer('wrong', '2001:db8:1:3::1')).toBe(401);
  });

  it('is told so for signatures and missing proofs, too', async () => {
    const { send } = start();
    for (let i = 0; i < 100; i++) expect(await send(i % 2 ? [] : ['Signature', 's=:AA==:'])).toBe(401);
    expect(await send([])).toBe(429);
    expect(await send(['Signature', 's=:AA==:'])).toBe(429);
  });
});

it('new tokens of all addresses together leave the API server time for those that are known', async () => {
  const { bearer, asked, clock } = start();
  expect(await bearer('right')).toBe(200);
  const statuses: number[] = [];
  for (let i = 0; i < 300; i++) statuses.push(await bearer(`wrong-${i}`, `10.1.${i % 100}.1`));
  expect(statuses).toEqual([...Array<number>(199).fill(401), ...Array<number>(101).fill(503)]);
  expect(asked).toHaveLength(200);
  clock.freeze(10_000);
  expect(await bearer('right')).toBe(200);
});

it.each([
  [['Authorization', 'Bearer right', 'authorization', 'Bearer right']],
  [['Authorization', 'Bearer right', 'SIGNATURE', 's=:AA==:']],
  [['authorization', 'Bearer right', 'Signature-Input', 's=()']],
])('the headers %j are two proofs', async (headers) => {
  expect(await start().send(headers)).toBe(401);
});

it('where no tokens are taken, a token is no proof', async () => {
  const { bearer, asked } = start({ tokenAudience: null });
  expect(await bearer('right')).toBe(401);
  expect(asked).toEqual([]);
});
