/** Steps of the tests of files: a gateway with a bucket of its own, places that are asked for, and what is put there. */
import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { expect, vi } from 'vitest';
import { type Answer, type FilesGateway, startFilesGateway } from './files-gateway.ts';

export const BODY = Buffer.from('k,v\n1,ä\n');
export const OTHER = Buffer.from('k,v\n2,ä\n');

/** Each test has buckets of its own. */
export async function start(
  options: { versioned?: boolean; bucket?: string } & Parameters<typeof startFilesGateway>[0],
) {
  const { versioned = false, bucket = `b-${randomUUID()}`, config = {}, ...rest } = options;
  const fileStorage = new Map([['*', { bucket, prefix: 'raw-uploads', publicEndpoint: null }]]);
  const gateway = await startFilesGateway({ config: { fileStorage, ...config }, ...rest });
  if (options.bucket === undefined) await gateway.s3.send(new CreateBucketCommand({ Bucket: bucket }));
  if (versioned) {
    const VersioningConfiguration = { Status: 'Enabled' as const };
    await gateway.s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  }
  return Object.assign(gateway, { bucket });
}
export type Started = Awaited<ReturnType<typeof start>>;

export async function ask(gateway: FilesGateway, file: object = {}): Promise<Answer> {
  const body = { name: 'records.csv', size: BODY.length, contentType: 'text/csv', ...file };
  const answer = await gateway.call('POST', '/files', { body });
  expect(answer).toMatchObject({ status: 201 });
  return answer.body;
}

export const send = (url: string, headers: Record<string, string>, body: Uint8Array) =>
  fetch(url, { method: 'PUT', headers, body: Buffer.from(body) });
export const put = ({ put: { url, headers } }: Answer, body: Uint8Array = BODY) => send(url, headers, body);

export const makeOld = (gateway: FilesGateway, hours = 25) =>
  gateway.sql((client) =>
    client.query(`UPDATE batch_upload.batch_upload_files SET created_at = created_at - make_interval(hours => $1)`, [
      hours,
    ]),
  );
export const replace = (gateway: Started, { key }: Answer, body: Uint8Array) =>
  gateway.s3.send(new PutObjectCommand({ Bucket: gateway.bucket, Key: key, Body: body }));
export const exists = (gateway: Started, { key }: Pick<Answer, 'key'>) =>
  gateway.s3.send(new HeadObjectCommand({ Bucket: gateway.bucket, Key: key })).then(
    () => true,
    () => false,
  );
/** Waits until the expectations are met. */
export const soon = (look: () => Promise<unknown> | unknown) => vi.waitFor(look, { timeout: 20_000, interval: 50 });
