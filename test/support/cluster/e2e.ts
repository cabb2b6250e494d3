/** Helpers that e2e tests of uploads share: the namespace, its Secrets, the fence as a brake. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { BatchUploadSpec } from '#api/batch-upload.gen.ts';
import { LABELS } from '#api/labels.ts';
import { JOBS, type Job, PODS } from '#kube/resource-types.ts';
import type { ResourceType } from '#kube/types.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { type BatchUpload, type Cluster, createCluster } from './cluster.ts';
import { itemsSchema, schemaManifest, uploadManifest } from './manifests.ts';

/** A namespace of test/cluster/values.yaml whose Secrets tests may delete. */
export const NAMESPACE = 'e2e';
/** Names of Secrets that tests make in the namespace, and that the chart lets the operator read. */
export const TEST_DATABASE_SECRET = 'e2e-database';
export const TEST_STORAGE_SECRET = 'e2e-storage';

export interface E2e extends AsyncDisposable {
  cluster: Cluster;
  /** The namespace of the uploads that this object makes and finds. */
  namespace: string;
  /** The cluster's database. */
  db: pg.Client;
  /** A name that no other test uses, and that a table may have, too. */
  unique(prefix: string): string;
  /** Creates a schema, an object and an upload. The operator creates the table unless `create` is false. */
  createItemsUpload(name: string, body: string | Buffer | null, options?: ItemsOptions): Promise<BatchUpload>;
  progress(uid: string): Promise<UploadProgress | undefined>;
  /** The names of an upload's Jobs that have a running pod or will have one. */
  activeJobs(uid: string): Promise<string[]>;
  jobsOf(uid: string): Promise<Job[]>;
  podsOf(uid: string): Promise<Pod[]>;
  close(): Promise<void>;
}

export interface Pod {
  metadata: { name: string; uid: string; labels: Record<string, string> };
  status: { phase: string; startTime?: string; containerStatuses?: { containerID?: string; ready?: boolean }[] };
  spec: { nodeName?: string };
}

export interface ItemsOptions {
  spec?: Partial<BatchUploadSpec>;
  create?: boolean;
  onDuplicate?: 'Skip' | 'Update' | 'Fail';
  /** The RecordSchema is not created. */
  withoutSchema?: boolean;
}

export async function createE2e({ namespace = NAMESPACE } = {}): Promise<E2e> {
  const cluster = createCluster();
  const db = await cluster.connectDatabase();
  // A test may end PostgreSQL's sessions or the server.
  db.on('error', () => undefined);

  async function list<T extends object>(type: ResourceType<T>, uid: string): Promise<T[]> {
    return (await cluster.kube.list(type, { namespace, labelSelector: `${LABELS.uid}=${uid}` })).items;
  }

  const close = async () => {
    await db.end();
    await cluster.close();
  };
  return {
    cluster,
    namespace,
    db,
    unique: (prefix) => `${prefix}-${randomUUID().slice(0, 8)}`,
    async createItemsUpload(name, body, options = {}) {
      const key = `e2e/${name}.csv`;
      if (body !== null) await cluster.putObject(key, Buffer.from(body));
      const table = name.replaceAll('-', '_');
      if (!options.withoutSchema) {
        const schema = itemsSchema(table, options.create);
        schema.target.onDuplicate = options.onDuplicate ?? 'Skip';
        await cluster.apply(schemaManifest(namespace, name, schema));
      }
      await cluster.apply(
        uploadManifest(namespace, name, {
          source: { type: 'Manual', s3: { bucket: cluster.env.S3_BUCKET, key } },
          schemaRef: { name },
          ...options.spec,
        }),
      );
      return cluster.getUpload(namespace, name);
    },
    progress: async (uid) => (await readProgress(db, [uid])).get(uid),
    async activeJobs(uid) {
      const jobs = await list(JOBS, uid);
      return jobs.filter(({ status }) => (status?.active ?? 0) > 0).map(({ metadata }) => metadata!.name!);
    },
    jobsOf: (uid) => list(JOBS, uid),
    podsOf: async (uid) => (await list(PODS, uid)) as unknown as Pod[],
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Holds the exclusive side of the upload's fence: no plan and no chunk commits until `release`. The upload's row need
 * not exist yet.
 */
export async function holdFence(cluster: Cluster, uid: string): Promise<{ release(): Promise<void> }> {
  const client = await cluster.connectDatabase();
  client.on('error', () => undefined);
  await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [uid]);
  return { release: () => client.end() };
}

/** Waits until a session of the upload waits for the fence. */
export async function waitForBlocked(db: pg.Client, uid: string, timeoutMs = 60_000): Promise<void> {
  await eventuallyTrue(
    async () =>
      (
        await db.query(
          `SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'batch-upload/' || $1 || '%' AND wait_event_type = 'Lock'`,
          [uid],
        )
      ).rowCount !== 0,
    `no session of ${uid} waits for the fence`,
    timeoutMs,
  );
}

export async function eventuallyTrue(check: () => Promise<boolean>, what: string, timeoutMs = 60_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; ; ) {
    if (await check()) return;
    if (Date.now() > deadline) throw new Error(`after ${timeoutMs} ms: ${what}`);
    await sleep(100);
  }
}
