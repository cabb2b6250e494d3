/** The API by TLS: a certificate of a folder, its renewal without a restart, and folders that cannot be used. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '#common/clock.ts';
import { readGatewayConfig } from '#operator/config/gateway-config.ts';
import { type AppDeps, createApp } from '#operator/gateway/app.ts';
import { openCertificate } from '#operator/gateway/http/certificate.ts';
import { createGatewayMetrics } from '#operator/gateway/model/metrics.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'certificate-'));
});
afterAll(() => rm(root, { recursive: true }));

/** Makes a folder as Kubernetes mounts a Secret of type kubernetes.io/tls. */
async function makeFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(root, 'tls-'));
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const files = ['-keyout', join(folder, 'tls.key'), '-out', join(folder, 'tls.crt')];
  await promisify(execFile)('openssl', [...request, '-subj', `/CN=${name}`, ...files]);
  return folder;
}

/** The name in the certificate that a new connection gets. */
function nameOnPort(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve((socket.getPeerCertificate() as PeerCertificate).subject.CN as string);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

it('serves the certificate of the folder, and its successor to new connections', async () => {
  const [folder, next] = await Promise.all([makeFolder('first'), makeFolder('second')]);
  const log = createRecordingLog();
  const certificate = await openCertificate(folder, { log });
  const deps = { config: readGatewayConfig({}), clock: systemClock, log, metrics: createGatewayMetrics(), certificate };
  const app = await createApp(deps as unknown as AppDeps);
  try {
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as { port: number };
    expect(await nameOnPort(port)).toBe('first');
    await cp(next, folder, { recursive: true });
    await certificate.renew(app.server);
    expect(await nameOnPort(port)).toBe('second');
    // Half of a renewal: the key does not belong to the certificate.
    await writeFile(join(folder, 'tls.key'), 'no key');
    await certificate.renew(app.server);
    expect(await nameOnPort(port)).toBe('second');
  } finally {
    await app.close();
  }
});

it.each([
  ['is not there', async (folder: string) => rm(folder, { recursive: true })],
  ['has no key', async (folder: string) => rm(join(folder, 'tls.key'))],
  [
    'has the key of another certificate',
    async (folder: string) => cp(join(await makeFolder('other'), 'tls.key'), join(folder, 'tls.key')),
  ],
])('a folder that %s is refused with what the Secret must be', async (_what, spoil) => {
  const folder = await makeFolder('spoilt');
  await spoil(folder);
  await expect(openCertificate(folder, { log: createRecordingLog() })).rejects.toThrow(
    /has no certificate that can be used .* must have the type kubernetes\.io\/tls, with tls\.crt and the tls\.key/,
  );
});
