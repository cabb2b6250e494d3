import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type AccessSpec,
  OTHER_NAMESPACE,
  startUploadsGateway,
  type UploadsGateway,
} from '#support/gateway/uploads-gateway.ts';
import { eventually } from '#support/process/eventually.ts';
import { createFastClock } from '#support/process/fast-clock.ts';

let gateway: UploadsGateway;
const start = async (...options: Parameters<typeof startUploadsGateway>) => {
  gateway = await startUploadsGateway(...options);
  return gateway;
};
afterEach(() => gateway?.[Symbol.asyncDispose]());

const FAILED = { phase: 'Failed', conditions: [condition('Failed', 'True', 'TooManyFailedRecords')] };
function condition(type: string, status: string, reason: string) {
  return { type, status, reason, message: `${reason}.`, lastTransitionTime: '2026-01-01T00:00:00Z' };
}
/** Who may only create uploads. */
const creatorOnly = ({ resourceAttributes: { verb } }: AccessSpec) => verb === 'create';

describe('registering a file', () => {
  it('makes an upload of the file, pinned and with its creator', async () => {
    const { api, call, files, putFile, putSchema } = await start();
    putSchema('people');
    const file = putFile();
    const body = {
      file,
      schema: 'people',
      sourceType: 'UI',
      parallelism: 2,
      format: { type: 'csv' },
      mode: 'Validate',
    };
    const { status, headers, body: made } = await call('POST', '/uploads', { body });
    expect(status).toBe(201);
    const name = `api-${file}`;
    expect(headers['location']).toBe(`/v1/namespaces/n/uploads/${name}`);
    const stored = api.get('batchuploads', 'n', name)!;
    expect(headers['etag']).toBe(`"${stored.metadata!.resourceVersion}"`);
    expect(stored).toMatchObject({
      metadata: { annotations: { 'batchupload.dev/created-by': 'alice' } },
      spec: {
        source: {
          type: 'UI',
          event: { id: file },
          s3: { bucket: 'files', key: files.get(file)!.key, versionId: 'v1', eTag: 'e1' },
        },
        schemaRef: { name: 'people' },
        format: { type: 'csv' },
        mode: 'Validate',
        parallelism: 2,
      },
    });
    expect(files.get(file)!.uploadName).toBe(name);
    expect(made).toMatchObject({
      name,
      namespace: 'n',
      uid: stored.metadata!.uid,
      schema: 'people',
      phase: 'Pending',
      createdBy: 'alice',
      file: { id: file, name: '=HYPERLINK("x") <b>.csv', bucket: 'files' },
    });
  });

  it('finds the upload of the first request when it comes again', async () => {
    const { api, call, putFile, putSchema } = await start();
    putSchema('people');
    const body = { file: putFile(), schema: 'people' };
    const first = await call('POST', '/uploads', { body });
    const again = await call('POST', '/uploads', { body });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body.uid).toBe(first.body.uid);
    expect(again.headers['location']).toBe(first.headers['location']);
    expect(api.all('batchuploads')).toHaveLength(1);
  });

  it('does not take an upload that is being deleted, or another content, for the one that is asked for', async () => {
    const { api, call, putFile, putSchema } = await start();
    putSchema('people');
    const body = { file: putFile(), schema: 'people', eTag: '"e1"' };
    const { status, body: made } = await call('POST', '/uploads', { body });
    expect(status).toBe(201);
    expect((await call('POST', '/uploads', { body: { ...body, eTag: 'e1' } })).status).toBe(200);
    const other = await call('POST', '/uploads', { body: { ...body, eTag: 'e2' } });
    expect([other.status, other.body.detail]).toEqual([409, expect.stringContaining('another ETag')]);

    const { name } = made;
    api.put('batchuploads', { metadata: { name, namespace: 'n', deletionTimestamp: '2026-01-01T00:00:00Z' } });
    const deleted = await call('POST', '/uploads', { body });
    expect([deleted.status, deleted.headers['retry-after']]).toEqual([409, '5']);
    expect(deleted.body.detail).toContain('is being deleted. Send the request again when it is gone');
    // Who has not made the upload learns nothing of it.
    const stranger = await call('POST', '/uploads', { user: 'bob', body: { ...body, file: putFile('bob'), name } });
    expect([stranger.status, stranger.headers['retry-after']]).toEqual([409, undefined]);
    api.remove('batchuploads', 'n', name);
    expect((await call('POST', '/uploads', { body })).status).toBe(201);
  });

  it('makes the upload after a crash between the two steps', async () => {
    const { call, files, putFile, putSchema } = await start();
    putSchema('people');
    const file = putFile();
    files.get(file)!.uploadName = `api-${file}`;
    expect((await call('POST', '/uploads', { body: { file, schema: 'people' } })).status).toBe(201);
  });

  it('leaves the file unmarked unless everything else is right', async () => {
    const { api, call, files, putFile, putSchema } = await start();
    putSchema('people');
    putSchema('broken', {
      metadata: { generation: 1 } as never,
      status: { conditions: [{ ...condition('Ready', 'False', 'SchemaInvalid'), observedGeneration: 1 }] } as never,
    });
    const file = putFile();
    const refused = async (body: object) => {
      const answer = await call('POST', '/uploads', { body: { file, ...body } });
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(files.get(file)!.uploadName).toBeNull();
      expect(api.all('batchuploads')).toHaveLength(0);
      return answer;
    };
    const unknown = await refused({ schema: 'peeple' });
    expect(unknown.status).toBe(422);
    expect(unknown.body.detail).toBe('There is no RecordSchema peeple in the namespace n. There are: broken, people.');
    expect(unknown.body.errors[0].pointer).toBe('/schema');
    const broken = await refused({ schema: 'broken' });
    expect([broken.status, broken.body.detail]).toEqual([422, expect.stringContaining('SchemaInvalid.')]);
    const secret = await refused({ schema: 'people', target: { databaseSecretRef: { name: 'others-database' } } });
    expect([secret.status, secret.body.detail]).toEqual([422, expect.stringContaining('extraSecretNames')]);
    const columns = [{ name: 'Colour', field: 'colour' }];
    const misfit = await refused({ schema: 'people', format: { columns } });
    expect([misfit.status, misfit.body.errors[0].pointer]).toEqual([422, '/format/columns']);
    expect(misfit.body.detail).toContain('the column Colour is to be the field colour, which the schema does not have');
    const many = Array.from({ length: 1000 }, (_, i) => ({ name: `${'x'.repeat(500)}${i}`, field: 'colour' }));
    expect((await refused({ schema: 'people', format: { columns: many } })).status).toBe(422);
    expect((await refused({ schema: 'people', format: { columns: [...many, columns[0]] } })).status).toBe(400);
    expect((await refused({ schema: 'people', name: 'watch' })).status).toBe(422);
    expect((await refused({ schema: 'people', name: '../other' })).status).toBe(400);
    expect((await refused({ schema: 'people', name: 'a\u0000b' })).status).toBe(400);
    const storage = await refused({ schema: 'people', source: { s3: { bucket: 'others' } } });
    expect([storage.status, storage.body.detail]).toEqual([400, expect.stringContaining('source')]);
    expect((await refused({ schema: 'people', createdBy: 'bob' })).status).toBe(400);
    expect((await refused({ schema: 'people', parallelism: 129 })).status).toBe(400);
    expect((await refused({ schema: 'people', parallelism: '2' })).status).toBe(400);
  });

  it('names the schemas that there are to those alone who may list them', async () => {
    const { call, allow, putFile, putSchema } = await start();
    putSchema('secret-project');
    const register = async (user: string) =>
      (await call('POST', '/uploads', { user, body: { file: putFile(user), schema: 'peple' } })).body.detail;
    expect(await register('alice')).toMatch(/There are: .*secret-project/);
    allow(creatorOnly);
    expect(await register('bob')).toMatch(/There is no RecordSchema peple .* Ask the namespace's administrator/);
  });

  it('refuses the file of somebody else, and a name that is taken', async () => {
    const { api, call, putFile, putSchema } = await start();
    putSchema('people');
    const mine = putFile();
    expect((await call('POST', '/uploads', { user: 'bob', body: { file: mine, schema: 'people' } })).status).toBe(404);
    expect((await call('POST', '/uploads', { body: { file: mine, schema: 'people', name: 'x' } })).status).toBe(201);
    const taken = await call('POST', '/uploads', {
      user: 'bob',
      body: { file: putFile('bob'), schema: 'people', name: 'x' },
    });
    expect([taken.status, taken.body.detail]).toEqual([409, expect.stringContaining('Choose another name')]);
    const other = await call('POST', '/uploads', {
      body: { file: mine, schema: 'people', name: 'x', mode: 'Validate' },
    });
    expect([other.status, other.body.detail]).toEqual([409, expect.stringContaining('other options')]);
    expect(api.all('batchuploads')).toHaveLength(1);
  });

  it('says what the API server refuses, and that it is away', async () => {
    const { api, call, files, putFile, putSchema } = await start();
    putSchema('people');
    const isCreation = ({ method, plural }: { method: string; plural: string }) =>
      method === 'POST' && plural === 'batchuploads';
    const body = { file: putFile(), schema: 'people' };
    const end = api.refuse(isCreation, 403, 'Forbidden', 'exceeded quota: uploads');
    const refused = await call('POST', '/uploads', { body });
    expect([refused.status, refused.body.detail]).toEqual([422, expect.stringContaining('exceeded quota')]);
    // The file can be registered under another name, and is removed when nobody does.
    expect(files.get(body.file)!.uploadName).toBeNull();
    end();
    const away = api.refuse(isCreation, 503, 'ServiceUnavailable');
    const later = await call('POST', '/uploads', { body });
    expect([later.status, Number(later.headers['retry-after'])]).toEqual([503, expect.any(Number)]);
    // Nobody knows whether the upload was made, so that the file stays.
    expect(files.get(body.file)!.uploadName).toBe(`api-${body.file}`);
    away();
    expect((await call('POST', '/uploads', { body })).status).toBe(201);
  });
});

