/** Creates the BatchUpload of one version of an object, and records its arrival in the ledger. */
import type { Clock } from '#common/clock.ts';
import type { BatchUpload, UploadSource } from '#kube/custom-resources.ts';
import { BATCH_UPLOADS } from '#kube/custom-resources.ts';
import { isAlreadyExists } from '#kube/errors.ts';
import type { KubeClient, NewObject } from '#kube/types.ts';
import type { Arrivals, NewArrival } from './arrivals.ts';
import { buildUpload } from './build-upload.ts';

export interface CreateUploadDeps {
  source: UploadSource;
  client: Pick<KubeClient, 'create'>;
  arrivals: Pick<Arrivals, 'record'>;
  clock: Clock;
  /** Called with the seconds between the event and the creation of its upload. */
  onCreated?: ((secondsSinceEvent: number) => void) | undefined;
}

const CREATE_MS = 15_000;

/**
 * An upload counts as created when its arrival enters the ledger. A resource from a process that was killed before it
 * recorded the arrival counts as created by this call.
 * @returns false when the arrival was recorded before.
 * @throws Fault, KubeError
 */
export async function createAndRecord(
  { source, client, arrivals, clock, onCreated }: CreateUploadDeps,
  arrival: NewArrival,
  signal: AbortSignal,
): Promise<boolean> {
  signal.throwIfAborted();
  await createUpload(client, buildUpload(source, arrival), signal);
  // The recording ignores the signal, since the resource exists now.
  const isNew = await arrivals.record(arrival);
  if (!isNew) return false;
  const since = Date.parse(arrival.event?.time ?? '');
  if (!Number.isNaN(since)) onCreated?.(Math.max(0, clock.now() - since) / 1000);
  return true;
}

async function createUpload(
  client: Pick<KubeClient, 'create'>,
  upload: NewObject<BatchUpload>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.create(BATCH_UPLOADS, upload, { signal, timeoutMs: CREATE_MS });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
