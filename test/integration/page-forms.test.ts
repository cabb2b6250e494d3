/** The pages for browsers without JavaScript: what they do, and what an attacker gets. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nobody, type Person, person, sendFile } from '#support/page/form-steps.ts';
import { PEOPLE, PEOPLE_CSV, runUpload, setStatus } from '#support/page/run-upload.ts';
import { NAMESPACE, OTHER_NAMESPACE, startPage, type TestPage } from '#support/page/start-page.ts';
import { eventually } from '#support/process/eventually.ts';

const FORMS = `/page/forms/${NAMESPACE}`;
const LIMIT = 1000;

let page: TestPage;
let alice: Person;
let mallory: Person;
beforeAll(async () => {
  page = await startPage({ gateway: { fileLimits: { onePutBytes: LIMIT, partBytes: 1000, unregistered: 100 } } });
  page.api.put('recordschemas', PEOPLE);
  [alice, mallory] = [await person(page, 'alice'), await person(page, 'mallory')];
});
afterAll(() => page?.[Symbol.asyncDispose]());
beforeEach(() => page.bench.allow(() => true));

const uploads = () => page.api.all('batchuploads').length;

/** The gateway learns of a change by its watch. */
const showsSoon = (path: string, text: string) =>
  eventually(`${path} shows ${text}`, async () => (await alice.get(path)).text.includes(text));

/** Asks for a place. @returns the path of the file's page */
async function askPlace(who = alice, fields: Record<string, string> = {}): Promise<string> {
  const answer = await who.post(`${FORMS}/new`, { schema: 'people', name: 'people.csv', ...fields });
  expect(answer.status).toBe(303);
  return answer.location!;
}

/** Asks for a place and sends the file there. @returns the path to which the storage leads the browser */
async function send(content = PEOPLE_CSV, who = alice): Promise<string> {
  const path = await askPlace(who);
  const answer = await sendFile(await who.get(path), content);
  expect(answer.status).toBe(303);
  const to = new URL(answer.headers.get('location')!);
  expect(to.origin).toBe(page.origin);
  return to.pathname + to.search;
}

