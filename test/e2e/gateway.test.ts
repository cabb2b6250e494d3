/** The REST API on the cluster: the README's lines, from a token to rows in PostgreSQL, and who may not do what. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANNOTATIONS } from '#api/labels.ts';
import { isFinished } from '#support/cluster/cluster.ts';
import { createE2e, type E2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';
import { itemsSchema, schemaManifest, uploadManifest } from '#support/cluster/manifests.ts';
import { createSenders, type Senders } from '#support/gateway/senders.ts';

let e2e: E2e;
let senders: Senders;
beforeAll(async () => {
  e2e = await createE2e();
  senders = await createSenders(e2e);
});
afterAll(async () => {
  await senders[Symbol.asyncDispose]();
  await e2e.close();
});

describe('the lines of the README', () => {
  /** Runs the lines in a folder with people.csv, against this cluster and with a schema and a sender of their own. */
  async function runLines(sender: string, schema: string, file: string) {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const [, lines = ''] = /^## Upload by API\n.*?^```sh\n(.*?)^```$/ms.exec(readme) ?? [];
    const folder = await mkdtemp(join(tmpdir(), 'gateway-'));
    const script = lines
      .replace('https://uploads.example.com', senders.origin)
      .replaceAll('team-a', NAMESPACE)
      .replace('create token uploader', `create token ${sender}`)
      .replace('schema: "people"', `schema: "${schema}"`);
    // The last line comes after the end of the upload, for which the README's reader waits.
    const last = script.trimEnd().lastIndexOf('\n') + 1;
    try {
      await writeFile(join(folder, 'people.csv'), file);
      const options = { cwd: folder, env: e2e.cluster.env };
      const run = (text: string) => promisify(execFile)('bash', ['-euo', 'pipefail', '-c', text], options);
      await run(script.slice(0, last));
      const upload = JSON.parse(await readFile(join(folder, 'upload.json'), 'utf8')) as { name: string };
      const finished = await e2e.cluster.waitForUpload(NAMESPACE, upload.name, isFinished);
      const settings = script.split('\n').filter((line) => /^[A-Z]+=/.test(line));
      const { stdout } = await run([...settings, script.slice(last)].join('\n'));
      return { finished, errors: stdout };
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  it('load a file into rows, and show the record that failed', async () => {
    const sender = await senders.create('batch-upload-uploader');
    const schema = e2e.unique('people');
    const table = schema.replaceAll('-', '_');
    await e2e.cluster.apply(schemaManifest(NAMESPACE, schema, itemsSchema(table)));
    const { finished, errors } = await runLines(sender, schema, 'k,v\n1,a\n2,b,too many\n3,c\n');
    expect(finished.status).toMatchObject({ phase: 'Complete', records: { total: 3, succeeded: 2, failed: 1 } });
    expect(finished.spec.source).toMatchObject({ type: 'API', s3: { key: expect.stringMatching(/\/people\.csv$/) } });
    const { rows } = await e2e.db.query(`SELECT k || '=' || v AS row FROM ${table} ORDER BY k`);
    expect(rows.map(({ row }) => row)).toEqual(['1=a', '3=c']);
    expect(errors).toContain('VAL_010');

    // Who asked for the upload is known, and nobody can change it, whatever rights he has in the cluster.
    const { annotations } = finished.metadata as { annotations?: Record<string, string> };
    expect(annotations?.[ANNOTATIONS.createdBy]).toBe(senders.userOf(sender));
    const { name } = finished.metadata;
    for (const change of [`${ANNOTATIONS.createdBy}=mallory`, `${ANNOTATIONS.createdBy}-`]) {
      await expect(
        e2e.cluster.kubectl('-n', NAMESPACE, 'annotate', '--overwrite', 'batchupload', name, change),
      ).rejects.toThrow(/cannot be set, changed or removed later/);
    }
    await e2e.cluster.kubectl('-n', NAMESPACE, 'annotate', 'batchupload', name, 'other=1');

    // To another sender who may only upload, it does not exist.
    const token = await senders.tokenFor(await senders.create('batch-upload-uploader'));
    for (const path of ['', '/errors', '/errors.csv', '/watch']) {
      expect([path, (await senders.call(`uploads/${name}${path}`, { token })).status]).toEqual([path, 404]);
    }
    expect((await senders.call(`uploads/${name}`, { token, method: 'DELETE' })).status).toBe(404);
    const own = await senders.call(`uploads/${name}`, { token: await senders.tokenFor(sender), method: 'DELETE' });
    expect(own.ok).toBe(true);
    await eventuallyTrue(
      async () =>
        (await e2e.cluster.kubectl('-n', NAMESPACE, 'get', 'batchuploads', '-o', 'name')).includes(name) === false,
      'the upload is not deleted',
    );
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'recordschema', schema);
    await e2e.db.query(`DROP TABLE ${table}`);
  });
});

