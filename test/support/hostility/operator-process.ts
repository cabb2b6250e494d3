/**
 * An operator that runs as a process of the test, with the settings of the cluster's own operator, and whose requests to the API server
 * go through a proxy of the test. The cluster's own operator must be scaled to 0 meanwhile.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Cluster } from '#support/cluster/cluster.ts';
import { settingsOf } from '#support/cluster/deployment-settings.ts';
import { type HttpFault, startFaultyProxy } from '#support/network/faulty-proxy.ts';
import { findFreePort, startServerProcess } from '#support/process/server-process.ts';

export interface OperatorBehindProxy extends AsyncDisposable {
  /** Gives the answer to each request for which it is not null, from now on. */
  answer(faultOf: (request: IncomingMessage) => HttpFault | null): void;
  /** Starts the operator, as a kubelet does after its end. @param settings variables in place of those of the Deployment */
  start(settings?: Record<string, string>): Promise<void>;
  /** Ends the operator by SIGTERM, as a rollout does. */
  stop(): Promise<void>;
  /** Resolves with the exit code when the operator ends. */
  ended(): Promise<number | null>;
  readonly isRunning: boolean;
  log(): Promise<string>;
}

export const nothing = () => null;

export async function startOperatorBehindProxy(cluster: Cluster): Promise<OperatorBehindProxy> {
  await using made = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-operator-'));
  made.defer(() => rm(folder, { recursive: true, force: true }));
  // kubectl has the credentials and the TLS, so that the proxy of the test sees plain requests.
  const port = await findFreePort();
  const address = `http://127.0.0.1:${port}`;
  made.use(
    await startServerProcess({
      name: 'kubectl proxy',
      command: ['kubectl', 'proxy', `--port=${port}`],
      env: cluster.env,
      logFile: join(folder, 'kubectl.log'),
      probe: async () => (await fetch(`${address}/version`)).json(),
      stopSignal: 'SIGTERM',
    }),
  );
  let faultOf: (request: IncomingMessage) => HttpFault | null = nothing;
  const proxy = made.use(await startFaultyProxy(address, (request) => faultOf(request)));
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, stringify(kubeconfigOf(proxy.endpoint)));
  const env = {
    ...(await settingsOf(cluster, 'batch-upload-operator')),
    PATH: cluster.env.PATH,
    KUBECONFIG: kubeconfig,
    POD_NAMESPACE: 'batch-upload-system',
    POD_NAME: 'operator-of-a-test',
    BATCH_UPLOAD_METRICS_PORT: String(await findFreePort()),
  };
  const logFile = join(folder, 'operator.log');
  let child: ChildProcess | null = null;
  const hasEnded = () => child === null || child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    if (hasEnded()) return;
    child?.kill('SIGTERM');
    await once(child!, 'exit');
  };
  made.defer(stop);
  const all = made.move();
  return {
    answer(fault) {
      faultOf = fault;
    },
    async start(settings = {}) {
      await using file = await open(logFile, 'a');
      child = spawn('node', ['operator/main.ts', 'controller'], {
        env: { ...env, ...settings },
        stdio: ['ignore', file.fd, file.fd],
      });
    },
    stop,
    async ended() {
      if (!hasEnded()) await once(child!, 'exit');
      return child?.exitCode ?? null;
    },
    get isRunning() {
      return !hasEnded();
    },
    log: () => readFile(logFile, 'utf8'),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function kubeconfigOf(server: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'proxy', cluster: { server } }],
    users: [{ name: 'nobody', user: {} }],
    contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'nobody' } }],
    'current-context': 'proxy',
  };
}
