/** Loads a file as pods would, with one session for each index, in the test's own process. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { DEFAULTS } from '#common/job-contract.ts';
import type { PlannedUpload, UploadProgress, UploadRequest } from '#ledger/types.ts';
import { completeUpload } from '#ledger/uploads/finish-upload.ts';
import { openUpload } from '#ledger/uploads/open-upload.ts';
import { readUpload } from '#ledger/uploads/read-upload.ts';
import type { RunnerDeps } from '#runner/deps.ts';
import { createLocalStore, LOCAL_BUCKET } from '#runner/node/local-store.ts';
import { planUpload } from '#runner/plan.ts';
import { processIndex } from '#runner/process.ts';
import { createSession } from '#runner/session.ts';
import { NO_TELEMETRY } from '#runner/telemetry/datadog.ts';
import { withClient } from '#support/database/database.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { progressOf } from './expect-exact.ts';

export interface Load {
  schema: RecordSchemaSpec;
  file: string;
  chunkRecords: number;
  /** The number of sessions that load at once; default 1. */
  indexes?: number;
  request?: Partial<UploadRequest>;
}

/** Loads a file and completes the upload. @returns the upload as the operator reads it. */
export async function loadByIndexes(url: string, load: Load): Promise<UploadProgress> {
  const { schema, file, chunkRecords, indexes = 1, request } = load;
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-'));
  cleanup.defer(() => rm(folder, { recursive: true }));
  const path = join(folder, 'file.csv');
  await writeFile(path, file);
  const store = cleanup.use(createLocalStore(folder));
  const id = randomUUID();
  const uploadRequest = { s3: { bucket: LOCAL_BUCKET, key: path }, chunkRecords, ...request };
  await withClient(url, (client) =>
    openUpload(client, {
      ...{ id, clusterId: 'c', namespace: 'n', name: 'u', sourceType: 'Manual', schema },
      request: uploadRequest,
    }),
  );
  const createDeps = (index: number): RunnerDeps => {
    const controller = new AbortController();
    const { signal } = controller;
    const log = createRecordingLog();
    const limits = { retrySeconds: 20, stallSeconds: DEFAULTS.stallSeconds };
    const openSession = (role: string, ended: AbortSignal) =>
      createSession({ database: { uri: url }, ...{ uploadId: id, role, signal: ended, log }, ...limits });
    const session = openSession(`process-${index}`, signal);
    cleanup.defer(() => session.close());
    const config = {
      ...{ uploadId: id, attempt: 1, namespace: 'n', parallelism: 1, inlineLimitBytes: 0 },
      ...{ maxRecordBytes: DEFAULTS.maxRecordBytes, completionIndex: index, podName: `pod-${index}` },
      ...{
        databaseUri: url,
        databaseCaCert: undefined,
        allowedEndpoints: [],
        protect: null,
        datadog: false,
        logLevel: 'warn' as const,
      },
      ...limits,
    };
    return {
      config,
      session,
      sessions: [session],
      store,
      telemetry: NO_TELEMETRY,
      log,
      signal,
      openSession,
      stop: (fault) => controller.abort(fault),
    };
  };
  await planUpload(createDeps(0), (await withClient(url, (client) => readUpload(client, id)))!);
  await withClient(url, (client) =>
    client.query('UPDATE batch_upload.batch_uploads SET total_indexes = $2 WHERE id = $1', [id, indexes]),
  );
  const planned = (await withClient(url, (client) => readUpload(client, id))) as PlannedUpload;
  await Promise.all(Array.from({ length: indexes }, (_, index) => processIndex(createDeps(index), planned, null)));
  await withClient(url, (client) => completeUpload(client, id));
  return progressOf(url, id);
}
