/** A place for a file that is asked for again under an Idempotency-Key: there is one place, and one record of it. */
import { randomUUID } from 'node:crypto';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { BUCKET, type FilesGateway, NAMESPACE, startFilesGateway } from '#support/gateway/files-gateway.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

let postgres: Postgres;
let storage: S3Server;
let gateway: FilesGateway;
beforeAll(async () => {
  [postgres, storage] = await Promise.all([startPostgres(), startS3Server()]);
  gateway = await startFilesGateway({ postgres, storage });
  await gateway.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await Promise.all([postgres?.stop(), storage?.stop()]);
});

async function ask(key: string, { user = 'alice', name = 'people.csv', size = 1 } = {}) {
  const { statusCode, body } = await gateway.app.inject({
    method: 'POST',
    url: `/v1/namespaces/${NAMESPACE}/files`,
    headers: { 'x-test-user': user, 'idempotency-key': key },
    payload: { name, size },
  });
  return { status: statusCode, id: (JSON.parse(body) as { id?: string }).id };
}

async function places(): Promise<number | null> {
  const found = await gateway.sql((client) => client.query('SELECT FROM batch_upload.batch_upload_files'));
  return found.rowCount;
}

it('is the place of the first request, also where the requests come together', async () => {
  const before = (await places()) ?? 0;
  const key = randomUUID();
  const together = await Promise.all([1, 2, 3, 4].map(() => ask(key)));
  expect(together.filter(({ status }) => ![201, 409].includes(status))).toEqual([]);
  const later = await ask(key);
  const ids = [...together, later].flatMap(({ id }) => id ?? []);
  expect([later.status, new Set(ids).size, await places()]).toEqual([201, 1, before + 1]);
});

it('is another place for another sender, and none for another file under the same key', async () => {
  const key = randomUUID();
  const [first, bobs] = [await ask(key), await ask(key, { user: 'bob' })];
  const other = await ask(key, { size: 2 });
  expect([first.status, bobs.status, other.status]).toEqual([201, 201, 422]);
  expect(first.id).not.toBe(bobs.id);
});
