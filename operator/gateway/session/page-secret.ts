/** The Secret of the staff page, from a folder as Kubernetes mounts it, and its changes while the gateway runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '#common/clock.ts';
import { ConfigError } from '#common/config.ts';
import type { Logger } from '#common/log.ts';

export interface PageSecret {
  /** Entries of the Secret: the key that seals, and then the one that takes its place soon. */
  readonly sessionKeys: readonly Buffer[];
  /** Null when the provider knows the page as a public client. */
  readonly clientSecret: string | null;
}

const MIN_KEY_BYTES = 32;
/** The kubelet writes a Secret that has changed into the folder within about a minute. */
const READ_AGAIN_MS = 30_000;

/**
 * @returns the Secret as it is now. What cannot be used any more is logged, and the gateway goes on with what it had.
 * @throws ConfigError when there is nothing usable at the start.
 */
export function openPageSecret(
  folder: string,
  { log, clock = systemClock }: { log: Logger; clock?: Clock },
): () => PageSecret {
  let secret = readSecret(folder);
  let readAt = clock.monotonic();
  return () => {
    if (clock.monotonic() - readAt < READ_AGAIN_MS) return secret;
    readAt = clock.monotonic();
    try {
      secret = readSecret(folder);
    } catch (err) {
      log.error({ err, folder }, 'the Secret of the page cannot be used: the gateway goes on with the old one');
    }
    return secret;
  };
}

function readSecret(folder: string): PageSecret {
  const read = (name: string): Buffer | null => {
    try {
      return withoutLineEnd(readFileSync(join(folder, name)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new ConfigError(`${folder}/${name} cannot be read: ${(error as Error).message}`);
    }
  };
  const key = read('session-key');
  if (key === null || key.length < MIN_KEY_BYTES) {
    throw new ConfigError(
      `${folder} has no session-key of at least ${MIN_KEY_BYTES} bytes. Make the Secret of gateway.page.secretName: kubectl create secret generic NAME --from-literal=session-key="$(openssl rand -base64 48)".`,
    );
  }
  const next = read('session-key.next');
  if (next !== null && next.length < MIN_KEY_BYTES) {
    throw new ConfigError(`${folder}/session-key.next must have at least ${MIN_KEY_BYTES} bytes`);
  }
  const clientSecret = read('client-secret')?.toString('utf8') || null;
  return { sessionKeys: next === null ? [key] : [key, next], clientSecret };
}

/** Tools that write text put a line break behind it, which is not part of the key. */
function withoutLineEnd(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  return /^[\x20-\x7e]*\r?\n$/.test(text) ? Buffer.from(text.replace(/\r?\n$/, ''), 'latin1') : bytes;
}
