import { describe, expect, it } from 'vitest';
import { readGatewayConfig } from '#operator/config/gateway-config.ts';

const read = (storage: object) =>
  readGatewayConfig({ BATCH_UPLOAD_GATEWAY_STORAGE: JSON.stringify({ n: { bucket: 'b', ...storage } }) }).fileStorage;

describe('the storage of a namespace', () => {
  it.each([
    [{}, { prefix: 'raw-uploads', publicEndpoint: null }],
    [{ prefix: '' }, { prefix: '', publicEndpoint: null }],
    [{ prefix: 'a/b/' }, { prefix: 'a/b', publicEndpoint: null }],
    [{ publicEndpoint: 'https://s3.example.com:9000/' }, { publicEndpoint: 'https://s3.example.com:9000/' }],
  ])('%j', (storage, expected) => {
    expect(read(storage).get('n')).toMatchObject({ bucket: 'b', ...expected });
  });

  it.each([
    [{ prefix: '/raw' }, /slash/],
    [{ prefix: 'a/../b' }, /no parts \. or \.\./],
    [{ prefix: 'é'.repeat(257) }, /512 bytes/],
    [{ publicEndpoint: 's3.example.com' }, /publicEndpoint must be the URL of a server/],
    [{ publicEndpoint: 'ftp://s3.example.com' }, /URL of a server/],
    [{ publicEndpoint: 'https://key:secret@s3.example.com' }, /URL of a server/],
    [{ publicEndpoint: 'https://s3.example.com/path' }, /URL of a server/],
    [{ bucket: '' }, /needs bucket/],
  ])('%j is refused', (storage, message) => {
    expect(() => read(storage)).toThrow(message);
  });
});
