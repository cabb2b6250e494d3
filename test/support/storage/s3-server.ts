/** Starts real S3 servers (versitygw) on a folder. Each test has its own server, and `make up` has one. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, startServerProcess } from '#support/process/server-process.ts';
import { toolPath } from '#support/process/tool-path.ts';

export interface S3ServerOptions {
  /**
   * A folder with buckets as folders and objects as files, which stop() keeps. Default: a temporary folder that stop()
   * removes.
   */
  folder?: string;
  /** Default: a free port. */
  port?: number;
  /** The server listens on these addresses besides 127.0.0.1. */
  listenAddresses?: string[];
  accessKeyId?: string;
  secretAccessKey?: string;
  region?: string;
  /** Can buckets keep versions? */
  versioning?: boolean;
  /** This URL gets a POST for every event of every bucket. It must answer before the server starts. */
  eventWebhookUrl?: string;
  /** Does the server outlive this process? */
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