describe('reading uploads', () => {
  it('pages through all uploads, the newest first', async () => {
    const { call, putUpload } = await start();
    for (let i = 0; i < 25; i += 1) {
      await putUpload(`u-${i}`, { createdAt: `2026-01-01T00:00:${String(i % 5).padStart(2, '0')}Z` });
    }
    const names: string[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const { body } = await call('GET', `/uploads?limit=7${cursor && `&cursor=${cursor}`}`);
      names.push(...body.items.map(({ name }: { name: string }) => name));
      cursor = body.nextCursor;
      if (names.length === 7) await putUpload('newer', { createdAt: '2026-01-02T00:00:00Z' });
    }
    expect(names.slice(0, 6)).toEqual(['u-14', 'u-19', 'u-24', 'u-4', 'u-9', 'u-13']);
    expect(new Set(names).size).toBe(25);
  });

  it.each([
    ['phase=Failed', ['b']],
    ['phase=Pending', ['c', 'a']],
    ['schema=staff', ['c']],
    ['sourceType=API', ['b']],
    ['creator=alice', ['b']],
    ['text=STAFF', ['c']],
    ['text=People-2026', ['b']],
    ['text=in%2F', []],
    ['createdAfter=2026-01-02T00:00:00Z', ['c', 'b']],
    ['createdBefore=2026-01-02T00:00:00Z', ['a']],
    ['createdAfter=2026-01-02T01:00:00%2B01:00&createdBefore=2026-01-03T00:00:00Z', ['b']],
  ])('filters by %s', async (query, names) => {
    const { call, putUpload } = await start();
    await putUpload('a', { createdAt: '2026-01-01T00:00:00Z' });
    const source = { type: 'API', s3: { bucket: 'b', key: 'in/people-2026.csv' } };
    await putUpload('b', { createdAt: '2026-01-02T00:00:00Z', createdBy: 'alice', spec: { source }, status: FAILED });
    await putUpload('c', { createdAt: '2026-01-03T00:00:00Z', spec: { schemaRef: { name: 'staff' } } });
    await putUpload('d', { namespace: OTHER_NAMESPACE });
    const { body } = await call('GET', `/uploads?${query}`);
    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(names);
  });

  it.each([
    'limit=0',
    'limit=501',
    'limit=-1',
    'limit=1e2',
    'phase=failed',
    'nonsense=1',
    'cursor=%2e%2e%2f',
    'cursor=1767225600000...%2Fx',
    'cursor=1e3.x',
    'cursor=-1.x',
    'cursor=x',
    'createdAfter=yesterday',
    'createdAfter=2026-02-30T00:00:00Z',
    'schema=..%2F',
  ])('refuses %s', async (query) => {
    const { call } = await start();
    const { status, body } = await call('GET', `/uploads?${query}`);
    expect([status, body.type]).toEqual([400, 'https://batchupload.dev/problems/invalid-request']);
    expect(body.errors[0]).toMatchObject({ parameter: expect.any(String) });
  });

  it('gets an upload, and says when nothing has changed', async () => {
    const { call, putUpload } = await start();
    await putUpload('u', { status: { ...FAILED, records: { total: 3, failed: 2 }, recordsPerSecond: 7 } });
    const first = await call('GET', '/uploads/u');
    expect(first.body).toMatchObject({
      name: 'u',
      phase: 'Failed',
      records: { total: 3, failed: 2 },
      retryGeneration: 0,
    });
    expect(first.body.conditions).toHaveLength(1);
    const etag = first.headers['etag']!;
    const ask = (tag: string) => call('GET', '/uploads/u', { headers: { 'if-none-match': tag } });
    expect([(await ask(etag)).status, (await ask(`W/${etag}`)).status, (await ask('"0", *')).status]).toEqual([
      304, 304, 304,
    ]);
    await putUpload('u', { status: { phase: 'Complete' } });
    const changed = await ask(etag);
    expect([changed.status, changed.body.phase]).toEqual([200, 'Complete']);
  });

  it('shows what became of each column of the file', async () => {
    const { call, putUpload } = await start();
    const columns = [
      { name: 'Date of birth', field: 'birth_date' },
      { name: '<b>Comment</b>', ignored: true },
    ];
    await putUpload('u', { status: { columns, columnsOmitted: 3 } });
    await putUpload('old', { status: { phase: 'Complete' } });
    expect((await call('GET', '/uploads/u')).body).toMatchObject({ columns, columnsOmitted: 3 });
    expect((await call('GET', '/uploads/old')).body).not.toHaveProperty('columns');
  });

  it('finds an upload that another replica has just made', async () => {
    const { api, call, deps } = await start();
    await eventually('the watch is open', () => api.watches('batchuploads') === 1);
    // The watch learns of nothing while the objects are put in its back.
    const get = deps.uploads.get.bind(deps.uploads);
    deps.uploads.get = () => undefined;
    api.put('batchuploads', {
      metadata: { name: 'u', namespace: 'n' },
      spec: { source: { type: 'API', s3: { bucket: 'b', key: 'k' } }, schemaRef: { name: 's' } },
    });
    expect((await call('GET', '/uploads/u')).status).toBe(200);
    deps.uploads.get = get;
  });
});

