/** A bridge on a real PostgreSQL, a real S3 server and an API server in memory. */
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { systemClock } from '#common/clock.ts';
import { createKubeClient } from '#kube/client.ts';
import type { EventRecorder } from '#kube/types.ts';
import { createBridge } from '#operator/bridge/bridge.ts';
import { createBridgeMetrics } from '#operator/bridge/model/metrics.ts';
import type { Receivers } from '#operator/bridge/sources/run-source.ts';
import { type KubeApiServer, startKubeApiServer } from '#support/cluster/kube-api-server.ts';
import { putNamespaceSecrets, putSecret } from '#support/cluster/secret.ts';
import { createDatabase } from '#support/database/database.ts';
import type { Postgres } from '#support/database/postgres.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import type { S3Server } from '#support/storage/s3-server.ts';
import { NAMESPACE } from './upload-source.ts';

export interface BridgeBench extends AsyncDisposable {
  api: KubeApiServer;
  s3: S3Client;
  databaseUrl: string;
  events: { name: string; reason: string; message: string }[];
  /** Starts another bridge on the same API server. */
  start(options?: { receivers?: Partial<Receivers> }): TestBridge;
  /** Creates a bucket. */
  bucket(name: string, options?: { versioned?: boolean }): Promise<void>;
  put(bucket: string, key: string, body?: string): Promise<void>;
  secret(name: string, data: Record<string, string>): void;
}

export interface TestBridge {
  log: ReturnType<typeof createRecordingLog>;
  metrics: ReturnType<typeof createBridgeMetrics>;
  stop(): Promise<void>;
}

export async function startBridgeBench(servers: { postgres: Postgres; storage: S3Server }): Promise<BridgeBench> {
  const { endpoint, region, accessKeyId, secretAccessKey } = servers.storage;
  const api = await startKubeApiServer();
  const databaseUrl = await createDatabase(servers.postgres);
  const secret = (name: string, data: Record<string, string>) => putSecret(api, { namespace: NAMESPACE, name }, data);
  putNamespaceSecrets(api, NAMESPACE, { databaseUrl, storage: servers.storage });
  const s3 = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  const running = new Set<TestBridge>();
  const events: BridgeBench['events'] = [];

  return {
    api,
    s3,
    databaseUrl,
    events,
    secret,
    start({ receivers } = {}) {
      const log = createRecordingLog();
      const metrics = createBridgeMetrics();
      const client = createKubeClient({ access: api.access, userAgent: 'batch-upload-bridge' });
      const recorder: EventRecorder = {
        record: ({ metadata }, { reason, message }) => void events.push({ name: metadata.name, reason, message }),
        flush: async () => undefined,
        dropped: 0,
      };
      const idle = (_source: unknown, _deps: unknown, signal: AbortSignal) =>
        new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      const bridge = createBridge({
        client,
        events: recorder,
        log,
        metrics,
        clock: systemClock,
        allow: {
          namespaces: [NAMESPACE],
          extraDatabaseSecrets: [],
          extraS3Secrets: ['other-s3'],
          allowedEndpoints: ['127.0.0.1', 'sqs.example.com'],
          bridgeSecrets: ['own'],
        },
        receivers: { sqs: idle, webhook: idle, sftp: idle, ...receivers },
        statusIntervalMs: 50,
        spreadMs: 0,
        afterSuccessMs: 100,
        feedMs: 2_000,
      });
      const stop = new AbortController();
      const done = bridge.run(stop.signal);
      const started: TestBridge = {
        log,
        metrics,
        async stop() {
          running.delete(started);
          stop.abort(new Error('the test is over'));
          await done;
          await client.close();
        },
      };
      running.add(started);
      return started;
    },
    async bucket(name, { versioned = false } = {}) {
      await s3.send(new CreateBucketCommand({ Bucket: name }));
      if (!versioned) return;
      const VersioningConfiguration = { Status: 'Enabled' as const };
      await s3.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration }));
    },
    async put(bucket, key, body = 'k,v\n1,a\n') {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((bridge) => bridge.stop()));
      s3.destroy();
      await api[Symbol.asyncDispose]();
    },
  };
}
