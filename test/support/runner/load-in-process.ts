/** Runs whole uploads in this process: the target is verified, the file planned and processed as by pods, without S3. */
import { randomUUID } from 'node:crypto';
import type { UploadExplanation } from '#api/explanation.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat } from '#api/source-format.ts';
import { Fault } from '#common/faults.ts';
import { DEFAULTS, type RunnerConfig } from '#common/job-contract.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { completeUpload } from '#ledger/uploads/finish-upload.ts';
import { openUpload } from '#ledger/uploads/open-upload.ts';
import { readProgress } from '#ledger/uploads/read-progress.ts';
import { assertPlanned, readUpload } from '#ledger/uploads/read-upload.ts';
import type { RunnerDeps } from '#runner/deps.ts';
import { planUpload } from '#runner/plan.ts';
import { processIndex } from '#runner/process.ts';
import { createSession } from '#runner/session.ts';
import type { FileStore } from '#runner/storage/file-store.ts';
import { prepareTarget } from '#runner/target/prepare-target.ts';
import { NO_TELEMETRY, type Telemetry } from '#runner/telemetry/datadog.ts';
import { withClient } from '#support/database/database.ts';

export interface InProcessLoad {
  /** The uid of the upload's resource, when there is one. */
  id?: string;
  schema: RecordSchemaSpec;
  /** The name of the file, which tells its format. */
  key: string;
  file: Buffer | string;
  chunkRecords?: number;
  mode?: 'Commit' | 'Validate';
  format?: DeclaredFormat;
  /** How many pods process the file at a time; default: 1. */
  pods?: number;
  /** The sessions of each pod; default: 1. */
  sessions?: number;
  /** The limits of spec.target.protect; default: none. */
  protect?: RunnerConfig['protect'];
  /** Called before every group of chunks is committed. */
  beforeGroup?: () => Promise<void>;
}

export type InProcessResult =
  | { refused: UploadExplanation }
  | { refused: null; id: string; progress: UploadProgress; errors: { row: number; code: string; message: string }[] };

/** An index gets this many pods, one after the other. */
const MOST_PODS = 3;

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** @param url a database with a ledger. @throws Fault of a pod */
export async function loadInProcess(url: string, load: InProcessLoad): Promise<InProcessResult> {
  const {
    id = randomUUID(),
    schema,
    key,
    chunkRecords = 1000,
    mode = 'Commit',
    pods = 1,
    sessions = 1,
    format = {},
    protect = null,
  } = load;
  const refused = await withClient(url, (client) => prepareTarget(client, schema));
  if (refused) return { refused };
  const request = { s3: { bucket: 'memory', key }, chunkRecords, mode, format, reload: true };
  await withClient(url, (client) =>
    openUpload(client, { id, clusterId: 'c', namespace: 'n', name: 'u', sourceType: 'Manual', request, schema }),
  );
  const store = createMemoryStore(Buffer.from(load.file));
  const read = () => withClient(url, async (client) => (await readUpload(client, id))!);
  const upload = await read();
  await withDeps(url, { id, store, attempt: upload.attempt }, (deps) => planUpload(deps, upload));
  await withClient(url, (client) =>
    client.query('UPDATE batch_upload.batch_uploads SET execution = $2, total_indexes = $3 WHERE id = $1', [
      id,
      'Job',
      pods,
    ]),
  );
  const planned = await read();
  assertPlanned(planned);
  const { attempt } = planned;
  const process = async (completionIndex: number, tries = 1): Promise<void> => {
    try {
      await withDeps(
        url,
        { id, store, attempt, completionIndex, count: sessions, protect },
        ({ telemetry, ...deps }) => {
          const traced: Telemetry = {
            ...telemetry,
            async traceChunks(_chunks, work) {
              await load.beforeGroup?.();
              return work();
            },
          };
          return processIndex({ ...deps, telemetry: traced }, planned, null);
        },
      );
    } catch (error) {
      // Kubernetes starts another pod for one that ends with such a fault.
      if (tries === MOST_PODS || !(error instanceof Fault) || error.category !== 'retryable') throw error;
      await process(completionIndex, tries + 1);
    }
  };
  const work = planned.status === 'Processing' ? Array.from({ length: pods }, (_, index) => process(index)) : [];
  for (const end of await Promise.allSettled(work)) if (end.status === 'rejected') throw end.reason;
  return withClient(url, async (client) => {
    if (planned.status === 'Processing') await completeUpload(client, id);
    const { rows } = await client.query(
      `SELECT row_number::int AS row, error_code AS code, error_message AS message
       FROM batch_upload.batch_upload_errors WHERE batch_upload_id = $1 ORDER BY 1`,
      [id],
    );
    return { refused: null, id, progress: (await readProgress(client, [id])).get(id)!, errors: rows };
  });
}

async function withDeps<T>(
  url: string,
  {
    id,
    store,
    attempt,
    completionIndex = 0,
    count = 1,
    protect = null,
  }: {
    id: string;
    store: FileStore;
    attempt: number;
    completionIndex?: number;
    count?: number;
    protect?: RunnerConfig['protect'];
  },
  work: (deps: RunnerDeps) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const config: RunnerConfig = {
    uploadId: id,
    attempt,
    namespace: 'n',
    parallelism: 1,
    inlineLimitBytes: DEFAULTS.inlineLimitBytes,
    maxRecordBytes: DEFAULTS.maxRecordBytes,
    retrySeconds: 1,
    stallSeconds: DEFAULTS.stallSeconds,
    completionIndex,
    podName: `pod-${completionIndex}`,
    databaseUri: url,
    databaseCaCert: undefined,
    allowedEndpoints: [],
    protect,
    datadog: false,
    logLevel: 'warn',
  };
  const openSession = (role: string, ended: AbortSignal) =>
    createSession({
      database: { uri: url },
      uploadId: id,
      role,
      retrySeconds: config.retrySeconds,
      stallSeconds: config.stallSeconds,
      signal: ended,
      log: SILENT,
    });
  const sessions = Array.from({ length: count }, (_, i) => openSession(`process-${completionIndex}-${i}`, signal));
  try {
    return await work({
      config,
      session: sessions[0]!,
      sessions,
      store,
      telemetry: NO_TELEMETRY,
      log: SILENT,
      signal,
      openSession,
      stop: (fault) => controller.abort(fault),
    });
  } finally {
    await Promise.all(sessions.map((session) => session.close()));
  }
}

/** One file, and its canonical copy. */
function createMemoryStore(file: Buffer): FileStore {
  const objects = new Map<string, Buffer>();
  const contentOf = (key: string) => objects.get(key) ?? file;
  return {
    async head({ bucket, key }) {
      return { bucket, key, eTag: 'e', versionId: null, sizeBytes: file.length };
    },
    async readInto({ key }, { start, into, onBytes }) {
      contentOf(key).copy(into, 0, start, start + into.length);
      onBytes(into.length);
    },
    createCopy({ bucket, key }) {
      const pieces: Buffer[] = [];
      return {
        async write(piece) {
          pieces.push(Buffer.from(piece));
        },
        async finish() {
          const bytes = Buffer.concat(pieces);
          objects.set(key, bytes);
          return { bucket, key, eTag: 'e', versionId: null, sizeBytes: bytes.length };
        },
        async abort() {},
      };
    },
    async removeCopies() {
      return 0;
    },
  };
}
