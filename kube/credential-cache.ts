/** Keeps credentials for a short time, so that rotated ones are used soon. */
import type { Clock } from '#common/clock.ts';
import type { Credentials, KubeAccess } from './access.ts';

/** The kubelet replaces a token after 80 % of an hour at the latest; client-go reads the file again every minute. */
const REREAD_MS = 30_000;

export function cacheCredentials(
  read: () => Promise<Credentials>,
  clock: Clock,
): Pick<KubeAccess, 'credentials' | 'invalidate'> {
  let known: { credentials: Credentials; at: number } | undefined;
  return {
    async credentials() {
      if (known === undefined || clock.monotonic() - known.at >= REREAD_MS) {
        const at = clock.monotonic();
        known = { credentials: await read(), at };
      }
      return known.credentials;
    },
    invalidate() {
      known = undefined;
    },
  };
}
