/** Signing in to the staff page, and what its session is good for. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addProbe } from '#support/gateway/gateway.ts';
import { NAMESPACE, startPage, type TestPage } from '#support/page/start-page.ts';

let page: TestPage;
beforeAll(async () => {
  page = await startPage({ postgres: null, storage: null, gateway: { extend: addProbe } });
});
afterAll(() => page?.[Symbol.asyncDispose]());

const PROBE = `/v1/namespaces/${NAMESPACE}/probe`;

describe('a person who has signed in', () => {
  it('is the user of the provider, with the groups, for the API', async () => {
    page.provider.people.set('alice', { name: 'Alice A.', groups: ['staff'] });
    const alice = await page.signIn('alice');
    expect(alice).toMatchObject({ user: 'oidc:alice', displayName: 'Alice A.' });
    const answer = await alice.call('POST', PROBE, { body: { a: 1 } });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      user: 'oidc:alice',
      groups: ['oidc:staff'],
      proof: 'Session',
      body: { a: 1 },
    });
  });
});
