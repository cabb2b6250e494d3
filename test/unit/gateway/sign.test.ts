import { createHash, createHmac } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refuseFileName } from '#operator/gateway/files/file-name.ts';
import { signerFor, signForm, signPart, signPut } from '#operator/gateway/files/sign.ts';

const SECRET = 'test-secret';
const at = Date.UTC(2026, 0, 2, 3, 4, 5);
const client = (credentials: object = {}) =>
  new S3Client({
    endpoint: 'http://storage.internal:9000',
    region: 'eu-central-1',
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    credentials: { accessKeyId: 'key', secretAccessKey: SECRET, ...credentials },
  });
const SHARED = client();
const signing = (signer = client()) => ({ signer, at, seconds: 3600 });
const file = {
  bucket: 'files',
  key: 'raw-uploads/5f1c/Zertifikate (März) + 100%.csv',
  size: 12,
  sizeIsLimit: false,
  contentType: 'text/csv',
  checksum: { algorithm: 'SHA256', value: Buffer.alloc(32, 1).toString('base64') },
};

/** Computes the signature of a presigned URL anew, from AWS's description of it. */
function signatureOf(method: string, text: string, headers: Record<string, string>): string {
  const url = new URL(text);
  const query = [...url.searchParams].filter(([name]) => name !== 'X-Amz-Signature');
  const encode = (value: string) =>
    encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const names = url.searchParams.get('X-Amz-SignedHeaders')!.split(';');
  const all: Record<string, string> = { ...headers, host: url.host };
  const canonical = [
    method,
    url.pathname,
    query
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join('&'),
    ...names.map((name) => `${name}:${all[name]}`),
    '',
    names.join(';'),
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const [, day, region, service] = url.searchParams.get('X-Amz-Credential')!.split('/');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const hash = createHash('sha256').update(canonical).digest('hex');
  const toSign = ['AWS4-HMAC-SHA256', url.searchParams.get('X-Amz-Date'), scope, hash].join('\n');
  const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();
  const key = [day!, region!, service!, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${SECRET}`);
  return hmac(key, toSign).toString('hex');
}

const query = (url: string) => Object.fromEntries(new URL(url).searchParams);

describe('the PUT of a file', () => {
  it('signs length, type, checksum and If-None-Match as headers, and nothing of them in the query', async () => {
    const { url, headers } = await signPut(signing(), file);
    expect(headers).toEqual({
      'content-type': 'text/csv',
      'content-length': '12',
      'if-none-match': '*',
      'x-amz-checksum-sha256': file.checksum.value,
    });
    const { 'X-Amz-SignedHeaders': signed, 'X-Amz-Signature': signature, ...rest } = query(url);
    expect(signed).toBe('content-length;content-type;host;if-none-match;x-amz-checksum-sha256');
    expect(rest).toEqual({
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD',
      'X-Amz-Credential': 'key/20260102/eu-central-1/s3/aws4_request',
      'X-Amz-Date': '20260102T030405Z',
      'X-Amz-Expires': '3600',
      'x-id': 'PutObject',
    });
    expect(signature).toBe(signatureOf('PUT', url, headers));
    for (const name of Object.keys(headers)) {
      expect(signatureOf('PUT', url, { ...headers, [name]: 'x' })).not.toBe(signature);
    }
  });

  it('has no checksum where none was declared, not even that of an empty body', async () => {
    const { url, headers } = await signPut(signing(), { ...file, checksum: null });
    expect(Object.keys(headers)).toEqual(['content-type', 'content-length', 'if-none-match']);
    expect(url).not.toMatch(/checksum/i);
  });

  it('names the object by its exact key', async () => {
    const { url } = await signPut(signing(), file);
    expect(decodeURIComponent(new URL(url).pathname)).toBe(`/files/${file.key}`);
    expect(new URL(url).pathname).toContain('%20%28M%C3%A4rz%29%20%2B%20100%25.csv');
  });

  it('names the object by its exact key, whatever name a file may have', async () => {
    const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((name) => !refuseFileName(name));
    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        const key = `raw-uploads/5f1c/${name}`;
        const { url, headers } = await signPut(signing(SHARED), { ...file, key });
        // The URL class changes paths with dots as browsers do.
        expect(decodeURIComponent(new URL(url).pathname)).toBe(`/files/${key}`);
        expect(query(url)['X-Amz-Signature']).toBe(signatureOf('PUT', url, headers));
        const { fields } = await signForm(signing(SHARED), { ...file, key });
        const { conditions } = JSON.parse(Buffer.from(fields['Policy']!, 'base64').toString());
        expect(conditions).toContainEqual({ key });
      }),
      { numRuns: 200 },
    );
  });

  it('has the session token of temporary keys, and never the secret key', async () => {
    const signed = signing(client({ sessionToken: 'token/+=' }));
    const { url } = await signPut(signed, file);
    expect(query(url)['X-Amz-Security-Token']).toBe('token/+=');
    expect(JSON.stringify([url, await signForm(signed, file)])).not.toContain(SECRET);
  });
});

describe('the form of a file', () => {
  const conditionsOf = async (...args: Parameters<typeof signForm>) => {
    const { fields } = await signForm(...args);
    return { fields, ...JSON.parse(Buffer.from(fields['Policy']!, 'base64').toString()) };
  };

  it('takes exactly the declared size, or up to the limit', async () => {
    expect((await conditionsOf(signing(SHARED), file)).conditions).toContainEqual(['content-length-range', 12, 12]);
    const limited = await conditionsOf(signing(SHARED), { ...file, sizeIsLimit: true });
    expect(limited.conditions).toContainEqual(['content-length-range', 1, 12]);
  });

  it('leads nowhere but to the redirect that was signed', async () => {
    const redirect = 'https://uploads.example.com/page/forms/n/files/1?schema=people';
    const { fields, conditions } = await conditionsOf(signing(SHARED), file, redirect);
    expect(fields).toMatchObject({ success_action_redirect: redirect });
    expect(conditions).toContainEqual({ success_action_redirect: redirect });
    expect((await conditionsOf(signing(SHARED), file)).fields).not.toHaveProperty('success_action_redirect');
  });
});

describe('the address that the outside sees', () => {
  it('is signed with the same keys', async () => {
    const s3 = client();
    const signer = signerFor(s3, 'https://files.example.com');
    const { url, headers } = await signPut(signing(signer), file);
    expect(new URL(url).host).toBe('files.example.com');
    expect(query(url)['X-Amz-Signature']).toBe(signatureOf('PUT', url, headers));
    expect((await signForm(signing(signer), file)).url).toBe('https://files.example.com/files');
    expect(signerFor(s3, 'https://files.example.com')).toBe(signer);
    expect(signerFor(s3, null)).toBe(s3);
  });
});

it('the PUT of a part signs its length', async () => {
  const large = { ...file, size: 25, multipart: { id: 'upload/id', partSize: 10 } };
  const { url, headers } = await signPart(signing(), large, { number: 3, checksum: null });
  expect(headers).toEqual({ 'content-length': '5' });
  expect(query(url)).toMatchObject({
    'X-Amz-SignedHeaders': 'content-length;host',
    partNumber: '3',
    uploadId: 'upload/id',
  });
  expect(url).not.toMatch(/checksum/i);
  expect(query(url)['X-Amz-Signature']).toBe(signatureOf('PUT', url, headers));
});

it('the PUT of a part signs the checksum of the part', async () => {
  const large = { ...file, size: 25, multipart: { id: 'upload/id', partSize: 10 } };
  const checksum = { algorithm: 'CRC64NVME', value: 'AAAAAAAAAAA=' };
  const { url, headers } = await signPart(signing(), large, { number: 1, checksum });
  expect(headers).toEqual({ 'content-length': '10', 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=' });
  expect(query(url)['X-Amz-SignedHeaders']).toBe('content-length;host;x-amz-checksum-crc64nvme');
  expect(query(url)['X-Amz-Signature']).toBe(signatureOf('PUT', url, headers));
});

it('the form allows exactly the file', async () => {
  const { url, fields } = await signForm(signing(), file);
  expect(url).toBe('http://storage.internal:9000/files');
  const { conditions } = JSON.parse(Buffer.from(fields['Policy']!, 'base64').toString());
  expect(conditions).toEqual(
    expect.arrayContaining([
      ['content-length-range', 12, 12],
      { bucket: 'files' },
      { key: file.key },
      { 'Content-Type': 'text/csv' },
      { 'x-amz-checksum-sha256': file.checksum.value },
    ]),
  );
  expect(conditions.some((condition: unknown) => JSON.stringify(condition).includes('starts-with'))).toBe(false);
});