describe('a file', () => {
  it('is sent, loaded and followed, and its refused records come back', async () => {
    const back = await send();
    const arrived = await alice.get(back);
    expect(arrived.text).toMatch(/Load the records of people\.csv.*64 byte/s);
    const before = uploads();
    const registered = await alice.post(back, { ...arrived.hidden, schema: 'people' });
    expect(registered).toMatchObject({ status: 303, location: expect.stringMatching(`^${FORMS}/uploads/api-`) });
    expect(uploads()).toBe(before + 1);
    const path = registered.location!;
    const name = path.split('/').at(-1)!;
    expect(page.api.get('batchuploads', NAMESPACE, name)).toMatchObject({
      spec: { schemaRef: { name: 'people' }, source: { type: 'UI' } },
      metadata: { annotations: { 'batchupload.dev/created-by': 'oidc:alice' } },
    });
    expect((await alice.get(path)).text).toContain('The file has arrived. It begins in a moment.');
    await runUpload(page, name);
    await showsSoon(path, '3 records are not loaded');
    const done = await alice.get(path);
    expect(done.text).toMatch(/VAL_001/);
    expect(done.text).toMatch(/A value is missing.*Row 4/s);
    const file = await alice.get(`${path}/errors.csv`);
    expect(file).toMatchObject({ status: 200, type: 'text/csv; charset=utf-8' });
    expect(file.text.split('\n')).toHaveLength(5);
    const list = await alice.get(FORMS);
    expect(list.text).toContain(`<a class="usa-link" href="${path}">people.csv</a>`);
    expect((await mallory.get(FORMS)).text).toContain('You have sent no file');
  });

  it('is asked for with a name and a record type, or what is missing is said at the field', async () => {
    const empty = await alice.post(`${FORMS}/new`, { schema: '', name: ' ' });
    expect(empty.status).toBe(422);
    expect(empty.text).toContain('<a class="usa-link" href="#name">Write the name of the file.</a>');
    expect(empty.text).toContain('Choose the record type.');
    const wrong = await alice.post(`${FORMS}/new`, { schema: 'people', name: '=cmd|<b>.csv' });
    expect(wrong).toMatchObject({ status: 422, text: expect.stringContaining('value="=cmd|&lt;b&gt;.csv"') });
    expect(wrong.text).toContain('<option value="people" selected>');
    const strange = await alice.post(`${FORMS}/new`, { schema: 'nothing', name: 'people.csv' });
    expect(strange.status).toBe(422);
  });

  it('is loaded as what the person has seen, and once', async () => {
    const path = await askPlace();
    const form = await alice.get(path);
    await sendFile(form, PEOPLE_CSV);
    const back = path;
    const first = await alice.get(back);
    expect((await sendFile(form, 'number,name\n9,Eve\n')).status).toBe(303);
    const before = uploads();
    const changed = await alice.post(back, { ...first.hidden, schema: 'people' });
    expect(changed).toMatchObject({ status: 409, text: expect.stringContaining('sent once more') });
    expect(uploads()).toBe(before);
    const answers = await Promise.all([1, 2, 3].map(() => alice.post(back, { ...changed.hidden, schema: 'people' })));
    expect(new Set(answers.map(({ status, location }) => `${status} ${location}`)).size).toBe(1);
    expect(answers[0]!.status).toBe(303);
    expect(uploads()).toBe(before + 1);
    expect(await alice.get(back)).toMatchObject({ status: 303, location: answers[0]!.location });
  });

  it.each([
    ['that is empty', ''],
    ['that is too large', 'x'.repeat(LIMIT + 1)],
  ])('%s is refused by the storage, and the place still takes another', async (_what, content) => {
    const path = await askPlace();
    const form = await alice.get(path);
    expect((await sendFile(form, content)).status).toBeGreaterThanOrEqual(400);
    expect((await alice.get(path)).text).toContain('Choose the file on your computer');
    const none = await alice.post(path, { csrf: alice.csrf, etag: 'x', schema: 'people' });
    expect(none).toMatchObject({ status: 409, text: expect.stringContaining('No file has arrived yet') });
    expect((await sendFile(form, 'x'.repeat(LIMIT))).status).toBe(303);
  });

  it('with another type, key or way back than was signed is refused by the storage', async () => {
    const form = await alice.get(await askPlace());
    const changes = [
      { 'Content-Type': 'text/html' },
      { key: 'raw-uploads/elsewhere/people.csv' },
      { success_action_redirect: 'https://evil.example/' },
    ];
    for (const change of changes) {
      expect((await sendFile({ ...form, hidden: { ...form.hidden, ...change } }, 'x')).status).toBe(403);
    }
  });

  it('that was removed is gone, and nothing is loaded', async () => {
    const back = await send();
    const shown = await alice.get(back);
    expect(shown.status).toBe(200);
    const [, id] = /files\/([^?]+)/.exec(back)!;
    expect((await alice.call('DELETE', `/v1/namespaces/${NAMESPACE}/files/${id}`)).status).toBe(204);
    const gone = await alice.get(back);
    expect(gone).toMatchObject({ status: 410, text: expect.stringContaining('people.csv is not there any more') });
    const before = uploads();
    expect((await alice.post(back, { ...shown.hidden, schema: 'people' })).status).toBe(410);
    expect(uploads()).toBe(before);
  });
});

