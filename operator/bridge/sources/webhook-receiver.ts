/** Sources to which events are posted, by namespace and name: known to the server for as long as they run. */
import type { Explanation } from '#api/explanation.ts';
import { sleep } from '#common/clock.ts';
import type { WebhookSource } from '#operator/bridge/events/webhook.ts';
import { explainError } from '#operator/bridge/status/explain-error.ts';
import type { Receiver, ReceiverDeps } from '#operator/bridge/types.ts';
import { secretMissing } from '#operator/tenancy/secret-missing.ts';

/** How soon the status says that the Secret is not there, or is there now. */
const CHECK_MS = 60_000;
const WRONG_CHECK_MS = 3_000;

export function createWebhookReceiver(): {
  run: Receiver;
  lookup(namespace: string, name: string): WebhookSource | undefined;
} {
  const running = new Map<string, WebhookSource>();
  return {
    lookup: (namespace, name) => running.get(`${namespace}/${name}`),
    async run({ metadata, spec }, deps, signal) {
      const { namespace, name } = metadata as { namespace: string; name: string };
      const secretName = spec.s3Event!.webhook!.secretRef.name;
      const source = toWebhookSource(secretName, deps, signal);
      const key = `${namespace}/${name}`;
      running.set(key, source);
      try {
        while (!signal.aborted) {
          const why = await checkSecret(deps, { namespace, name: secretName }, signal);
          if (!signal.aborted) deps.recorder.problem('receive', why);
          await sleep(deps.clock, why ? WRONG_CHECK_MS : CHECK_MS, signal);
        }
      } finally {
        // The runner of the next generation may have taken the place.
        if (running.get(key) === source) running.delete(key);
      }
    },
  };
}

const CHANGED = { kind: 'Later', reason: 'Starting', message: 'The source has just changed.' } as const;

function toWebhookSource(secretName: string, deps: ReceiverDeps, signal: AbortSignal): WebhookSource {
  return {
    // A source that is changed or gone takes on nothing more: what it is told of now would count for the next one.
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

/** Null when somebody can post. */
async function checkSecret(
  deps: ReceiverDeps,
  { namespace, name }: { namespace: string; name: string },
  signal: AbortSignal,
): Promise<Explanation | null> {
  try {
    const secret = await deps.readSecret(name, signal);
    if (secret === null) return secretMissing(namespace, name, 'webhook');
    if (secret['token'] || secret['hmacKey']) return null;
    return { reason: 'SecretInvalid', message: `The Secret ${name} has neither token nor hmacKey: nobody can post.` };
  } catch (error) {
    return explainError(error);
  }
}