describe('what is not one’s own', () => {
  it('is as if it did not exist for who may only create', async () => {
    const { api, call, allow, putUpload, watch } = await start();
    await putUpload('mine', { createdBy: 'alice', status: FAILED });
    await putUpload('others', { createdBy: 'bob', status: FAILED });
    await putUpload('nobodys', { status: FAILED });
    allow(creatorOnly);
    const list = await call('GET', '/uploads');
    expect(list.body.items.map(({ name }: { name: string }) => name)).toEqual(['mine']);
    expect((await call('GET', '/uploads?creator=bob')).body.items).toEqual([]);
    expect((await call('GET', '/uploads/mine')).status).toBe(200);
    const missing = await call('GET', '/uploads/missing');
    for (const name of ['others', 'nobodys']) {
      for (const [method, path] of [
        ['GET', ''],
        ['GET', '/errors'],
        ['GET', '/errors/records'],
        ['GET', '/errors.csv'],
        ['GET', '/watch'],
        ['POST', '/retry'],
        ['POST', '/suspend'],
        ['POST', '/resume'],
        ['POST', '/cancel'],
        ['DELETE', ''],
      ] as const) {
        const { status, body } = await call(method, `/uploads/${name}${path}`);
        expect([method, path, status]).toEqual([method, path, 404]);
        expect(body.detail).toBe(missing.body.detail.replace('missing', name));
      }
    }
    expect(api.all('batchuploads')).toHaveLength(3);
    expect(api.get('batchuploads', 'n', 'others')!['spec']).not.toHaveProperty('retryGeneration');
    const reader = await watch('/uploads/watch');
    expect((await reader.until('synced')).map(({ event, data }) => data.name ?? event)).toEqual([
      'snapshot',
      'mine',
      'synced',
    ]);
    expect((await call('POST', '/uploads/mine/retry')).status).toBe(202);
    expect((await call('DELETE', '/uploads/mine')).status).toBe(204);
  });

  it('needs the right of each endpoint', async () => {
    const { call, allow, putUpload } = await start();
    await putUpload('u', { createdBy: 'alice', status: FAILED });
    const asked: string[] = [];
    allow(({ resourceAttributes: { verb, resource, subresource } }) => {
      asked.push(`${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`);
      return false;
    });
    const paths = [
      ['GET', '/uploads', 'list batchuploads'],
      ['GET', '/uploads/u', 'get batchuploads'],
      ['GET', '/uploads/watch', 'watch batchuploads'],
      ['GET', '/uploads/u/watch', 'watch batchuploads'],
      ['POST', '/uploads/u/retry', 'patch batchuploads'],
      ['POST', '/uploads/u/suspend', 'patch batchuploads'],
      ['POST', '/uploads/u/resume', 'patch batchuploads'],
      ['POST', '/uploads/u/cancel', 'patch batchuploads'],
      ['DELETE', '/uploads/u', 'delete batchuploads'],
      ['GET', '/uploads/u/errors', 'get batchuploads/errors'],
      ['GET', '/uploads/u/errors/records', 'get batchuploads/errors'],
      ['GET', '/uploads/u/errors.csv', 'get batchuploads/errors'],
      ['GET', '/schemas', 'list recordschemas'],
      ['GET', '/schemas/s', 'get recordschemas'],
      ['GET', '/schemas/s/template.csv', 'get recordschemas'],
      ['GET', '/schemas/s/processor', 'get recordschemas'],
    ] as const;
    for (const [at, [method, path, right]] of paths.entries()) {
      asked.length = 0;
      const { status } = await call(method, path, { user: `user-${at}` });
      expect([path, status, asked[0]]).toEqual([path, 403, right]);
    }
  });

  it.each(['%2e%2e%2fu', '..%2f..%2fsecrets', 'u%00', 'u%0d%0aX: y', 'U', '-u', 'a'.repeat(254), '%E2%80%AEu'])(
    'no name leads elsewhere: %s',
    async (name) => {
      const { api, call } = await start();
      const before = api.requests.filter(({ plural }) => plural !== 'subjectaccessreviews').length;
      for (const path of ['', '/errors.csv', '/watch']) {
        const { status } = await call('GET', `/uploads/${name}${path}`);
        expect([400, 404]).toContain(status);
      }
      expect((await call('DELETE', `/uploads/${name}`)).status).toBe(400);
      expect(api.requests.filter(({ plural }) => plural !== 'subjectaccessreviews')).toHaveLength(before);
    },
  );
});