describe('an attacker', () => {
  it('sends no form for somebody else', async () => {
    const back = await send();
    const { hidden } = await alice.get(back);
    const before = [uploads(), (await alice.get(FORMS)).text];
    const bodies: [Record<string, string>, Record<string, string>?][] = [
      [{ csrf: '' }],
      [{ csrf: mallory.csrf }],
      [{}, { origin: 'https://evil.example' }],
      [{}, { origin: 'null' }],
      [{}, { 'sec-fetch-site': 'cross-site' }],
      [{}, { 'sec-fetch-site': 'same-site' }],
    ];
    for (const path of [back, `${FORMS}/new`]) {
      for (const [fields, headers = {}] of bodies) {
        const all = { name: 'people.csv', ...hidden, schema: 'people', ...fields };
        const answer = await alice.post(path, all, headers);
        expect([answer.status, fields, headers]).toEqual([403, fields, headers]);
        expect(answer.text).toMatch(/<h1.*This did not work/);
      }
      const twice = `csrf=${alice.csrf}&csrf=${alice.csrf}&name=a.csv&schema=people&etag=x`;
      expect((await alice.postBody(path, twice)).status).toBe(403);
      const json = JSON.stringify({ csrf: alice.csrf, name: 'a.csv', schema: 'people' });
      expect((await alice.postBody(path, json, 'application/json')).status).toBe(403);
      expect((await alice.postBody(path, json, 'text/plain')).status).toBe(415);
    }
    expect([uploads(), (await alice.get(FORMS)).text]).toEqual(before);
  });

  it('gets nothing by what the storage seems to say', async () => {
    const back = await send();
    const theirs = await send('number,name\n1,M\n', mallory);
    const forged = `${back.split('?')[0]}?${new URLSearchParams({
      schema: '"><script>alert(1)</script>',
      bucket: 'evil',
      key: theirs,
      etag: '"forged"',
    })}`;
    const shown = await alice.get(forged);
    expect(shown.status).toBe(200);
    expect(shown.text).not.toMatch(/evil|forged|alert/);
    expect(shown.text).toContain('64 byte');
    expect(shown.hidden).toEqual((await alice.get(back)).hidden);
  });

  it('sees neither files nor uploads of somebody else', async () => {
    const back = await send();
    const { hidden } = await alice.get(back);
    expect((await mallory.get(back)).status).toBe(404);
    expect((await mallory.post(back, { ...hidden, csrf: mallory.csrf, schema: 'people' })).status).toBe(404);
    const { location } = await alice.post(back, { ...hidden, schema: 'people' });
    // Answers about rights are kept for some seconds, so that each set of rights is that of a person of its own.
    page.bench.allow(({ user, resourceAttributes: { verb } }) => user === alice.user || verb === 'create');
    const bob = await person(page, 'bob');
    expect((await bob.get(location!)).status).toBe(404);
    expect((await bob.get(`${location}/errors.csv`)).status).toBe(404);
    expect((await bob.get(FORMS)).text).toContain('You have sent no file');
    expect((await alice.get(location!)).status).toBe(200);
    page.bench.allow(() => false);
    const carol = await person(page, 'carol');
    for (const path of [FORMS, `${FORMS}/new`, back, location!, `${location}/errors.csv`]) {
      const answer = await carol.get(path);
      expect([path, answer.status, answer.type]).toEqual([path, 403, 'text/html; charset=utf-8']);
    }
    expect((await carol.get('/page/forms')).text).toContain('There is no workspace for you yet');
  });

  it('puts no HTML into a page', async () => {
    const evil = '<img src=x onerror=alert(1)>';
    const back = await send();
    const { location } = await alice.post(back, { ...(await alice.get(back)).hidden, schema: 'people' });
    const name = location!.split('/').at(-1)!;
    const conditions = [{ type: 'Failed', status: 'True', reason: 'HeaderMismatch', message: evil }];
    const topErrors = [{ code: evil, count: 1, message: `'"&${evil}` }];
    const records = { total: 1, processed: 1, succeeded: 0, failed: 1, duplicate: 0 };
    setStatus(page, name, {
      phase: 'Failed',
      message: `column ${evil}`,
      progress: evil,
      conditions,
      topErrors,
      records,
    });
    await showsSoon(location!, 'The columns of the file do not fit');
    const shown = await alice.get(location!);
    expect(shown.text).not.toContain('<img');
    expect(shown.text).toContain('&lt;img src=x onerror=alert(1)&gt;');
    const asked = await alice.get(`${FORMS}/new?${new URLSearchParams({ name: `">${evil}`, schema: evil })}`);
    expect(asked.text).not.toContain('<img');
    page.provider.people.set('eve', { name: evil });
    const eve = await person(page, 'eve');
    expect((await eve.get(FORMS)).text).not.toContain('<img');
    for (const path of [
      `/page/forms/${evil}`,
      `${FORMS}/uploads/${evil}`,
      `${FORMS}/files/${evil}`,
      `/page/forms/x/y/${evil}`,
    ]) {
      const answer = await alice.get(encodeURI(path));
      expect([path, answer.type]).toEqual([path, 'text/html; charset=utf-8']);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.text).not.toContain('<img');
    }
  });

  it('neither frames a page nor makes it load or send anything elsewhere', async () => {
    const send = await alice.get(await askPlace());
    const storage = new URL(page.storage!.endpoint).origin;
    expect(send.policy).toBe(
      `default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' ${storage}; frame-ancestors 'none'; base-uri 'none'`,
    );
    for (const answer of [send, await alice.get(FORMS), await alice.get(`${FORMS}/files/none`)]) {
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('referrer-policy')).toBe('same-origin');
      expect(answer.text).not.toMatch(/<script|\son\w+=|style=/i);
    }
    expect((await alice.get(FORMS)).policy).toContain("form-action 'self';");
  });
});

