/** What becomes of a file while it is registered, completed or removed, and when a gateway ends in between. */
import { randomBytes, randomUUID } from 'node:crypto';
import { CompleteMultipartUploadCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { abandonFile } from '#ledger/gateway/files.ts';
import { findUnmade, holdFile, releaseHold } from '#ledger/gateway/registrations.ts';
import { confirmMade, markRegistered, unmark } from '#operator/gateway/files/pin-file.ts';
import { removeLeftFilesOf } from '#operator/gateway/files/remove-left-files.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { ask, exists, makeOld, put, type Started, send, start as startGateway } from '#support/gateway/file-steps.ts';
import { type Answer, type FilesGateway, NAMESPACE } from '#support/gateway/files-gateway.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

let postgres: Postgres;
let server: S3Server;
beforeAll(async () => {
  [postgres, server] = await Promise.all([startPostgres(), startS3Server({ versioning: false })]);
});
afterAll(() => Promise.all([postgres.stop(), server.stop()]));

const SCOPE = { clusterId: 'cluster', namespace: NAMESPACE };
/** S3's smallest part. */
const PART = 5 * 1024 ** 2;
const CONTENT = randomBytes(PART + 10);

async function start(): Promise<Started> {
  const fileLimits = { onePutBytes: PART, partBytes: PART, unregistered: 100 };
  const gateway = await startGateway({ postgres, storage: server, fileLimits });
  gateway.api.put('recordschemas', {
    metadata: { name: 'people', namespace: NAMESPACE },
    spec: { fields: [{ name: 'k', type: 'string' }] },
  });
  return gateway;
}

async function askAndPut(gateway: Started): Promise<Answer> {
  const place = await ask(gateway);
  expect((await put(place)).status).toBe(200);
  return place;
}

const register = (gateway: FilesGateway, { id }: Answer, more: object = {}) =>
  gateway.call('POST', '/uploads', { body: { file: id, schema: 'people', ...more } });
const mark = (gateway: FilesGateway, { id }: Answer, uploadName = 'u') =>
  markRegistered(gateway.deps, { namespace: NAMESPACE, id, uploadName });
const stateOf = async (gateway: FilesGateway, { id }: Answer) => {
  const { state, uploadName } = (await gateway.call('GET', `/files/${id}`)).body;
  return uploadName === undefined ? state : `${state} ${uploadName}`;
};
const remove = (gateway: FilesGateway, { id }: Answer) => gateway.call('DELETE', `/files/${id}`);
const round = (gateway: FilesGateway) => removeLeftFilesOf(gateway.deps, NAMESPACE);
/** As if the holds of all files had run out. */
const endHolds = (gateway: FilesGateway) =>
  gateway.sql((client) =>
    client.query(`UPDATE batch_upload.batch_upload_files SET held_until = now() - interval '1 second'
      WHERE held_until IS NOT NULL`),
  );
const isCreation = ({ method, plural }: { method: string; plural: string }) =>
  method === 'POST' && plural === 'batchuploads';

function uploadOf(gateway: Started, { key }: Pick<Answer, 'key'>, name: string, namespace = NAMESPACE): BatchUpload {
  return {
    metadata: { name, namespace },
    spec: { source: { type: 'Manual', s3: { bucket: gateway.bucket, key } }, schemaRef: { name: 'people' } },
  } as BatchUpload;
}

describe('a file that a BatchUpload of the cluster loads', () => {
  it('stays, though the ledger has no row of the upload', async () => {
    await using gateway = await start();
    const [pending, elsewhere, left] = [
      await askAndPut(gateway),
      await askAndPut(gateway),
      await askAndPut(gateway),
    ] as const;
    gateway.uploads.set('n/by-hand', uploadOf(gateway, pending, 'by-hand'));
    // Two namespaces may have one bucket.
    gateway.uploads.set('other/by-hand', uploadOf(gateway, elsewhere, 'by-hand', 'other'));
    gateway.uploads.set('n/another', uploadOf(gateway, { key: 'another.csv' }, 'another'));
    await makeOld(gateway);
    expect(await round(gateway)).toBe(1);
    expect(await Promise.all([pending, elsewhere, left].map((place) => exists(gateway, place)))).toEqual([
      true,
      true,
      false,
    ]);
    expect(await stateOf(gateway, pending)).toBe('Registered by-hand');
    expect(await stateOf(gateway, elsewhere)).toBe('Registered other/by-hand');
    gateway.uploads.clear();
    expect(await round(gateway)).toBe(0);
  });

  it('is removed when its sender has deleted it', async () => {
    await using gateway = await start();
    const place = await ask(gateway);
    expect((await remove(gateway, place)).status).toBe(204);
    expect((await put(place)).status).toBe(200);
    gateway.uploads.set('n/by-hand', uploadOf(gateway, place, 'by-hand'));
    await makeOld(gateway);
    expect(await round(gateway)).toBe(1);
    expect(await exists(gateway, place)).toBe(false);
  });

  it('stays when another gateway has found the upload, after the claim of this one has run out', async () => {
    await using gateway = await start();
    const places = [await askAndPut(gateway), await askAndPut(gateway)];
    await makeOld(gateway);
    const others = new Map(places.map((place, i) => [`n/u${i}`, uploadOf(gateway, place, `u${i}`)]));
    let isFirst = true;
    const storage: typeof gateway.deps.storage = {
      ...gateway.deps.storage,
      async open(...options) {
        if (isFirst) {
          isFirst = false;
          await gateway.sql((client) =>
            client.query(`UPDATE batch_upload.batch_upload_files SET claimed_at = now() - interval '11 minutes'`),
          );
          await removeLeftFilesOf({ ...gateway.deps, uploads: others as never }, NAMESPACE);
        }
        return gateway.deps.storage.open(...options);
      },
    };
    // The removal of the first file was under way; the second one must stay.
    await removeLeftFilesOf({ ...gateway.deps, storage }, NAMESPACE);
    const stay = await Promise.all(places.map((place) => exists(gateway, place)));
    expect(stay.filter(Boolean)).toHaveLength(1);
  });
});

describe('a registration without an upload', () => {
  it('can be made otherwise when its gateway has died, and else is removed after a day', async () => {
    await using gateway = await start();
    const [again, left] = [await askAndPut(gateway), await askAndPut(gateway)];
    await mark(gateway, again);
    await mark(gateway, left);
    // A gateway is still at work as long as the holds last.
    expect(await round(gateway)).toBe(0);
    expect(await stateOf(gateway, again)).toBe('Registered u');
    expect(await register(gateway, again, { name: 'other' })).toMatchObject({ status: 409 });
    await endHolds(gateway);
    expect(await round(gateway)).toBe(0);
    expect([await stateOf(gateway, again), await stateOf(gateway, left)]).toEqual(['Open', 'Open']);
    expect(await register(gateway, again, { name: 'other' })).toMatchObject({ status: 201 });
    await makeOld(gateway);
    expect(await round(gateway)).toBe(1);
    expect([await exists(gateway, again), await exists(gateway, left)]).toEqual([true, false]);
  });

  it('of each file is looked for, however many there are', async () => {
    await using gateway = await start();
    const places = [];
    for (let count = 0; count < 45; count += 1) places.push(await ask(gateway));
    for (const place of places) await mark(gateway, place, `u-${place.id}`);
    await endHolds(gateway);
    await round(gateway);
    expect(new Set(await Promise.all(places.map((place) => stateOf(gateway, place))))).toEqual(new Set(['Open']));
  });

  it('is none when the upload exists, and is one when another file has the name', async () => {
    await using gateway = await start();
    const [made, taken] = [await askAndPut(gateway), await askAndPut(gateway)];
    await mark(gateway, made, 'made');
    await mark(gateway, taken, 'taken');
    gateway.api.put('batchuploads', uploadOf(gateway, made, 'made'));
    gateway.api.put('batchuploads', uploadOf(gateway, { key: 'another.csv' }, 'taken'));
    await endHolds(gateway);
    await makeOld(gateway);
    expect(await round(gateway)).toBe(1);
    expect([await exists(gateway, made), await exists(gateway, taken)]).toEqual([true, false]);
    expect(await stateOf(gateway, made)).toBe('Registered made');
    // An upload that is deleted later has loaded its file: nobody looks for it again.
    gateway.api.remove('batchuploads', NAMESPACE, 'made');
    expect(await round(gateway)).toBe(0);
    expect(await exists(gateway, made)).toBe(true);
  });

  it('stays as it is while the API server is away', async () => {
    await using gateway = await start();
    const place = await askAndPut(gateway);
    await mark(gateway, place);
    await endHolds(gateway);
    await makeOld(gateway);
    const end = gateway.api.refuse(({ plural }) => plural === 'batchuploads', 503, 'ServiceUnavailable');
    await expect(round(gateway)).rejects.toThrow();
    end();
    expect(await stateOf(gateway, place)).toBe('Registered u');
    expect(await exists(gateway, place)).toBe(true);
  });

  it.each([400, 403, 404, 413, 422, 429])('that the API server refused with %i is released at once', async (code) => {
    await using gateway = await start();
    const place = await askAndPut(gateway);
    const end = gateway.api.refuse(isCreation, code, 'Refused', 'no');
    expect((await register(gateway, place)).status).toBeGreaterThanOrEqual(400);
    end();
    expect(await stateOf(gateway, place)).toBe('Open');
    expect(await remove(gateway, place)).toMatchObject({ status: 204 });
  });

  it('whose name another file has taken is released at once', async () => {
    await using gateway = await start();
    const [first, second] = [await askAndPut(gateway), await askAndPut(gateway)];
    expect(await register(gateway, first, { name: 'x' })).toMatchObject({ status: 201 });
    // The second request looks for the upload before the first one has made it.
    const { client } = gateway.deps;
    const find = client.find.bind(client);
    client.find = async (type, ...rest) => {
      if (type.plural !== 'batchuploads') return find(type, ...rest);
      client.find = find;
      return undefined;
    };
    expect(await register(gateway, second, { name: 'x' })).toMatchObject({
      status: 409,
      body: { detail: expect.stringMatching(/Choose another name/) },
    });
    expect(await stateOf(gateway, second)).toBe('Open');
    expect(await register(gateway, second, { name: 'y' })).toMatchObject({ status: 201 });
  });

  it('of which nobody knows keeps its file, and the same request makes the upload', async () => {
    await using gateway = await start();
    const place = await askAndPut(gateway);
    const end = gateway.api.refuse(isCreation, 500, 'InternalError');
    expect((await register(gateway, place)).status).toBeGreaterThanOrEqual(500);
    end();
    await makeOld(gateway);
    expect(await round(gateway)).toBe(0);
    expect(await register(gateway, place)).toMatchObject({ status: 201 });
    expect(await register(gateway, place)).toMatchObject({ status: 200 });
    await endHolds(gateway);
    expect(await round(gateway)).toBe(0);
    expect(await exists(gateway, place)).toBe(true);
  });
});

describe('two registrations of one file at the same time', () => {
  it('leave the file registered when one of them has made the upload', async () => {
    await using gateway = await start();
    const [confirmed, late] = [await askAndPut(gateway), await askAndPut(gateway)];
    const ref = ({ id }: Answer) => ({ namespace: NAMESPACE, id, uploadName: 'u' });
    const refused = await mark(gateway, confirmed);
    await mark(gateway, confirmed);
    await unmark(gateway.deps, { ...ref(confirmed), ...refused });
    expect(await stateOf(gateway, confirmed)).toBe('Registered u');
    expect(await confirmMade(gateway.deps, ref(confirmed))).toBe(true);
    await unmark(gateway.deps, { ...ref(confirmed), ...refused });
    expect(await stateOf(gateway, confirmed)).toBe('Registered u');

    await mark(gateway, late);
    await unmark(gateway.deps, { ...ref(late), ...(await mark(gateway, late)) });
    expect(await stateOf(gateway, late)).toBe('Open');
    expect(await confirmMade(gateway.deps, ref(late))).toBe(true);
    expect(await stateOf(gateway, late)).toBe('Registered u');
  });

  it('are not undone by a round that looks while the upload is made', async () => {
    await using gateway = await start();
    const place = await askAndPut(gateway);
    const name = `api-${place.id}`;
    await mark(gateway, place, name);
    await endHolds(gateway);
    const { client } = gateway.deps;
    const slow = Object.create(client, {
      find: {
        async value(...options: Parameters<typeof client.find>) {
          const found = await client.find(...options);
          expect(await register(gateway, place)).toMatchObject({ status: 201 });
          return found;
        },
      },
    });
    await removeLeftFilesOf({ ...gateway.deps, client: slow }, NAMESPACE);
    expect(await stateOf(gateway, place)).toBe(`Registered ${name}`);
  });

  it('hold the file until the last of them is refused', async () => {
    await using gateway = await start();
    const { id } = await ask(gateway);
    const ref = { ...SCOPE, id };
    await gateway.sql(async (client) => {
      const first = (await holdFile(client, ref))!;
      const second = (await holdFile(client, ref))!;
      await releaseHold(client, { ...ref, hold: second });
      expect(await abandonFile(client, ref)).toBe(false);
      await releaseHold(client, { ...ref, hold: first });
      const third = (await holdFile(client, ref))!;
      await releaseHold(client, { ...ref, hold: first });
      expect(await abandonFile(client, ref)).toBe(false);
      await releaseHold(client, { ...ref, hold: third });
      expect(await abandonFile(client, ref)).toBe(true);
      expect(await findUnmade(client, { ...SCOPE, limit: 1 })).toEqual([]);
    });
  });
});

it('a request that is refused for its Secret or its ETag does not hold the file', async () => {
  await using gateway = await start();
  const [secret, tag] = [await askAndPut(gateway), await askAndPut(gateway)];
  const target = { databaseSecretRef: { name: 'others-database' } };
  expect(await register(gateway, secret, { target })).toMatchObject({ status: 422 });
  expect(await remove(gateway, secret)).toMatchObject({ status: 204 });
  expect(await register(gateway, tag, { eTag: randomUUID() })).toMatchObject({ status: 409 });
  expect(await remove(gateway, tag)).toMatchObject({ status: 204 });
});

describe('the completion of a large file', () => {
  async function putParts(gateway: Started): Promise<Answer> {
    const place = await ask(gateway, { size: CONTENT.length });
    const { body } = await gateway.call('POST', `/files/${place.id}/parts`, { body: { numbers: [1, 2] } });
    for (const { number, url, headers } of body.parts) {
      const part = CONTENT.subarray((number - 1) * PART, number * PART);
      expect((await send(url, headers, part)).status).toBe(200);
    }
    return place;
  }
  /** Runs `work` when the storage is asked to put the parts together. */
  function beforeCompletion(gateway: Started, work: () => Promise<void>): void {
    const { storage } = gateway.deps;
    const open = storage.open.bind(storage);
    storage.open = async (...options) => {
      const s3 = await open(...options);
      const sendTo = s3.send.bind(s3) as (...rest: unknown[]) => Promise<unknown>;
      return Object.create(s3, {
        send: {
          async value(command: unknown, ...rest: unknown[]) {
            if (command instanceof CompleteMultipartUploadCommand) await work();
            return sendTo(command, ...rest);
          },
        },
      }) as S3Client;
    };
  }

  it('that finds the object there already answers as a repetition does', async () => {
    await using gateway = await start();
    const place = await putParts(gateway);
    beforeCompletion(gateway, async () => {
      await gateway.s3.send(new PutObjectCommand({ Bucket: gateway.bucket, Key: place.key, Body: CONTENT }));
    });
    const done = await gateway.call('POST', `/files/${place.id}/complete`);
    expect(done).toMatchObject({ status: 200, body: { id: place.id, size: CONTENT.length } });
    expect(await gateway.call('POST', `/files/${place.id}/complete`)).toMatchObject({ status: 200, body: done.body });
  });

  it('keeps the parts from a removal at the same moment, also when another completion is refused', async () => {
    await using gateway = await start();
    const place = await putParts(gateway);
    const other = await putParts(gateway);
    await makeOld(gateway);
    let count = 0;
    beforeCompletion(gateway, async () => {
      count += 1;
      const parts = [{ number: 1, eTag: 'wrong' }];
      expect(await gateway.call('POST', `/files/${place.id}/complete`, { body: { parts } })).toMatchObject({
        status: 409,
      });
      expect(await remove(gateway, place)).toMatchObject({
        status: 409,
        body: { detail: expect.stringMatching(/completed or registered/) },
      });
      // The round takes the other file, and has nothing to do with this one.
      expect(await round(gateway)).toBe(1);
    });
    expect(await gateway.call('POST', `/files/${place.id}/complete`)).toMatchObject({ status: 200 });
    expect(count).toBe(1);
    expect(await stateOf(gateway, other)).toBe('Removed');
    expect(await exists(gateway, place)).toBe(true);
    expect(await remove(gateway, place)).toMatchObject({ status: 204 });
    expect(await exists(gateway, place)).toBe(false);
  });
});
