/** Helpers for tests of UploadSources on the running cluster: sources, addresses of test servers for pods, results. */
import { DeleteObjectsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { UploadSource } from '#kube/custom-resources.ts';
import { type BatchUpload, isFinished } from '#support/cluster/cluster.ts';
import { type E2e, eventuallyTrue, NAMESPACE, type Pod } from '#support/cluster/e2e.ts';
import { API_VERSION, itemsSchema, schemaManifest, sourceManifest } from '#support/cluster/manifests.ts';
import { SYSTEM } from '#support/kills/operator-kills.ts';

/** The names of test Secrets that the chart allows to the bridge. */
export const WEBHOOK_SECRET = 'e2e-webhook';
export const SFTP_SECRET = 'e2e-sftp';
export const OTHER_SFTP_SECRET = 'e2e-sftp-other';
/** The node port of the bridge's Service in test/cluster/values.yaml. */
const WEBHOOK_NODE_PORT = 30_090;
const BRIDGE = 'deployment/batch-upload-bridge';
const BRIDGE_PODS = 'app.kubernetes.io/name=batch-upload-bridge';

export interface Arrival {
  name: string;
  key: string;
  event_id: string | null;
  event_time: Date | null;
  created_at: Date;
}

export interface TestSource {
  name: string;
  /** A prefix in the cluster's bucket, with a final slash, that only this source uses. */
  prefix: string;
  /** The table for the records; only this source uses it. */
  table: string;
  /**
   * Creates or changes the source. `s3`, the schema and a list interval of a minute are added unless the spec has them.
   */
  apply(spec: object): Promise<void>;
  get(): Promise<UploadSource>;
  waitForReady(): Promise<void>;
  /** Waits until the condition holds for the source. */
  waitFor(what: string, until: (source: UploadSource) => boolean, timeoutMs?: number): Promise<UploadSource>;
  uploads(): Promise<BatchUpload[]>;
  /** Waits for that many uploads, all finished, and returns them in the order of their keys. */
  finished(count: number): Promise<BatchUpload[]>;
  arrivals(): Promise<Arrival[]>;
  /** The rows of the table as `k=v`, in the order of `k`. */
  rows(): Promise<string[]>;
  /** Deletes all uploads but those. */
  removeUploads(except?: readonly string[]): Promise<void>;
  /** Deletes the source with its uploads, schema, table and objects. */
  remove(): Promise<void>;
}

/** The address at which pods reach this machine. Servers of a test have to listen there as well. */
export const hostAddress = ({ cluster }: E2e) => new URL(cluster.env.POD_S3_ENDPOINT).hostname;

/** The URL at which pods reach a server of this machine. */
export function forPods(e2e: E2e, url: string): string {
  const changed = new URL(url);
  changed.hostname = hostAddress(e2e);
  return changed.href.replace(/\/$/, '');
}

/** The URL to which this machine posts events of a source, with the token as password. */
export async function webhookUrl({ cluster }: E2e, name: string, token: string): Promise<string> {
  const path = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}';
  const address = await cluster.kubectl('get', 'nodes', '-o', `jsonpath=${path}`);
  const host = `${address.split(' ')[0]}:${WEBHOOK_NODE_PORT}`;
  return `http://events:${token}@${host}/v1/namespaces/${NAMESPACE}/uploadsources/${name}/events`;
}

export async function applySecret({ cluster }: E2e, name: string, stringData: Record<string, string>): Promise<void> {
  await cluster.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace: NAMESPACE, name }, stringData });
}

export async function deleteSecret({ cluster }: E2e, name: string): Promise<void> {
  await cluster.kubectl('-n', NAMESPACE, 'delete', 'secret', name, '--ignore-not-found');
}

export async function scaleBridge({ cluster }: E2e, replicas: 0 | 1): Promise<void> {
  await cluster.kubectl(...SYSTEM, 'scale', BRIDGE, `--replicas=${replicas}`);
  if (replicas === 0) {
    await cluster.kubectl(...SYSTEM, 'wait', '--for=delete', 'pod', '-l', BRIDGE_PODS, '--timeout=60s');
  } else await cluster.kubectl(...SYSTEM, 'rollout', 'status', BRIDGE, '--timeout=60s');
}

