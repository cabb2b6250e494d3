import { SignJWT } from 'jose';
import { expect, it } from 'vitest';
import { KubeError } from '#kube/errors.ts';
import type { KubeClient } from '#kube/types.ts';
import { createTokenReviewer, REUSE_MS } from '#operator/gateway/identity/token-review.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

const RIGHT = {
  authenticated: true,
  audiences: ['ours'],
  user: { username: 'system:serviceaccount:n:a', groups: ['system:authenticated'] },
};

function start(status: object = RIGHT, error?: Error) {
  const clock = new FakeClock();
  const asked: object[] = [];
  const client = {
    create: async (_type: unknown, { spec }: { spec: object }) => {
      asked.push(spec);
      if (error) throw error;
      return { status };
    },
  } as unknown as Pick<KubeClient, 'create'>;
  return { clock, asked, reviewer: createTokenReviewer({ client, clock, audience: 'ours' }) };
}

it('a token is asked about with the audience, and once in ten seconds', async () => {
  const { reviewer, clock, asked } = start();
  const [first] = await Promise.all([reviewer.review('t'), reviewer.review('t')]);
  expect(first).toMatchObject({
    user: 'system:serviceaccount:n:a',
    proof: 'TokenReview',
    expiresAt: clock.now() + 900_000,
  });
  expect(asked).toEqual([{ token: 't', audiences: ['ours'] }]);
  clock.freeze(REUSE_MS);
  await reviewer.review('t');
  await reviewer.review('other');
  expect(asked).toHaveLength(3);
});

it('a token that is taken back is refused after ten seconds', async () => {
  const status = { ...RIGHT };
  const { reviewer, clock } = start(status);
  await reviewer.review('t');
  status.authenticated = false;
  clock.freeze(REUSE_MS - 1);
  expect(await reviewer.review('t')).toMatchObject({ user: RIGHT.user.username });
  clock.freeze(1);
  await expect(reviewer.review('t')).rejects.toMatchObject({ type: 'unauthenticated' });
  expect(reviewer.knows('t')).toBe(false);
});

it('an answer ends with its token', async () => {
  const { reviewer, clock } = start();
  const exp = Math.floor(clock.now() / 1000) + 2;
  const token = await new SignJWT({ exp }).setProtectedHeader({ alg: 'HS256' }).sign(new Uint8Array(32));
  expect(await reviewer.review(token)).toMatchObject({ expiresAt: exp * 1000 });
  clock.freeze(2_000);
  await expect(reviewer.review(token)).rejects.toThrow('expired');
});

it.each<[string, object]>([
  ['that is not authenticated', { ...RIGHT, authenticated: false }],
  ['of another audience', { ...RIGHT, audiences: ['https://kubernetes.default.svc'] }],
  ['whose audience nobody checked', { ...RIGHT, audiences: undefined }],
  ['without a user', { ...RIGHT, user: {} }],
  ['of a user that only the gateway names', { ...RIGHT, user: { username: 'batchupload:partner:n:acme' } }],
  ['of a group that only the gateway names', { ...RIGHT, user: { username: 'a', groups: ['batchupload:partners'] } }],
])('a token %s is refused, and asked about again', async (_what, status) => {
  const { reviewer, asked } = start(status);
  await expect(reviewer.review('t')).rejects.toMatchObject({ type: 'unauthenticated' });
  await expect(reviewer.review('t')).rejects.toMatchObject({ type: 'unauthenticated' });
  expect(asked).toHaveLength(2);
  expect(reviewer.knows('t')).toBe(false);
});

it.each([
  ['is away', new KubeError({ status: 0, reason: 'Network', message: 'x' }), 'cannot be asked'],
  [
    'refuses the question',
    new KubeError({ status: 403, reason: 'Forbidden', message: 'x' }),
    'may not create tokenreviews',
  ],
  ['does not know the question', new KubeError({ status: 404, reason: 'NotFound', message: 'x' }), 'cannot be asked'],
])('an API server that %s is no answer', async (_what, error, why) => {
  const { reviewer } = start(RIGHT, error);
  const refused = expect(reviewer.review('t')).rejects;
  await refused.toMatchObject({ type: 'unavailable', message: expect.stringContaining(why) });
});
