/**
 * A gateway that runs from the sources as a process of the test, with the service account of the cluster's gateways and
 * with their settings but for those of the test. The gateways of the cluster go on beside it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Cluster } from '#support/cluster/cluster.ts';
import { settingsOf } from '#support/cluster/deployment-settings.ts';
import { SYSTEM } from '#support/kills/operator-kills.ts';
import { findFreePort, startServerProcess } from '#support/process/server-process.ts';

/** The name of the Deployment and of its service account, which alone may name the creator of an upload. */
const GATEWAY = 'batch-upload-gateway';

export interface GatewayProcess extends AsyncDisposable {
  origin: string;
}

/** @param settings variables in place of those of the Deployment. @param given a port that is free; one is found when absent */
export async function startGatewayProcess(
  cluster: Cluster,
  settings: Record<string, string>,
  given?: number,
): Promise<GatewayProcess> {
  await using made = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-gateway-'));
  made.defer(() => rm(folder, { recursive: true, force: true }));
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, stringify(await kubeconfigOf(cluster)), { mode: 0o600 });
  const port = given ?? (await findFreePort());
  const origin = `http://127.0.0.1:${port}`;
  made.use(
    await startServerProcess({
      name: 'gateway',
      command: [process.execPath, 'operator/main.ts', 'gateway'],
      env: {
        ...(await settingsOf(cluster, GATEWAY)),
        KUBECONFIG: kubeconfig,
        POD_NAMESPACE: SYSTEM[1]!,
        POD_NAME: 'gateway-of-a-test',
        BATCH_UPLOAD_GATEWAY_PORT: String(port),
        // The Secret of the page is in the cluster.
        BATCH_UPLOAD_GATEWAY_PAGE: '',
        BATCH_UPLOAD_METRICS_PORT: String(await findFreePort()),
        ...settings,
      },
      logFile: join(folder, 'gateway.log'),
      probe: () => fetch(`${origin}/openapi.json`),
      stopSignal: 'SIGTERM',
    }),
  );
  const all = made.move();
  return { origin, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** The API server of the cluster, for the service account of its gateways. */
async function kubeconfigOf({ kubectl }: Cluster): Promise<object> {
  const view = await kubectl('config', 'view', '--raw', '--minify', '-o', 'json');
  const { clusters } = JSON.parse(view) as { clusters: { name: string; cluster: object }[] };
  const token = (await kubectl(...SYSTEM, 'create', 'token', GATEWAY)).trim();
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster: clusters[0]!.cluster }],
    users: [{ name: 'gateway', user: { token } }],
    contexts: [{ name: 'gateway', context: { cluster: 'cluster', user: 'gateway' } }],
    'current-context': 'gateway',
  };
}
