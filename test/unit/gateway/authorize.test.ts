import { describe, expect, it } from 'vitest';
import { createAuthorizer, REUSE_MS } from '#operator/gateway/access/authorize.ts';
import type { Problem } from '#operator/gateway/http/problem.ts';
import type { Access, Identity } from '#operator/gateway/model/types.ts';
import { FakeClock } from '#support/process/fake-clock.ts';

interface Attributes {
  verb: string;
  resource: string;
  name?: string;
}

const IDENTITY: Identity = { user: 'alice', groups: ['g'], proof: 'TokenReview', namespace: null, expiresAt: null };
const GET: Access = { verb: 'get', resource: 'batchuploads', own: true };

/** An authorizer whose API server allows what the test says. */
function start(isAllowed: (attributes: Attributes, user: string) => boolean) {
  const clock = new FakeClock();
  const asked: { user: string; resourceAttributes: Attributes }[] = [];
  const client = {
    create: async (_type: unknown, { spec }: { spec: (typeof asked)[number] }) => {
      asked.push(spec);
      return { status: { allowed: isAllowed(spec.resourceAttributes, spec.user) } };
    },
  };
  const { authorize } = createAuthorizer({ client: client as never, clock });
  const decide = (question: { name?: string; isOwn?: boolean }, identity: Partial<Identity> = {}, access = GET) =>
    authorize({ ...IDENTITY, ...identity }, { ...access, namespace: 'n', ...question }).catch(
      (error: Problem) => error.type,
    );
  return { clock, asked, decide };
}

describe('what a user may do', () => {
  it('is asked for with all that is known of the user, and again after some seconds', async () => {
    let isRight = true;
    const { asked, clock, decide } = start(() => isRight);
    expect([await decide({ name: 'u' }), await decide({ name: 'v' })]).toEqual(['All', 'All']);
    expect(asked).toHaveLength(1);
    isRight = false;
    clock.freeze(REUSE_MS);
    expect(await decide({ name: 'u' })).toBe('forbidden');
  });

  it.each<[string, Partial<Identity>]>([
    ['another user', { user: 'bob' }],
    ['other groups', { groups: ['g', 'h'] }],
    ['another uid', { uid: '2' }],
    ['other extra values', { extra: { scopes: ['few'] } }],
  ])('is asked for anew for %s', async (_what, other) => {
    const { asked, decide } = start(() => true);
    await decide({});
    await decide({}, other);
    expect(asked).toHaveLength(2);
  });

  it('never comes from a partner of another namespace', async () => {
    const { asked, decide } = start(() => true);
    expect(await decide({}, { namespace: 'other' })).toBe('forbidden');
    expect(asked).toEqual([]);
  });

  it('is nothing without a clear yes', async () => {
    for (const status of [undefined, {}, { allowed: 'true' }, { allowed: false, denied: true }]) {
      const client = { create: async () => ({ status }) };
      const { authorize } = createAuthorizer({ client: client as never, clock: new FakeClock() });
      await expect(authorize(IDENTITY, { ...GET, namespace: 'n' })).rejects.toMatchObject({ type: 'forbidden' });
    }
  });
});

describe('uploads of his own', () => {
  const creatorOnly = ({ verb }: Attributes) => verb === 'create';

  it('need no review of each name', async () => {
    const { asked, decide } = start(creatorOnly);
    for (let i = 0; i < 300; i++) expect(await decide({ name: `u-${i}`, isOwn: true })).toBe('Own');
    expect(asked).toHaveLength(2);
  });

  it('are open to nobody who may not create any', async () => {
    const { decide } = start(() => false);
    expect(await decide({ name: 'u', isOwn: true })).toBe('forbidden');
  });

  it('give no right where an endpoint is not for them', async () => {
    const { decide } = start(creatorOnly);
    const schemas: Access = { verb: 'get', resource: 'recordschemas' };
    expect(await decide({ name: 'u', isOwn: true }, {}, schemas)).toBe('forbidden');
  });
});

it('a user who asks for names that he makes up leaves the API server time for others', async () => {
  const { asked, clock, decide } = start(({ name }, user) => user === 'bob' && name === 'u');
  const answers: string[] = [];
  for (let i = 0; i < 150; i++) answers.push(await decide({ name: `u-${i}` }));
  expect(answers).toEqual([...Array<string>(100).fill('forbidden'), ...Array<string>(50).fill('too-many-requests')]);
  // Two of the reviews are about all names.
  expect(asked).toHaveLength(102);
  expect(await decide({ name: 'u' }, { user: 'bob' })).toBe('All');
  clock.freeze(1000);
  expect(await decide({ name: 'later' })).toBe('forbidden');
});
