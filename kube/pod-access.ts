/**
 * Access as the pod's own service account, without the Kubernetes library: the library takes 80 MB for its generated
 * models, and only its reading of kubeconfigs would be needed.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '#common/clock.ts';
import type { Credentials, KubeAccess } from './access.ts';
import { cacheCredentials } from './credential-cache.ts';

export interface PodAddress {
  /** Value of KUBERNETES_SERVICE_HOST. */
  host: string;
  /** Value of KUBERNETES_SERVICE_PORT. */
  port: string;
}

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

export function createPodAccess({ host, port }: PodAddress, clock: Clock = systemClock, folder = FOLDER): KubeAccess {
  const read = async (): Promise<Credentials> => {
    const [token, ca] = await Promise.all([
      readFile(join(folder, 'token'), 'utf8'),
      readFile(join(folder, 'ca.crt'), 'utf8'),
    ]);
    return { headers: { authorization: `Bearer ${token.trim()}` }, tls: { ca } };
  };
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ...cacheCredentials(read, clock),
  };
}
