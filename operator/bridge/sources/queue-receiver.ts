/** A source whose events come from a queue: the consumer with the keys of the source's Secret. */
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import { createQueueClient } from '#operator/bridge/events/queue-client.ts';
import { createQueueConsumer } from '#operator/bridge/events/queue-consumer.ts';
import type { Receiver, ReceiverDeps } from '#operator/bridge/types.ts';
import { secretMissing } from '#operator/tenancy/secret-missing.ts';

/** Keys are read again so often: a Secret that was corrected holds without a restart. */
const BELIEVE_MS = 60_000;

export const receiveFromQueue: Receiver = async (source, deps, signal) => {
  while (!signal.aborted) {
    const keys = await readKeys(source, deps, signal);
    const others = new AbortController();
    const either = AbortSignal.any([signal, others.signal]);
    const watching = untilOthers(source, deps, { keys, signal: either }).then(() => others.abort());
    await consume(source, deps, { keys, signal: either });
    await watching;
  }
};

interface Turn {
  keys: Keys | null;
  signal: AbortSignal;
}

async function consume(source: UploadSource, deps: ReceiverDeps, { keys, signal }: Turn): Promise<void> {
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

/** Other keys are read with every call. A Secret that was made after the source, or another region, needs another client. */
async function untilOthers(source: UploadSource, deps: ReceiverDeps, { keys, signal }: Turn): Promise<void> {
  while (!signal.aborted) {
    await sleep(deps.clock, BELIEVE_MS, signal);
    if (signal.aborted) return;
    const now = await readKeys(source, deps, signal).catch(() => keys);
    if ((now === null) !== (keys === null) || now?.region !== keys?.region) return;
  }
}

interface Keys {
  region: string | undefined;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string; expiration: Date };
}

/** Null: the bridge's own AWS identity. @throws Fault SecretMissing */
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
      ...{ accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
      // The SDK asks again when it is over.
      expiration: new Date(deps.clock.now() + BELIEVE_MS),
    },
  };
}
