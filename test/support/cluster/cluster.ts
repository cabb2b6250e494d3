/** The running cluster for e2e tests and the demo: its environment from .cluster/env, kubectl, S3, PostgreSQL. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { stringify } from 'yaml';
import type { BatchUploadSpec, BatchUploadStatus } from '#api/batch-upload.gen.ts';
import { loadAccess } from '#kube/access.ts';
import { createKubeClient } from '#kube/client.ts';
import { BATCH_UPLOADS } from '#kube/custom-resources.ts';
import type { KubeClient } from '#kube/types.ts';

const exec = promisify(execFile);

export interface ClusterEnv {
  KUBECONFIG: string;
  DATABASE_URL: string;
  AWS_ENDPOINT_URL_S3: string;
  AWS_REGION: string;
  AWS_ACCESS_KEY_ID: string;
  AWS_SECRET_ACCESS_KEY: string;
  S3_BUCKET: string;
  POD_S3_ENDPOINT: string;
  PATH: string;
  [name: string]: string;
}

/** Reads .cluster/env. @throws with what to do when there is no cluster. */
export function readClusterEnv(): ClusterEnv {
  let text: string;
  try {
    text = readFileSync(new URL('../../../.cluster/env', import.meta.url), 'utf8');
  } catch {
    throw new Error('There is no .cluster/env: run `make up` first.');
  }
  const env: Record<string, string> = { ...process.env } as Record<string, string>;
  for (const [, name, quoted] of text.matchAll(/^export ([A-Z0-9_]+)=(.*)$/gm)) {
    const value = quoted!.replace(/^(['"])(.*)\1$/, '$2');
    env[name!] = value.replace(/\$\{?([A-Z_]+)\}?/g, (_, other: string) => env[other] ?? '');
  }
  return env as ClusterEnv;
}

export interface BatchUpload {
  apiVersion: string;
  kind: 'BatchUpload';
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    generation: number;
    creationTimestamp: string;
    finalizers?: string[];
  };
  spec: BatchUploadSpec;
  status?: BatchUploadStatus;
}

export interface Cluster {
  env: ClusterEnv;
  /** Runs kubectl. @returns its standard output. @throws with kubectl's own message. */
  kubectl(...args: string[]): Promise<string>;
  /** Runs kubectl with this text as its standard input. */
  pipeInto(input: string, ...args: string[]): Promise<string>;
  /** Applies objects. @returns kubectl's standard output. */
  apply(...objects: object[]): Promise<string>;
  getUpload(namespace: string, name: string): Promise<BatchUpload>;
  /** Polls until the upload passes the test; prints the upload's conditions when time is up. */
  waitForUpload(
    namespace: string,
    name: string,
    until: (upload: BatchUpload) => boolean,
    timeoutMs?: number,
  ): Promise<BatchUpload>;
  putObject(key: string, body: Buffer | string): Promise<void>;
  s3: S3Client;
  /** Calls of the API server without a process for each, for what tests look at several times a second. */
  kube: KubeClient;
  /** @param url of another database than the cluster's own */
  connectDatabase(url?: string): Promise<pg.Client>;
  /** Closes the connections to S3 and the API server. */
  close(): Promise<void>;
}

export function createCluster(env = readClusterEnv()): Cluster {
  const s3 = new S3Client({
    endpoint: env.AWS_ENDPOINT_URL_S3,
    region: env.AWS_REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
  });

  const kube = createKubeClient({ access: loadAccess({ kubeconfig: env['KUBECONFIG'] }), userAgent: 'test' });

  const kubectl = (...args: string[]) => pipeInto('', ...args);

  async function pipeInto(input: string, ...args: string[]): Promise<string> {
    const running = exec('kubectl', args, { env, maxBuffer: 64 * 1024 * 1024 });
    // kubectl may end without reading its input.
    running.child.stdin?.on('error', () => undefined).end(input);
    try {
      return (await running).stdout;
    } catch (error) {
      const { stderr } = error as { stderr?: string };
      throw new Error(stderr?.trim() || String(error));
    }
  }

  async function getUpload(namespace: string, name: string): Promise<BatchUpload> {
    return (await kube.get(BATCH_UPLOADS, { namespace, name })) as unknown as BatchUpload;
  }

  return {
    env,
    s3,
    kube,
    kubectl,
    pipeInto,
    apply: (...objects) => pipeInto(objects.map((object) => stringify(object)).join('---\n'), 'apply', '-f', '-'),
    getUpload,
    async waitForUpload(namespace, name, until, timeoutMs = 120_000) {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const upload = await getUpload(namespace, name);
        if (until(upload)) return upload;
        if (Date.now() > deadline) {
          throw new Error(
            `${namespace}/${name} is not there after ${timeoutMs} ms: ${JSON.stringify(upload.status, null, 1)}`,
          );
        }
        await sleep(250);
      }
    },
    async putObject(key, body) {
      await s3.send(new PutObjectCommand({ Bucket: env.S3_BUCKET, Key: key, Body: body }));
    },
    async connectDatabase(url = env.DATABASE_URL) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      return client;
    },
    async close() {
      s3.destroy();
      await kube.close();
    },
  };
}

export async function createBucket(cluster: Cluster, bucket: string): Promise<void> {
  await cluster.s3.send(new CreateBucketCommand({ Bucket: bucket }));
}

/** Is the condition of this type True? */
export function hasCondition(upload: BatchUpload, type: string, reason?: string): boolean {
  return (upload.status?.conditions ?? []).some(
    (condition) => condition.type === type && condition.status === 'True' && (!reason || condition.reason === reason),
  );
}

export const isFinished = (upload: BatchUpload) => hasCondition(upload, 'Complete') || hasCondition(upload, 'Failed');
