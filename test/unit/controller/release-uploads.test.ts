import { expect, it } from 'vitest';
import { createKubeClient } from '#kube/client.ts';
import { releaseUploads } from '#operator/controller/release-uploads.ts';
import { startKubeApiServer } from '#support/cluster/kube-api-server.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { upload } from './observed.ts';

const HELD = 'batchupload.dev/work-copy';

async function start() {
  const api = await startKubeApiServer();
  const client = createKubeClient({ access: api.access });
  const log = createRecordingLog();
  const { metadata: _metadata, ...rest } = upload();
  return {
    api,
    client,
    log,
    put: (namespace: string, name: string, finalizers: string[]) =>
      api.put('batchuploads', { ...rest, metadata: { namespace, name, finalizers } }),
    finalizers: (namespace: string, name: string) =>
      api.get('batchuploads', namespace, name)?.metadata?.finalizers ?? null,
    async [Symbol.asyncDispose]() {
      await client.close();
      await api[Symbol.asyncDispose]();
    },
  };
}

it('releases held uploads of every namespace, leaves the finalizers of others, and says where a copy may be', async () => {
  await using bench = await start();
  bench.put('a', 'held', ['other', HELD]);
  bench.put('gone', 'held', [HELD]);
  bench.put('a', 'free', ['other']);
  expect(await releaseUploads(bench)).toBe(2);
  expect(bench.finalizers('a', 'held')).toEqual(['other']);
  expect(bench.finalizers('gone', 'held')).toEqual([]);
  expect(bench.api.requests.filter(({ method }) => method === 'PATCH')).toHaveLength(2);
  expect(JSON.stringify(bench.log.entries)).toMatch(/s3:\/\/b\/work\//);
  expect(await releaseUploads(bench)).toBe(0);
});

it('an upload that changes meanwhile is read again', async () => {
  await using bench = await start();
  bench.put('a', 'held', [HELD]);
  const refused: string[] = [];
  bench.api.refuse(({ method, name }) => method === 'PATCH' && refused.push(name) <= 2, 409, 'Conflict');
  expect(await releaseUploads(bench)).toBe(1);
  expect(bench.finalizers('a', 'held')).toEqual([]);
});

it('a CRD that is gone leaves nothing to release; a missing right ends with an error', async () => {
  await using bench = await start();
  const heal = bench.api.refuse(({ plural }) => plural === 'batchuploads', 404, 'NotFound');
  expect(await releaseUploads(bench)).toBe(0);
  heal();
  bench.api.refuse(({ plural }) => plural === 'batchuploads', 403, 'Forbidden');
  await expect(releaseUploads(bench)).rejects.toMatchObject({ status: 403 });
});
