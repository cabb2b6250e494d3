/** Places for files whose sender does not know the size: the pages without JavaScript ask for them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findOwnFile } from '#operator/gateway/files/file-ledger.ts';
import type { FileAnswer } from '#operator/gateway/files/file-schemas.ts';
import { makePlace, signFormOf } from '#operator/gateway/files/make-place.ts';
import { pinFile } from '#operator/gateway/files/pin-file.ts';
import { removeLeftFilesOf } from '#operator/gateway/files/remove-left-files.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { BODY, exists, makeOld, type Started, start } from '#support/gateway/file-steps.ts';
import { ALICE, NAMESPACE } from '#support/gateway/files-gateway.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';

const LIMIT = 1000;
const REDIRECT = 'https://uploads.example.com/page/forms/n/files/1?schema=people';

let postgres: Postgres;
let storage: S3Server;
beforeAll(async () => {
  [postgres, storage] = await Promise.all([startPostgres({ settings: { fsync: 'off' } }), startS3Server()]);
});
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await storage?.[Symbol.asyncDispose]();
});

const asked = { name: 'records.csv', size: LIMIT, sizeIsLimit: true };
const askLimited = ({ deps }: Started) => makePlace(deps, { namespace: NAMESPACE, identity: ALICE, asked });

async function post({ url, fields }: NonNullable<FileAnswer['form']>, body: Uint8Array, changed: object = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...fields, ...changed })) form.append(name, value);
  form.append('file', new Blob([Buffer.from(body)], { type: 'text/html' }), 'whatever.csv');
  return fetch(url, { method: 'POST', body: form, redirect: 'manual' });
}

async function formOf({ deps }: Started, { id }: Pick<FileAnswer, 'id'>) {
  const file = await findOwnFile(deps, { namespace: NAMESPACE, id, identity: ALICE });
  return signFormOf(deps, { namespace: NAMESPACE, file, redirect: REDIRECT });
}

it('takes a file of 1 byte up to the limit by a form that leads back, and by nothing else', async () => {
  await using gateway = await start({ postgres, storage });
  const place = await askLimited(gateway);
  expect(place).not.toHaveProperty('put');
  const form = await formOf(gateway, place);
  const refused: [number, object?][] = [
    [0],
    [LIMIT + 1],
    [10, { 'Content-Type': 'text/html' }],
    [10, { success_action_redirect: 'https://evil.example' }],
    [10, { key: 'raw-uploads/other/records.csv' }],
  ];
  for (const [size, changed] of refused) {
    expect((await post(form, Buffer.alloc(size, 'x'), changed)).status).toBeGreaterThanOrEqual(400);
    expect(await exists(gateway, place)).toBe(false);
  }
  for (const size of [1, LIMIT]) {
    const answer = await post(form, Buffer.alloc(size, 'x'));
    expect(answer.status).toBe(303);
    const to = new URL(answer.headers.get('location')!);
    expect(to.origin + to.pathname).toBe('https://uploads.example.com/page/forms/n/files/1');
    expect(to.searchParams.get('schema')).toBe('people');
    const { id } = place;
    expect(await pinFile(gateway.deps, { namespace: NAMESPACE, id, identity: ALICE })).toMatchObject({ size });
    expect(await gateway.call('POST', `/files/${id}/complete`)).toMatchObject({ status: 200, body: { size } });
  }
});

it('removes what nobody registers, and signs no form for a place that has expired', async () => {
  await using gateway = await start({ postgres, storage });
  const place = await askLimited(gateway);
  await post(await formOf(gateway, place), BODY);
  expect(await exists(gateway, place)).toBe(true);
  await makeOld(gateway);
  await expect(formOf(gateway, place)).rejects.toMatchObject({ type: 'conflict' });
  expect(await removeLeftFilesOf(gateway.deps, NAMESPACE)).toBe(1);
  expect(await exists(gateway, place)).toBe(false);
});
