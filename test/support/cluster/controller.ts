/** A controller on real databases and an API server in memory, with a namespace for each database. */
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import { systemClock } from '#common/clock.ts';
import { createKubeClient } from '#kube/client.ts';
import { readControllerConfig } from '#operator/config/controller-config.ts';
import { type Controller, createController } from '#operator/controller/controller.ts';
import { createMetrics } from '#operator/controller/metrics.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { type KubeApiServer, startKubeApiServer } from './kube-api-server.ts';
import { itemsSchema, schemaManifest, uploadManifest } from './manifests.ts';

export interface ControllerBench extends AsyncDisposable {
  api: KubeApiServer;
  controller: Controller;
  log: ReturnType<typeof createRecordingLog>;
  /** The uri of the database of each namespace. */
  databases: Record<string, string>;
  upload(namespace: string, name: string, spec?: object): void;
  status(namespace: string, name: string): BatchUploadStatus | undefined;
  /** Ends the refusal that the bench was started with. */
  heal: (() => void) | undefined;
}

export type Refusal = Parameters<KubeApiServer['refuse']>;

export interface ControllerBenchOptions {
  /** The uri of the database of each namespace. */
  databases: Record<string, string>;
  /** Requests that are refused from the start. */
  refuseFirst?: Refusal | undefined;
  /** Further Secrets of each namespace with a uri, by name. */
  secrets?: Record<string, string> | undefined;
  /** Variables of the controller's environment. */
  env?: Record<string, string>;
}

/** Each namespace has the RecordSchema `s`, which loads the table `items`. */
export async function startController({
  databases,
  refuseFirst,
  secrets = {},
  env,
}: ControllerBenchOptions): Promise<ControllerBench> {
  const api = await startKubeApiServer();
  const heal = refuseFirst && api.refuse(...refuseFirst);
  for (const [namespace, url] of Object.entries(databases)) {
    for (const [name, uri] of Object.entries({ 'batch-upload-database': url, ...secrets })) {
      api.put('secrets', { metadata: { name, namespace }, data: { uri: Buffer.from(uri).toString('base64') } });
    }
    api.put('recordschemas', schemaManifest(namespace, 's', itemsSchema('items')));
  }
  const log = createRecordingLog();
  const controller = createController({
    client: createKubeClient({ access: api.access, userAgent: 'test' }),
    events: { record: () => undefined, flush: async () => undefined, dropped: 0 },
    config: {
      ...readControllerConfig({
        BATCH_UPLOAD_NAMESPACES: Object.keys(databases).join(),
        BATCH_UPLOAD_RUNNER_IMAGE: 'image',
        BATCH_UPLOAD_TICK_MS: '200',
        ...env,
      }),
    },
    clock: systemClock,
    log,
    metrics: createMetrics(),
  });
  const stop = new AbortController();
  const running = controller.run(stop.signal);
  return {
    api,
    controller,
    log,
    databases,
    heal,
    upload(namespace, name, given = {}) {
      const spec = { source: { type: 'Manual', s3: { bucket: 'b', key: `${name}.csv` } }, schemaRef: { name: 's' } };
      const defaults = { parallelism: 2, mode: 'Commit', reload: false, chunkRecords: 1000 };
      api.put('batchuploads', uploadManifest(namespace, name, { ...defaults, ...spec, ...given } as never));
    },
    status: (namespace, name) =>
      (api.get('batchuploads', namespace, name) as { status?: BatchUploadStatus } | undefined)?.status,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await api[Symbol.asyncDispose]();
    },
  };
}