it('costs one review for all uploads of a sender who may see them', async () => {
  const { api, call, putUpload } = await start();
  for (const name of ['a', 'b', 'c']) await putUpload(name);
  for (const name of ['a', 'b', 'c', 'a']) expect((await call('GET', `/uploads/${name}`)).status).toBe(200);
  expect(api.requests.filter(({ plural }) => plural === 'subjectaccessreviews')).toHaveLength(1);
});

it('holds a right to one upload by its name', async () => {
  const { call, allow, putUpload } = await start();
  for (const name of ['a', 'b']) await putUpload(name);
  allow(({ resourceAttributes: { name } }) => name === 'a');
  expect((await call('GET', '/uploads/a')).status).toBe(200);
  expect((await call('GET', '/uploads/b')).status).toBe(403);
});

describe('changing an upload', () => {
  it('tries a failed upload again, from the state that the sender knows', async () => {
    const { api, call, putUpload } = await start();
    await putUpload('u', { status: FAILED });
    const { headers } = await call('GET', '/uploads/u');
    const retried = await call('POST', '/uploads/u/retry', { headers: { 'if-match': headers['etag']! } });
    expect([retried.status, retried.body.retryGeneration]).toEqual([202, 1]);
    expect(retried.headers['etag']).toBe(`"${api.get('batchuploads', 'n', 'u')!.metadata!.resourceVersion}"`);
    const stale = await call('POST', '/uploads/u/retry', { headers: { 'if-match': headers['etag']! } });
    expect([stale.status, stale.body.type]).toEqual([412, 'https://batchupload.dev/problems/precondition-failed']);
    // A weak tag never matches, and one of several may.
    const weak = await call('POST', '/uploads/u/retry', { headers: { 'if-match': `W/${retried.headers['etag']}` } });
    expect(weak.status).toBe(412);
    const listed = await call('POST', '/uploads/u/retry', {
      headers: { 'if-match': `"0", ${retried.headers['etag']}` },
    });
    expect([listed.status, listed.body.retryGeneration]).toEqual([202, 2]);
  });

  it.each([
    ['Processing', { phase: 'Processing' }, 'goes on by itself'],
    ['Complete', { phase: 'Complete', conditions: [condition('Complete', 'True', 'Loaded')] }, 'nothing left to load'],
    ['Pending', undefined, 'goes on by itself'],
  ])('never tries an upload again that is %s', async (_phase, status, why) => {
    const { api, call, putUpload } = await start();
    await putUpload('u', status === undefined ? {} : { status });
    const answer = await call('POST', '/uploads/u/retry');
    expect([answer.status, answer.body.detail]).toEqual([409, expect.stringContaining(why)]);
    expect(api.get('batchuploads', 'n', 'u')!['spec']).not.toHaveProperty('retryGeneration');
  });

  it('suspends, resumes and cancels a running upload, each as often as it is asked', async () => {
    const { api, call, putUpload } = await start();
    await putUpload('u', { status: { phase: 'Processing' } });
    const spec = () => api.get('batchuploads', 'n', 'u')!['spec'];
    for (const [verb, expected] of [
      ['suspend', { suspend: true }],
      ['suspend', { suspend: true }],
      ['resume', { suspend: false }],
      ['cancel', { cancel: true }],
      ['cancel', { cancel: true }],
    ] as const) {
      expect((await call('POST', `/uploads/u/${verb}`)).status).toBe(202);
      expect(spec()).toMatchObject(expected);
    }
    for (const verb of ['suspend', 'resume', 'retry']) {
      const answer = await call('POST', `/uploads/u/${verb}`);
      expect([answer.status, answer.body.detail]).toEqual([409, expect.stringContaining('cancelled')]);
    }
  });

  it.each(['suspend', 'resume', 'cancel'])(
    'never %ss an upload that has ended, or is not as it was seen',
    async (verb) => {
      const { api, call, putUpload } = await start();
      await putUpload('u', { status: FAILED });
      const answer = await call('POST', `/uploads/u/${verb}`);
      expect([answer.status, answer.body.detail]).toEqual([409, expect.stringContaining('has ended as Failed')]);
      await putUpload('v', { status: { phase: 'Planning' } });
      expect((await call('POST', `/uploads/v/${verb}`, { headers: { 'if-match': '"0"' } })).status).toBe(412);
      for (const name of ['u', 'v']) {
        expect(api.get('batchuploads', 'n', name)!['spec']).not.toMatchObject({ suspend: expect.anything() });
      }
    },
  );

  it('goes on when the operator writes the status in between', async () => {
    const { api, call, deps, putUpload } = await start();
    await putUpload('u', { status: FAILED });
    const find = deps.client.find.bind(deps.client);
    let changes = 1;
    deps.client.find = (async (type: never, ref: never, options: never) => {
      const found = await find(type, ref, options);
      if (changes-- > 0) await putUpload('u', { status: { ...FAILED, message: 'once more' } });
      return found;
    }) as never;
    expect((await call('POST', '/uploads/u/retry')).status).toBe(202);
    expect(api.get('batchuploads', 'n', 'u')!['spec']).toMatchObject({ retryGeneration: 1 });
  });

  it('never changes an upload that was made anew under the name', async () => {
    const { api, call, deps, putUpload } = await start();
    await putUpload('u', { status: FAILED });
    const find = deps.client.find.bind(deps.client);
    deps.client.find = (async (type: never, ref: never, options: never) => {
      const found = await find(type, ref, options);
      api.remove('batchuploads', 'n', 'u');
      await putUpload('u', { status: FAILED });
      return found;
    }) as never;
    for (const [method, path] of [
      ['POST', '/uploads/u/retry'],
      ['DELETE', '/uploads/u'],
    ] as const) {
      expect((await call(method, path)).status).toBe(409);
      expect(api.get('batchuploads', 'n', 'u')!['spec']).not.toHaveProperty('retryGeneration');
    }
  });

  it('deletes an upload, and none that has changed', async () => {
    const { api, call, putUpload } = await start();
    await putUpload('u');
    const { headers } = await call('GET', '/uploads/u');
    await putUpload('u', { status: FAILED });
    const options = { headers: { 'if-match': headers['etag']! } };
    expect((await call('DELETE', '/uploads/u', options)).status).toBe(412);
    const deleted = await call('DELETE', '/uploads/u', { headers: { 'if-match': '*' } });
    expect([deleted.status, deleted.text]).toEqual([204, '']);
    expect(api.all('batchuploads')).toHaveLength(0);
    expect((await call('DELETE', '/uploads/u')).status).toBe(404);
  });
});

