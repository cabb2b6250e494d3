import { describe, expect, it } from 'vitest';
import { refuseEndpoint } from '#s3/allowed-endpoint.ts';

const rules = {
  own: 'http://minio.storage:9000',
  allowed: ['https://s3.partner.example', 'objects.internal', 'Store:9000', 'tls.store:443', '[fd00::5]:9000'],
};

describe('an endpoint that a resource names', () => {
  it.each([
    undefined,
    'http://minio.storage:9000/',
    'https://s3.eu-west-1.amazonaws.com',
    'https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com',
    'https://s3.amazonaws.com',
    'https://s3-us-west-2.amazonaws.com',
    'https://s3.dualstack.eu-west-1.amazonaws.com',
    'https://s3-accelerate.amazonaws.com',
    'https://sqs.eu-west-1.amazonaws.com/1/queue',
    'https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com',
    'https://eu-west-1.queue.amazonaws.com',
    'https://s3.cn-north-1.amazonaws.com.cn',
    'https://s3.partner.example',
    'https://S3.partner.example:443/path',
    'http://objects.internal:1234',
    'http://store:9000',
    'https://tls.store',
    'http://[fd00::5]:9000',
  ])('%s may be used', (endpoint) => {
    expect(refuseEndpoint(endpoint, rules)).toBeNull();
  });

  it.each([
    'http://minio.storage:9001',
    'http://other:9000',
    'http://s3.eu-west-1.amazonaws.com',
    'https://amazonaws.com.evil.example',
    'https://evil-amazonaws.com',
    'https://abc123.execute-api.eu-west-1.amazonaws.com',
    'https://s3abc123.execute-api.eu-west-1.amazonaws.com',
    'https://ec2-1-2-3-4.compute-1.amazonaws.com',
    'https://s3-mine.eu-west-1.elb.amazonaws.com',
    'https://s3.execute-api.eu-west-1.amazonaws.com',
    'http://s3.partner.example',
    'http://127.0.0.1:8080',
    'http://store:9001',
    'http://tls.store',
    'http://[fd00::5]:9001',
    'https://kubernetes.default.svc',
  ])('%s is not on the list', (endpoint) => {
    expect(refuseEndpoint(endpoint, rules)).toMatch(/is not allowed here.*uploads\.allowedEndpoints/);
  });

  it.each([
    'http://169.254.169.254',
    'http://169.254.170.2/v2/credentials',
    'http://2852039166',
    'http://0xa9.0xfe.0xa9.0xfe',
    'http://[fe80::1]:80',
    'http://[::ffff:169.254.169.254]',
    'http://[fd00:ec2::254]',
    'http://metadata.google.internal',
    'http://METADATA.google.internal.',
  ])('%s is refused even when it is on the list, or is that of the Secret', (endpoint) => {
    const own = { own: endpoint, allowed: [endpoint, new URL(endpoint).hostname, new URL(endpoint).origin] };
    expect(refuseEndpoint(endpoint, own)).toMatch(/no upload may read/);
    expect(refuseEndpoint(undefined, own)).toMatch(/no upload may read/);
  });

  it.each(['ftp://minio', 'file:///etc/passwd', 'minio:9000', 'https://user:secret@minio'])(
    '%s is no server',
    (endpoint) => {
      const message = refuseEndpoint(endpoint, rules);
      expect(message).toMatch(/is not the URL of a server/);
      expect(message).not.toContain('secret');
    },
  );
});