/** The running pod of the bridge; undefined while there is none. */
export async function bridgePod({ cluster }: E2e): Promise<Pod | undefined> {
  const text = await cluster.kubectl(...SYSTEM, 'get', 'pods', '-l', BRIDGE_PODS, '-o', 'json');
  const { items } = JSON.parse(text) as { items: (Pod & { metadata: { deletionTimestamp?: string } })[] };
  return items.find(
    ({ metadata, status }) =>
      !metadata.deletionTimestamp && status.phase === 'Running' && status.containerStatuses?.[0]?.ready,
  );
}

export async function createTestSource(e2e: E2e, kind: string): Promise<TestSource> {
  const { cluster, db } = e2e;
  const { env, kubectl } = cluster;
  const name = e2e.unique(kind);
  const prefix = `sources/${name}/`;
  const table = name.replaceAll('-', '_');
  const label = `batchupload.dev/upload-source=${name}`;
  await cluster.apply(schemaManifest(NAMESPACE, name, itemsSchema(table)));

  const source: TestSource = {
    name,
    prefix,
    table,
    async apply(spec) {
      const whole = { s3: { bucket: env.S3_BUCKET, prefix }, schemas: [{ schemaRef: { name } }], ...spec };
      await cluster.apply(sourceManifest(NAMESPACE, name, whole));
    },
    get: async () => JSON.parse(await kubectl('-n', NAMESPACE, 'get', 'uploadsource', name, '-o', 'json')),
    async waitForReady() {
      await kubectl('-n', NAMESPACE, 'wait', '--for=condition=Ready', `upsrc/${name}`, '--timeout=60s');
    },
    async waitFor(what, until, timeoutMs) {
      let last = await source.get();
      try {
        await eventuallyTrue(
          async () => {
            last = await source.get();
            return until(last);
          },
          what,
          timeoutMs,
        );
      } catch (error) {
        throw new Error(`${(error as Error).message}: ${JSON.stringify(last.status, null, 1)}`);
      }
      return last;
    },
    async uploads() {
      const text = await kubectl('-n', NAMESPACE, 'get', 'batchuploads', '-l', label, '-o', 'json');
      const { items } = JSON.parse(text) as { items: BatchUpload[] };
      const keyOf = ({ spec }: BatchUpload) => spec.source.s3.key;
      return items.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    },
    async finished(count) {
      let all: BatchUpload[] = [];
      await eventuallyTrue(
        async () => {
          all = await source.uploads();
          return all.length >= count && all.every(isFinished);
        },
        `not ${count} uploads of ${name} are at their end`,
        120_000,
      );
      return all;
    },
    async arrivals() {
      const { rows } = await db.query<Arrival>(
        `SELECT name, key, event_id, event_time, created_at FROM batch_upload.batch_upload_arrivals
         WHERE namespace = $1 AND source = $2 ORDER BY key`,
        [NAMESPACE, name],
      );
      return rows;
    },
    async rows() {
      const { rows } = await db.query<{ row: string }>(
        `SELECT k || '=' || v AS row FROM ${table} ORDER BY k COLLATE "C"`,
      );
      return rows.map(({ row }) => row);
    },
    async removeUploads(except = []) {
      const fields = except.map((each) => `metadata.name!=${each}`).join(',');
      const query = new URLSearchParams({ labelSelector: label, ...(fields ? { fieldSelector: fields } : {}) });
      // The API deletes all of them in one call; `kubectl delete` would delete one after the other.
      const path = `/apis/${API_VERSION}/namespaces/${NAMESPACE}/batchuploads`;
      await kubectl('delete', '--raw', `${path}?${query}`);
    },
    async remove() {
      await kubectl('-n', NAMESPACE, 'delete', 'uploadsource', name, '--ignore-not-found');
      await source.removeUploads();
      await kubectl('-n', NAMESPACE, 'delete', 'recordschema', name, '--ignore-not-found');
      await db.query(`DROP TABLE IF EXISTS ${table}`);
      await removeObjects(e2e, prefix);
    },
  };
  return source;
}

export async function removeObjects({ cluster }: E2e, prefix: string): Promise<void> {
  const Bucket = cluster.env.S3_BUCKET;
  for (;;) {
    const { Contents = [] } = await cluster.s3.send(new ListObjectsV2Command({ Bucket, Prefix: prefix }));
    if (Contents.length === 0) return;
    const Objects = Contents.map(({ Key }) => ({ Key }));
    await cluster.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  }
}
