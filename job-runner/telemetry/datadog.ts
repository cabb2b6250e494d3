/**
 * DogStatsD metrics and APM spans of a pod, by the names that the monitoring in production uses. Telemetry is off
 * unless BATCH_UPLOAD_DATADOG is true; dd-trace is loaded only then.
 */
import type { Tracer } from 'dd-trace';
import type { ChunkResult } from '#ledger/chunks/chunks.ts';
import { DUPLICATE_CODE } from '#ledger/errors/duplicate-code.ts';

type RecordCounts = Pick<ChunkResult, 'succeeded' | 'failed' | 'duplicate' | 'codes'>;

export interface Telemetry {
  /** Runs work on chunks; each chunk gets a span `batch_upload.process_chunk`. */
  traceChunks<T>(chunks: readonly { number: number; recordCount: number }[], work: () => Promise<T>): Promise<T>;
  /** Counts a chunk after its commit. */
  chunkCommitted(result: ChunkResult): void;
  /** Counts records that had been pending after their commit. */
  pendingCommitted(result: RecordCounts): void;
  /** Records how long this pod ran. */
  runFinished(durationMs: number): void;
  flush(): Promise<void>;
  /** The same with the tag `upload`, for a pod that has many uploads, whose own tags say nothing of them. */
  ofUpload(id: string): Telemetry;
}

export const NO_TELEMETRY: Telemetry = {
  traceChunks: (_chunks, work) => work(),
  chunkCommitted: () => undefined,
  pendingCommitted: () => undefined,
  runFinished: () => undefined,
  flush: async () => undefined,
  ofUpload: () => NO_TELEMETRY,
};

export async function createTelemetry(enabled: boolean): Promise<Telemetry> {
  if (!enabled) return NO_TELEMETRY;
  const { default: ddTrace } = await import('dd-trace');
  const tracer = ddTrace.init({
    service: process.env['DD_SERVICE'] ?? 'batch-upload',
    logInjection: false,
    plugins: false,
  });
  return describeBy(tracer, {});
}

function describeBy(tracer: Tracer, own: Record<string, string>): Telemetry {
  const { dogstatsd } = tracer;
  function countRecords({ succeeded, failed, duplicate, codes }: RecordCounts): void {
    for (const [status, count] of Object.entries({ succeeded, failed, duplicate })) {
      if (count > 0) dogstatsd.increment('batch_upload.records.processed', count, { ...own, status });
    }
    for (const { code, count } of codes) {
      if (code !== DUPLICATE_CODE)
        dogstatsd.increment('batch_upload.records.failed', count, { ...own, error_code: code });
    }
  }
  return {
    async traceChunks(chunks, work) {
      const spans = chunks.map(({ number, recordCount }) =>
        tracer.startSpan('batch_upload.process_chunk', {
          tags: { ...own, chunk_number: number, record_count: recordCount },
        }),
      );
      try {
        return await work();
      } catch (error) {
        for (const span of spans) span.setTag('error', error);
        throw error;
      } finally {
        for (const span of spans) span.finish();
      }
    },
    chunkCommitted: (result) => {
      countRecords(result);
      dogstatsd.histogram('batch_upload.chunk.duration_ms', result.durationMs, own);
      dogstatsd.gauge('batch_upload.chunk.size', result.records, own);
    },
    pendingCommitted: countRecords,
    runFinished: (durationMs) => dogstatsd.histogram('batch_upload.processing.duration', durationMs, own),
    flush: async () => dogstatsd.flush(),
    ofUpload: (upload) => describeBy(tracer, { upload }),
  };
}
