/**
 * Access as a pod's own service account, without the Kubernetes library: that takes 80 MB for its generated models, of
 * which only the reading of kubeconfigs would be needed.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '#common/clock.ts';
import type { KubeAccess } from './access.ts';

export interface PodAddress {
  /** KUBERNETES_SERVICE_HOST */
  host: string;
  /** KUBERNETES_SERVICE_PORT */
  port: string;
}

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The kubelet replaces the token after 80 % of its hour at the latest. */
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
