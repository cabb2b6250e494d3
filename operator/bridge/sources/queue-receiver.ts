/** Receives the events of a source from its queue, with the access keys of the source's Secret. */
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import { createQueueClient } from '#operator/bridge/events/queue-client.ts';
import { createQueueConsumer } from '#operator/bridge/events/queue-consumer.ts';
import type { Receiver, ReceiverDeps } from '#operator/bridge/model/types.ts';
import { secretMissing } from '#operator/tenancy/secret-missing.ts';

/** Access keys are read again after this time, so that a corrected Secret takes effect without a restart. */
const KEYS_TTL_MS = 60_000;

export const receiveFromQueue: Receiver = async (source, deps, signal) => {
  while (!signal.aborted) {
    const keys = await readKeys(source, deps, signal);
    const clientOutdated = new AbortController();
    const either = AbortSignal.any([signal, clientOutdated.signal]);
    const watching = waitForNewClient(source, deps, { keys, signal: either }).then(() => clientOutdated.abort());
    await consume(source, deps, { keys, signal: either });
    await watching;
  }
};

/** The time in which one client is used, and the keys that the client began with. */
interface ClientPeriod {
  keys: Keys | null;
  signal: AbortSignal;
}

async function consume(source: UploadSource, deps: ReceiverDeps, { keys, signal }: ClientPeriod): Promise<void> {
  const { queueUrl, endpoint, region } = source.spec.s3Event!.sqs!;
  const client = createQueueClient({
    queueUrl,
    endpoint,
    region: region ?? keys?.region,
    credentials:
      keys === null ? undefined : async () => (await readKeys(source, deps, signal))?.credentials ?? keys.credentials,
  });
  try {
    const { admit, recorder, clock, log, rejectEvent } = deps;
    const consumer = createQueueConsumer({ client, queueUrl, admit, reject: rejectEvent, recorder, clock, log });
    await consumer.run(signal);
  } finally {
    client.destroy();
  }
}

/**
 * Returns when the Secret has appeared or disappeared, or names another region: only then a new client is necessary.
 * Keys that changed otherwise are read by the present client.
 */
async function waitForNewClient(
  source: UploadSource,
  deps: ReceiverDeps,
  { keys, signal }: ClientPeriod,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(deps.clock, KEYS_TTL_MS, signal);
    if (signal.aborted) return;
    const now = await readKeys(source, deps, signal).catch(() => keys);
    if ((now === null) !== (keys === null) || now?.region !== keys?.region) return;
  }
}

interface Keys {
  region: string | undefined;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string; expiration: Date };
}

/** Null when the Secret has no keys, so that the bridge's own AWS identity is used. @throws Fault SecretMissing */
async function readKeys(
  { metadata, spec }: UploadSource,
  deps: ReceiverDeps,
  signal: AbortSignal,
): Promise<Keys | null> {
  const named = spec.s3Event!.sqs!.credentialsSecretRef?.name;
  const secret = await deps.readSecret(named ?? DEFAULT_NAMES.s3Secret, signal);
  if (secret === null && named !== undefined) {
    const missing = secretMissing(metadata.namespace, named, 's3');
    throw new Fault({ code: 'CFG_SECRET', category: 'permanent', ...missing });
  }
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = secret ?? {};
  if (!accessKeyId || !secretAccessKey) return null;
  return {
    region: secret?.['AWS_REGION'] || undefined,
    credentials: {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken ? { sessionToken } : {}),
      // The SDK asks for the credentials again after this time.
      expiration: new Date(deps.clock.now() + KEYS_TTL_MS),
    },
  };
}
