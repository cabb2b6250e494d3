/** What the storage answers, as AWS words it, and what a person reads. HEAD has no body, so that the GET tells the code. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { createS3Client } from '#s3/client.ts';
import { storageFault } from '#s3/fault.ts';

interface Answer {
  status: number;
  code: string;
  message?: string;
  more?: string;
  headers?: Record<string, string>;
}

async function faultOf({ status, code, message = code, more = '', headers = {} }: Answer) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.headers['range'] ?? ''}`.trim());
    response.writeHead(status, { 'content-type': 'application/xml', ...headers });
    response.end(`<Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const location = { bucket: 'b', key: 'k.csv', endpoint };
  const client = createS3Client(location, { AWS_REGION: 'eu-west-1' });
  client.config.credentials = async () => ({ accessKeyId: 'a', secretAccessKey: 's' });
  try {
    const error = await client.send(new HeadObjectCommand({ Bucket: 'b', Key: 'k.csv' })).catch((refused) => refused);
    return { fault: await storageFault(error, client, location), requests };
  } finally {
    client.destroy();
    server.close();
  }
}

it.each([
  ['key disabled', { status: 400, code: 'KMS.DisabledException' }, 'S3_ACCESS_DENIED', 'permanent', /KMS.*disabled/],
  [
    'key denied',
    { status: 403, code: 'AccessDenied', message: 'not authorized to perform: kms:Decrypt on resource' },
    'S3_ACCESS_DENIED',
    'permanent',
    /kms:Decrypt/,
  ],
  [
    'SSE-C',
    {
      status: 400,
      code: 'InvalidRequest',
      message: 'The object was stored using a form of Server Side Encryption. The correct parameters must be provided.',
    },
    'S3_ACCESS_DENIED',
    'permanent',
    /SSE-C/,
  ],
  ['token expired', { status: 400, code: 'ExpiredToken' }, 'S3_TOKEN_EXPIRED', 'retryable', /AWS_SESSION_TOKEN/],
  ['clocks differ', { status: 403, code: 'RequestTimeTooSkewed' }, 'S3_UNAVAILABLE', 'retryable', /clock of the node/],
  [
    'region in a header',
    { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'us-west-2' } },
    'S3_REGION',
    'permanent',
    /is in the region us-west-2\. Set spec\.source\.s3\.region to us-west-2/,
  ],
  [
    'region in the body',
    { status: 400, code: 'AuthorizationHeaderMalformed', more: '<Region>eu-central-1</Region>' },
    'S3_REGION',
    'permanent',
    /eu-central-1/,
  ],
  ['access denied', { status: 403, code: 'AccessDenied' }, 'S3_ACCESS_DENIED', 'permanent', /Check the keys/],
] as [string, Answer, string, string, RegExp][])('%s', async (_what, answer, code, category, message) => {
  const { fault, requests } = await faultOf(answer);
  expect(fault).toMatchObject({ code, category, message: expect.stringMatching(message) });
  expect(requests).toEqual(['HEAD', 'GET bytes=0-0']);
});

it.each([
  ['nobody restores it', {}, 'permanent', /is archived.*restore-object.*raise spec\.retryGeneration/],
  [
    'its restore is under way',
    { 'x-amz-restore': 'ongoing-request="true"' },
    'retryable',
    /is archived.*restore is under way.*spec\.retryGeneration/,
  ],
  [
    'it was restored for a time that is over',
    { 'x-amz-restore': 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"' },
    'permanent',
    /is archived/,
  ],
] as [string, Record<string, string>, string, RegExp][])(
  'an archived object answers HEAD and refuses GET: %s',
  async (_what, restore, category, message) => {
    const server = createServer(({ method }, response) => {
      const answer = { 'content-type': 'application/xml', 'x-amz-storage-class': 'GLACIER', ...restore };
      response.writeHead(method === 'HEAD' ? 200 : 403, answer);
      response.end(method === 'HEAD' ? '' : '<Error><Code>InvalidObjectState</Code></Error>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const location = {
      bucket: 'b',
      key: 'k.csv',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    };
    const client = createS3Client(location, { AWS_REGION: 'eu-west-1' });
    client.config.credentials = async () => ({ accessKeyId: 'a', secretAccessKey: 's' });
    try {
      const error = await client.send(new GetObjectCommand({ Bucket: 'b', Key: 'k.csv' })).catch((refused) => refused);
      const fault = await storageFault(error, client, location);
      expect(fault).toMatchObject({ code: 'S3_ARCHIVED', reason: 'ObjectArchived', category });
      expect(fault.message).toMatch(message);
    } finally {
      client.destroy();
      server.close();
    }
  },
);