describe('is refused', () => {
  const place = (name: string) => ({ method: 'POST', body: JSON.stringify({ name, size: 1 }) });

  it('who has no token, one for the API server, none of this cluster, or no right', async () => {
    const sender = await senders.create();
    const none = await fetch(`${senders.origin}/v1/namespaces/${NAMESPACE}/uploads`);
    expect([none.status, none.headers.get('content-type')]).toEqual([
      401,
      expect.stringContaining('application/problem+json'),
    ]);
    expect((await senders.call('uploads', { token: await senders.otherTokenFor(sender) })).status).toBe(401);
    const forged = [{ alg: 'none' }, { sub: senders.userOf(sender), aud: ['batch-upload-gateway'] }].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    expect((await senders.call('uploads', { token: `${forged.join('.')}.` })).status).toBe(401);
    const noRight = await senders.call('files', { token: await senders.tokenFor(sender), ...place('a.csv') });
    expect(noRight.status).toBe(403);
    expect(await noRight.json()).toMatchObject({
      detail: expect.stringContaining('resources [batchuploads], verbs [create]'),
    });
  });

  it('a namespace without uploads, and a file whose name leaves its place', async () => {
    const sender = await senders.create('batch-upload-uploader');
    const token = await senders.tokenFor(sender);
    const elsewhere = await fetch(`${senders.origin}/v1/namespaces/kube-system/uploads`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(elsewhere.status).toBe(404);
    for (const name of ['../a.csv', 'a/b.csv', 'a\u0000.csv', '=1+1.csv', '<b>.csv', '']) {
      const answer = await senders.call('files', { token, ...place(name) });
      expect([name, answer.status]).toEqual([name, 422]);
    }
  });

  describe('an upload whose creator is forged by kubectl', () => {
    const kubectl = (...args: string[]) => e2e.cluster.kubectl('-n', NAMESPACE, ...args);
    const manifest = (name: string, creator?: string) => {
      const source = { type: 'API', s3: { bucket: e2e.cluster.env.S3_BUCKET, key: 'x.csv' } };
      const upload = uploadManifest(NAMESPACE, name, { source, schemaRef: { name } } as never) as {
        metadata: { annotations?: Record<string, string> };
      };
      if (creator !== undefined) upload.metadata.annotations = { [ANNOTATIONS.createdBy]: creator };
      return JSON.stringify(upload);
    };

    it.each([
      ['create', ['create', '-f', '-']],
      ['apply', ['apply', '-f', '-']],
      ['apply on the server', ['apply', '--server-side', '-f', '-']],
      ['replace by force', ['replace', '--force', '-f', '-']],
    ])('at its making, by %s', async (_, command) => {
      const name = e2e.unique('forged');
      for (const creator of ['mallory', '']) {
        await expect(e2e.cluster.pipeInto(manifest(name, creator), ...command)).rejects.toThrow(
          /may not set the annotation batchupload\.dev\/created-by/,
        );
      }
      expect(await kubectl('get', 'batchuploads', '-o', 'name')).not.toContain(name);
    });

    it('later, in whatever way', async () => {
      const name = e2e.unique('forged');
      await e2e.cluster.pipeInto(manifest(name), 'create', '-f', '-');
      const metadata = { annotations: { [ANNOTATIONS.createdBy]: 'mallory' } };
      const patch = ['--type=merge', '-p', JSON.stringify({ metadata })];
      const add = { op: 'add', path: '/metadata/annotations', value: metadata.annotations };
      const own = JSON.parse(await kubectl('get', 'batchupload', name, '-o', 'json'));
      // Without the version that was read, kubectl replaces the newest one.
      const replacement = { ...own, metadata: { ...own.metadata, ...metadata, resourceVersion: undefined } };
      const attempts = [
        kubectl('annotate', 'batchupload', name, `${ANNOTATIONS.createdBy}=mallory`),
        kubectl('patch', 'batchupload', name, ...patch),
        kubectl('patch', 'batchupload', name, '--type=json', '-p', JSON.stringify([add])),
        e2e.cluster.pipeInto(manifest(name, 'mallory'), 'apply', '-f', '-'),
        e2e.cluster.pipeInto(manifest(name, 'mallory'), 'apply', '--server-side', '--force-conflicts', '-f', '-'),
        e2e.cluster.pipeInto(JSON.stringify(replacement), 'replace', '-f', '-'),
      ];
      for (const attempt of await Promise.allSettled(attempts)) {
        expect(String((attempt as PromiseRejectedResult).reason)).toMatch(/cannot be set, changed or removed later/);
      }
      // A patch of the status changes nothing else.
      await kubectl('patch', 'batchupload', name, '--subresource=status', ...patch);
      expect(await kubectl('get', 'batchupload', name, '-o', 'yaml')).not.toContain('mallory');
      await kubectl('delete', 'batchupload', name);
    });
  });
});

it('everybody may read what the API is', async () => {
  const [document, page] = await Promise.all([fetch(`${senders.origin}/openapi.json`), fetch(`${senders.origin}/`)]);
  expect(await document.json()).toMatchObject({ openapi: '3.1.0' });
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(await page.text()).toContain('/v1/namespaces/{namespace}/uploads');
});