describe('a person who is not signed in', () => {
  const linkOf = (text: string) => /href="\/page\/login\?to=([^"]*)"/.exec(text)?.[1];

  it('signs in and comes back, with what was written', async () => {
    const first = await nobody(page).get(`${FORMS}/new`);
    expect(first).toMatchObject({ status: 401, text: expect.stringMatching(/<h1[^>]*>Sign in</) });
    expect(decodeURIComponent(linkOf(first.text)!)).toBe(`${FORMS}/new`);
    const back = await send();
    const { hidden } = await alice.get(back);
    await alice.call('POST', '/page/logout');
    const before = uploads();
    const lost = await alice.post(back, { ...hidden, schema: 'people' });
    expect(lost).toMatchObject({ status: 401, text: expect.stringContaining('You are not signed in any more') });
    expect(decodeURIComponent(linkOf(lost.text)!)).toBe(`${back.split('?')[0]}?schema=people`);
    const asked = await alice.post(`${FORMS}/new`, { schema: 'people', name: 'my file.csv' });
    expect(decodeURIComponent(linkOf(asked.text)!)).toBe(`${FORMS}/new?schema=people&name=my+file.csv`);
    expect(uploads()).toBe(before);
    const again = await person(page, 'alice');
    alice = again;
    const there = await again.get(`${FORMS}/new?schema=people&name=my+file.csv`);
    expect(there.text).toContain('value="my file.csv"');
    expect((await again.post(back, { ...(await again.get(back)).hidden, schema: 'people' })).status).toBe(303);
  });
});

describe('pages', () => {
  it('are in the language of the browser', async () => {
    const spanish = await alice.get(FORMS, { 'accept-language': 'de, es-MX;q=0.9, en;q=0.5' });
    expect(spanish.text).toContain('<html lang="es">');
    expect(spanish.text).toContain('Sus archivos en n');
  });

  it('load themselves again only where the person wants it, and while the upload runs', async () => {
    const back = await send();
    const { location } = await alice.post(back, { ...(await alice.get(back)).hidden, schema: 'people' });
    expect((await alice.get(location!)).headers.get('refresh')).toBeNull();
    expect((await alice.get(`${location}?refresh=on`)).headers.get('refresh')).toBe('10');
    setStatus(page, location!.split('/').at(-1)!, { phase: 'Complete', records: { total: 1, succeeded: 1 } });
    await showsSoon(location!, 'The record of the file is loaded');
    expect((await alice.get(`${location}?refresh=on`)).headers.get('refresh')).toBeNull();
  });

  it('lead to the only group, or let the person choose', async () => {
    const both = await alice.get('/page/forms/');
    expect(both.text).toContain(`href="/page/forms/${OTHER_NAMESPACE}"`);
    page.bench.allow(({ resourceAttributes: { namespace } }) => namespace === NAMESPACE);
    const dan = await person(page, 'dan');
    expect(await dan.get('/page/forms')).toMatchObject({ status: 303, location: FORMS });
  });

  it('say what to do while the storage is away', async () => {
    page.bench.secret(OTHER_NAMESPACE, 'batch-upload-s3', {
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
    });
    page.api.put('recordschemas', { ...PEOPLE, metadata: { name: 'people', namespace: OTHER_NAMESPACE } });
    const replica = await page.startReplica();
    const there = await person(page, 'alice', replica.url);
    const answer = await there.post(`/page/forms/${OTHER_NAMESPACE}/new`, { schema: 'people', name: 'people.csv' });
    expect(answer).toMatchObject({ status: 503, type: 'text/html; charset=utf-8' });
    expect(answer.text).toMatch(
      /Nothing is lost.*href="\/page\/forms\/other\/new\?schema=people&amp;name=people.csv"/s,
    );
  });
});
