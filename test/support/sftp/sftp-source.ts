/** Settings of an SFTP source for a test's servers, and the source as a process that a test can kill and measure. */
import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { S3Client } from '@aws-sdk/client-s3';
import type { AfterFetch } from '#operator/bridge/sftp/after-fetch.ts';
import type { S3Server } from '#support/storage/s3-server.ts';
import type { SshServer } from './ssh-server.ts';

/** All settings of a source; they are sent as JSON. */
export interface SourceSettings {
  port: number;
  username: string;
  privateKey: string;
  knownHosts: string;
  directory: string;
  afterFetch: AfterFetch;
  bucket: string;
  s3: { endpoint: string; region: string; accessKeyId: string; secretAccessKey: string };
  /** The process ends after so many files; it runs until it is killed when this is absent. */
  files?: number;
}

/** A line that the process writes. */
export type SourceLine =
  | { kind: 'admitted'; notice: { key: string; size: number; eTag: string } }
  | { kind: 'failing'; key: string | null; reason: string; message: string }
  | { kind: 'log'; message: string; fields: Record<string, unknown> }
  /** `fileRssBytes` is memory with pages of program files, which all processes of a machine share. */
  | { kind: 'ended'; maxRssBytes: number; fileRssBytes: number; cpuSeconds: number };

export interface SourceProcess {
  child: ChildProcess;
  lines: SourceLine[];
  /** Resolves with the first line, old or new, that passes the test. @throws when the process ends earlier */
  line<T extends SourceLine['kind']>(
    kind: T,
    test?: (line: Extract<SourceLine, { kind: T }>) => boolean,
  ): Promise<Extract<SourceLine, { kind: T }>>;
  kill(): Promise<void>;
}

export function settingsOf(
  ssh: SshServer,
  s3: S3Server,
  rest: Pick<SourceSettings, 'directory' | 'afterFetch' | 'bucket'> & Partial<SourceSettings>,
): SourceSettings {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const port = rest.port ?? ssh.port;
  return {
    port,
    username: ssh.username,
    privateKey: ssh.privateKey,
    knownHosts: ssh.knownHosts({ port }),
    s3: { endpoint, region, accessKeyId, secretAccessKey },
    ...rest,
  };
}

export function s3ClientOf({ endpoint, region, accessKeyId, secretAccessKey }: SourceSettings['s3']): S3Client {
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

const PROGRAM = fileURLToPath(new URL('./sftp-source-process.ts', import.meta.url));

/**
 * The environment with which the chart starts the bridge keeps the memory of a transfer small. glibc keeps freed memory
 * in each of its arenas, so one arena is enough. The pieces of a transfer are garbage at once, and a small space for
 * young objects frees them sooner. Stripping the types takes a program of 15 MB, unless its results are cached as in
 * the image.
 */
const BRIDGE_ENV = {
  NODE_OPTIONS: '--max-semi-space-size=1',
  MALLOC_ARENA_MAX: '1',
  NODE_COMPILE_CACHE: join(tmpdir(), 'batch-upload-compile-cache'),
};

export function startSourceProcess(settings: SourceSettings): SourceProcess {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { ...process.env, ...BRIDGE_ENV },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(settings));
  const lines: SourceLine[] = [];
  const listeners = new Set<() => void>();
  let ended = false;
  const notify = () => {
    for (const listener of [...listeners]) listener();
  };
  createInterface({ input: child.stdout })
    .on('line', (line) => {
      lines.push(JSON.parse(line) as SourceLine);
      notify();
    })
    .on('close', () => {
      ended = true;
      notify();
    });
  return {
    child,
    lines,
    line(kind, test = () => true) {
      type Found = Extract<SourceLine, { kind: typeof kind }>;
      const { promise, resolve, reject } = Promise.withResolvers<Found>();
      const look = () => {
        const found = lines.find((line) => line.kind === kind && test(line as Found));
        if (!found && !ended) return;
        listeners.delete(look);
        if (found) resolve(found as Found);
        else reject(new Error(`the process ended without "${kind}": ${JSON.stringify(lines.slice(-5))}`));
      };
      listeners.add(look);
      look();
      return promise;
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exit;
    },
  };
}
