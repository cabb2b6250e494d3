/** Namespaces of the chart that a test gives a database of their own, or makes again after it has deleted them. */
import { randomUUID } from 'node:crypto';
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import { NAMESPACES } from '#kube/resource-types.ts';
import { createE2e, type E2e, NAMESPACE, TEST_DATABASE_SECRET } from '#support/cluster/e2e.ts';
import { withClient } from '#support/database/database.ts';
import { bodyOf, tableOf } from './uploads.ts';

/** What the chart makes in a namespace of uploads. */
const CHART_KINDS = 'role,rolebinding,serviceaccount,secret';

interface ChartObject {
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
}

/** Makes the namespace, if it was deleted, with copies of what the chart has made in the namespace of the other tests. */
export async function restoreTenant({ cluster }: E2e, namespace: string): Promise<void> {
  if ((await cluster.kube.find(NAMESPACES, { name: namespace })) !== undefined) return;
  const text = await cluster.kubectl(
    ...['-n', NAMESPACE, 'get', CHART_KINDS, '-l', 'app.kubernetes.io/managed-by=Helm', '-o', 'json'],
  );
  const { items } = JSON.parse(text) as { items: ChartObject[] };
  const copies = items.map(({ metadata: { name, labels, annotations }, ...rest }) => {
    const release = Object.entries(annotations ?? {}).filter(([key]) => key.startsWith('meta.helm.sh/'));
    return { ...rest, metadata: { name, namespace, labels, annotations: Object.fromEntries(release) } };
  });
  await cluster.kubectl('create', 'namespace', namespace);
  await cluster.apply(...copies);
}

export interface TenantDatabase extends AsyncDisposable {
  recordsOfEach: number;
  /** Starts an upload of a small file into the tenant's database. */
  upload(name: string): Promise<void>;
  waitFor(name: string, until: (status: BatchUploadStatus) => boolean, timeoutMs: number): Promise<BatchUploadStatus>;
  /** Locks the ledger of the database, so that every statement on it waits. @returns what ends this */
  lockLedger(): Promise<() => Promise<void>>;
  /** The rows of all uploads of the tenant. */
  countRows(): Promise<number>;
}

/** Gives the namespace an empty database on the cluster's server. */
export async function createTenantDatabase({ cluster }: E2e, namespace: string): Promise<TenantDatabase> {
  const database = `tenant_${randomUUID().slice(0, 8)}`;
  const administer = (sql: string) => withClient(cluster.env['ADMIN_DATABASE_URL']!, (admin) => admin.query(sql));
  await administer(`CREATE DATABASE ${database} OWNER app`);
  const inDatabase = (uri: string) => Object.assign(new URL(uri), { pathname: `/${database}` }).href;
  const url = inDatabase(cluster.env.DATABASE_URL);
  const tenant = await createE2e({ namespace });
  const metadata = { name: TEST_DATABASE_SECRET, namespace };
  const stringData = { uri: inDatabase(cluster.env['POD_DATABASE_URL']!) };
  await cluster.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData });
  const started: string[] = [];
  const recordsOfEach = 3;
  return {
    recordsOfEach,
    async upload(name) {
      await tenant.createItemsUpload(name, bodyOf(`${database}-${name}`, recordsOfEach), {
        spec: { target: { databaseSecretRef: { name: TEST_DATABASE_SECRET } } },
      });
      started.push(name);
    },
    async waitFor(name, until, timeoutMs) {
      const upload = await cluster.waitForUpload(namespace, name, ({ status }) => until(status ?? {}), timeoutMs);
      return upload.status ?? {};
    },
    async lockLedger() {
      const holder = await cluster.connectDatabase(url);
      await holder.query('BEGIN; LOCK TABLE batch_upload.batch_uploads IN ACCESS EXCLUSIVE MODE');
      return () => holder.end();
    },
    countRows: () =>
      withClient(url, async (client) => {
        let sum = 0;
        for (const name of started) {
          const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${tableOf(name)}`);
          sum += rows[0]!.n;
        }
        return sum;
      }),
    async [Symbol.asyncDispose]() {
      await cluster.kubectl('-n', namespace, 'delete', 'batchuploads,recordschemas', '--all');
      await cluster.kubectl('-n', namespace, 'delete', 'secret', TEST_DATABASE_SECRET);
      await tenant.close();
      await administer(`DROP DATABASE ${database} WITH (FORCE)`);
    },
  };
}
