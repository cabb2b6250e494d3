/** Receives posted events. The HTTP server finds a source by namespace and name for as long as the source runs. */
import type { Explanation } from '#api/explanation.ts';
import { sleep } from '#common/clock.ts';
import type { WebhookSource } from '#operator/bridge/events/webhook.ts';
import type { Receiver, ReceiverDeps } from '#operator/bridge/model/types.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';
import { secretMissing } from '#operator/tenancy/secret-missing.ts';

/** Time between two checks of a Secret that was usable, or was not usable, at the last check. */
const CHECK_USABLE_MS = 60_000;
const CHECK_UNUSABLE_MS = 3_000;

export function createWebhookReceiver(): {
  run: Receiver;
  lookup(namespace: string, name: string): WebhookSource | undefined;
} {
  const running = new Map<string, WebhookSource>();
  return {
    lookup: (namespace, name) => running.get(`${namespace}/${name}`),
    async run({ metadata, spec }, deps, signal) {
      const { namespace, name } = metadata;
      const secretName = spec.s3Event!.webhook!.secretRef.name;
      const source = toWebhookSource(secretName, deps, signal);
      const key = `${namespace}/${name}`;
      running.set(key, source);
      try {
        while (!signal.aborted) {
          const why = await checkSecret(deps, { namespace, name: secretName }, signal);
          if (!signal.aborted) deps.recorder.problem('receive', why);
          await sleep(deps.clock, why ? CHECK_UNUSABLE_MS : CHECK_USABLE_MS, signal);
        }
      } finally {
        // A receiver for the next generation of the spec may have replaced this entry.
        if (running.get(key) === source) running.delete(key);
      }
    },
  };
}

const CHANGED = {
  kind: 'Later',
  reason: 'Starting',
  message: 'The UploadSource has just changed. The sender or the next list brings the object again.',
} as const;

function toWebhookSource(secretName: string, deps: ReceiverDeps, signal: AbortSignal): WebhookSource {
  return {
    // Once the source was changed or deleted, nothing is admitted: the outcome would count for its successor.
    async admit(notices, ending) {
      try {
        return await deps.admit(notices, AbortSignal.any([ending, signal]));
      } catch (error) {
        if (!signal.aborted) throw error;
        return notices.map(() => CHANGED);
      }
    },
    recorder: deps.recorder,
    async secret() {
      const secret = (await deps.readSecret(secretName, signal)) ?? {};
      return { token: secret['token'], hmacKey: secret['hmacKey'] };
    },
    onRejected(reason) {
      const why = { reason: 'EventNotUnderstood', message: reason };
      deps.recorder.ignored('event', why);
      deps.recorder.warn(why);
    },
  };
}

/** Null when the Secret is usable. */
async function checkSecret(
  deps: ReceiverDeps,
  { namespace, name }: { namespace: string; name: string },
  signal: AbortSignal,
): Promise<Explanation | null> {
  try {
    const secret = await deps.readSecret(name, signal);
    if (secret === null) return secretMissing(namespace, name, 'webhook');
    if (secret['token'] || secret['hmacKey']) return null;
    return {
      reason: 'SecretInvalid',
      message: `Nobody can post events, since the Secret ${name} has neither token nor hmacKey. Add one of them.`,
    };
  } catch (error) {
    return explainError(error);
  }
}
