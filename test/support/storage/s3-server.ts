/** A real S3 server (versitygw) on a folder: for tests, each with its own, and for `make up`. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, startServerProcess } from '#support/process/server-process.ts';
import { toolPath } from '#support/process/tool-path.ts';

export interface S3ServerOptions {
  /** Holds buckets as folders and objects as files; kept by stop(). Default: a temporary one, removed by stop(). */
  folder?: string;
  /** Default: a free one. */
  port?: number;
  /** Addresses besides 127.0.0.1. */
  listenAddresses?: string[];
  accessKeyId?: string;
  secretAccessKey?: string;
  region?: string;
  /** Buckets may be versioned. */
  versioning?: boolean;
  /** Gets a POST for every event of every bucket. It must answer before the server starts. */
  eventWebhookUrl?: string;
  /** The server outlives this process. */
  detached?: boolean;
}

export interface S3Server extends AsyncDisposable {
  endpoint: string;
  port: number;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  pid: number;
  stop(): Promise<void>;
}

export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const { accessKeyId = 'test', secretAccessKey = 'test-secret', region = 'us-east-1', detached = false } = options;
  const port = options.port ?? (await findFreePort());
  const temporary = options.folder ? undefined : await mkdtemp(join(tmpdir(), 'batch-upload-s3-'));
  const folder = options.folder ?? join(temporary!, 'buckets');
  const versions = `${folder}-versions`;
  await mkdir(folder, { recursive: true });
  if (options.versioning) await mkdir(versions, { recursive: true });

  const addresses = ['127.0.0.1', ...(options.listenAddresses ?? [])];
  const endpoint = `http://127.0.0.1:${port}`;
  const server = await startServerProcess({
    name: 'versitygw',
    command: [
      await toolPath('versitygw'),
      ...addresses.flatMap((address) => ['--port', `${address}:${port}`]),
      ...['--region', region, '--health', '/health', '--quiet', '--keep-alive'],
      ...(options.eventWebhookUrl ? ['--event-webhook-url', options.eventWebhookUrl] : []),
      'posix',
      ...(options.versioning ? ['--versioning-dir', versions] : []),
      folder,
    ],
    env: { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
    logFile: `${folder}.log`,
    probe: async () => {
      const response = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(2000) });
      if (!response.ok) throw new Error(`health check: ${response.status}`);
    },
    stopSignal: 'SIGTERM',
    detached,
  });
  const stop = async () => {
    await server.stop();
    if (temporary) await rm(temporary, { recursive: true, force: true });
  };
  return { endpoint, port, region, accessKeyId, secretAccessKey, pid: server.pid, stop, [Symbol.asyncDispose]: stop };
}