describe('watching', () => {
  it('tells the state, every change and the deletion', async () => {
    const { api, putUpload, watch } = await start();
    await putUpload('a');
    await putUpload('elsewhere', { namespace: OTHER_NAMESPACE });
    const reader = await watch('/uploads/watch');
    expect(reader.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect((await reader.until('synced')).map(({ event }) => event)).toEqual(['snapshot', 'upload', 'synced']);
    await putUpload('a', { status: { phase: 'Processing', progress: '42%' } });
    expect((await reader.next())!).toMatchObject({ event: 'upload', data: { name: 'a', phase: 'Processing' } });
    await putUpload('elsewhere', { namespace: OTHER_NAMESPACE, status: FAILED });
    const { uid } = (await putUpload('b')).metadata;
    expect((await reader.next())!.data.name).toBe('b');
    api.remove('batchuploads', 'n', 'b');
    expect((await reader.next())!).toMatchObject({ event: 'deleted', data: { name: 'b', uid } });
  });

  it('goes on after the last event that was read', async () => {
    const { api, putUpload, watch } = await start();
    await putUpload('a');
    await putUpload('b');
    const first = await watch('/uploads/watch');
    const lastId = (await first.until('synced')).findLast(({ id }) => id !== null)!.id!;
    first.close();
    await putUpload('a', { status: FAILED });
    api.remove('batchuploads', 'n', 'b');
    await putUpload('c');
    const second = await watch('/uploads/watch', { headers: { 'last-event-id': lastId } });
    expect((await second.until('synced')).map(({ event, data }) => [event, data.name])).toEqual([
      ['upload', 'a'],
      ['deleted', 'b'],
      ['upload', 'c'],
      ['synced', undefined],
    ]);
  });

  it('goes on after a page of the list', async () => {
    const { api, call, putUpload, watch } = await start();
    await putUpload('a');
    await putUpload('b');
    await putUpload('c');
    api.remove('batchuploads', 'n', 'c');
    await eventually('the deletion is known', async () => (await call('GET', '/uploads')).body.items.length === 2);
    const { lastEventId } = (await call('GET', '/uploads?limit=1')).body;
    api.remove('batchuploads', 'n', 'a');
    await putUpload('d');
    const reader = await watch('/uploads/watch', { headers: { 'last-event-id': lastEventId } });
    expect((await reader.until('synced')).map(({ event, data }) => [event, data.name])).toEqual([
      ['deleted', 'a'],
      ['upload', 'd'],
      ['synced', undefined],
    ]);
  });

  it.each(['', '99999999', '0', 'x', '-1', '1e3'])('begins anew after an id that it does not know: %j', async (id) => {
    const { putUpload, watch } = await start();
    await putUpload('a');
    const reader = await watch('/uploads/watch', { headers: { 'last-event-id': id } });
    expect((await reader.until('synced'))[0]!.event).toBe('snapshot');
  });

  it('tells of one upload alone', async () => {
    const { call, putUpload, watch } = await start();
    await putUpload('a');
    await putUpload('b');
    const reader = await watch('/uploads/a/watch');
    expect((await reader.until('synced')).map(({ data }) => data.name)).toEqual([undefined, 'a', undefined]);
    await putUpload('b', { status: FAILED });
    await putUpload('a', { status: FAILED });
    expect((await reader.next())!.data).toMatchObject({ name: 'a', phase: 'Failed' });
    expect((await call('GET', '/uploads/missing/watch')).status).toBe(404);
  });

  it('ends when the gateway ends', async () => {
    const { putUpload, watch } = await start();
    await putUpload('a');
    const reader = await watch('/uploads/watch');
    await reader.until('synced');
    gateway.end();
    expect((await reader.next())!).toMatchObject({ event: 'end', data: { reason: 'Restart' } });
  });

  it('ends soon after its right, and when its token expires', async () => {
    const clock = createFastClock(100);
    const { allow, watch } = await start({ clock });
    const reader = await watch('/uploads/watch');
    const own = await watch('/uploads/watch', { user: 'bob' });
    await Promise.all([reader.until('synced'), own.until('synced')]);
    // Who could list all uploads may now only see those of his own.
    allow(({ user, resourceAttributes: { verb } }) => user === 'bob' && verb === 'create');
    for (const each of [reader, own]) {
      expect((await each.next())!).toMatchObject({ event: 'end', data: { reason: 'Forbidden' } });
      expect(await each.next()).toBeNull();
    }
    allow(() => true);
    await gateway[Symbol.asyncDispose]();
    const late = await start({ clock, expiresAt: clock.now() + 20_000 });
    const expiring = await late.watch('/uploads/watch');
    expect((await expiring.until('end')).at(-1)!.data.reason).toBe('TokenExpired');
  });

  it('ends for a reader that takes nothing, and holds little for it until then', async () => {
    const { deps, putUpload, url } = await start({ clock: createFastClock(100) });
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' });
    socket.write('GET /v1/namespaces/n/uploads/watch HTTP/1.1\r\nHost: x\r\nX-Test-User: alice\r\n\r\n');
    socket.pause();
    const open = async () => (await deps.metrics.watchers.get()).values[0]?.value ?? 0;
    await eventually('the watch is open', async () => (await open()) === 1);
    let sent = 0;
    await eventually('the watch has ended', async () => {
      sent += 1;
      await putUpload(`u-${sent % 5}`, { status: { message: `${sent}${'x'.repeat(200_000)}` } });
      return (await open()) === 0;
    });
    socket.destroy();
  });

  it('has a limit for each sender', async () => {
    const { call, deps, watch } = await start();
    const readers = await Promise.all(Array.from({ length: 250 }, () => watch('/uploads/watch')));
    const { status, headers } = await call('GET', '/uploads/watch');
    expect([status, headers['retry-after']]).toEqual([429, '10']);
    const other = await watch('/uploads/watch', { user: 'bob' });
    expect(other.status).toBe(200);
    for (const reader of [...readers, other]) reader.close();
    const open = async () => (await deps.metrics.watchers.get()).values[0]!.value;
    await eventually('all watches are closed', async () => (await open()) === 0);
  });

  it('costs the API server one watch for 200 readers, who all hear of a change', async () => {
    const { api, putUpload, watch } = await start();
    const readers = await Promise.all(
      Array.from({ length: 200 }, (_, at) => watch('/uploads/watch', { user: `user-${at % 20}` })),
    );
    await Promise.all(readers.map((reader) => reader.until('synced')));
    expect(api.watches('batchuploads')).toBe(1);
    await putUpload('a');
    const events = await Promise.all(readers.map((reader) => reader.next()));
    expect(new Set(events.map((event) => event!.data.name))).toEqual(new Set(['a']));
    expect(api.watches('batchuploads')).toBe(1);
  });
});

describe('schemas', () => {
  it('are listed and shown without their table', async () => {
    const { call, putSchema, deps } = await start();
    putSchema('staff');
    putSchema('people', { status: { conditions: [condition('Ready', 'True', 'Compiled')] } as never });
    await eventually('the schemas are known', () => deps.schemas.size === 2);
    const { body } = await call('GET', '/schemas');
    expect(body.items).toEqual([
      { name: 'people', ready: true },
      { name: 'staff', ready: false },
    ]);
    const { body: schema } = await call('GET', '/schemas/people');
    expect(schema).toMatchObject({
      fields: [
        { name: 'k', type: 'string', required: true, sensitive: false },
        { name: 'v', type: 'string', required: false, sensitive: true },
      ],
      fieldsMatch: 'equal',
      primaryKey: ['k'],
      onDuplicate: 'Skip',
    });
    expect(JSON.stringify(schema)).not.toContain('items');
    expect((await call('GET', '/schemas/missing')).status).toBe(404);
  });

  it('have a template with an example row', async () => {
    const { call, putSchema } = await start();
    putSchema('people');
    const { status, text, headers } = await call('GET', '/schemas/people/template.csv');
    expect([status, text]).toEqual([200, 'k,v\nexample k,example v\n']);
    expect(headers['content-disposition']).toBe('attachment; filename="people-template.csv"');
  });
});
