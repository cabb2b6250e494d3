/**
 * Access as the pod's own service account, without the Kubernetes library: the library takes 80 MB for its generated
 * models, and only its reading of kubeconfigs would be needed.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '#common/clock.ts';
import type { KubeAccess } from './access.ts';

export interface PodAddress {
  /** Value of KUBERNETES_SERVICE_HOST. */
  host: string;
  /** Value of KUBERNETES_SERVICE_PORT. */
  port: string;
}

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The kubelet replaces the token after 80 % of an hour at the latest. */
const REREAD_MS = 30_000;

export function createPodAccess({ host, port }: PodAddress, clock: Clock = systemClock, folder = FOLDER): KubeAccess {
  let known: { token: string; ca: string; at: number } | undefined;
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    async credentials() {
      if (known === undefined || clock.monotonic() - known.at >= REREAD_MS) {
        const at = clock.monotonic();
        const [token, ca] = await Promise.all([
          readFile(join(folder, 'token'), 'utf8'),
          readFile(join(folder, 'ca.crt'), 'utf8'),
        ]);
        known = { token: token.trim(), ca, at };
      }
      return { headers: { authorization: `Bearer ${known.token}` }, tls: { ca: known.ca } };
    },
    invalidate() {
      known = undefined;
    },
  };
}
