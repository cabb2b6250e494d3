/** Builds what the bridge needs, runs it until it is told to end, and closes everything in reverse order. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '#common/clock.ts';
import { type Health, startHttpServer } from '#common/http-server.ts';
import { createLogger } from '#common/log.ts';
import type { KubeAccess } from '#kube/access.ts';
import { createKubeClient } from '#kube/client.ts';
import { createEventRecorder } from '#kube/events.ts';
import { createPodAccess } from '#kube/pod-access.ts';
import { type Bridge, createBridge } from './bridge/bridge.ts';
import { createBridgeMetrics } from './bridge/metrics.ts';
import { createSourceRunners } from './bridge/sources/source-runners.ts';
import type { BridgeConfig } from './config/bridge-config.ts';

/** No sign of life of the watch for so long: bookmarks and reopened watches come far more often. */
const SILENT_MS = 10 * 60_000;
const BLOCKED_MS = 30_000;
const FLUSH_MS = 3_000;

/**
 * @param given access to the API server, for tests.
 * @returns the exit code. The bridge has no lease: two bridges at a time make no upload twice, see bridge/admission/admit.ts.
 */
export async function runBridge(config: BridgeConfig, given?: KubeAccess): Promise<number> {
  const log = createLogger(config.logLevel, { component: 'bridge', pod: config.podName });
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      log.info({ signal: name }, 'shutting down');
      stop.abort(new Error(name));
    });
  }
  const clock = systemClock;
  const metrics = createBridgeMetrics();
  const access = given ?? (await findAccess(config));
  await using cleanup = new AsyncDisposableStack();
  const client = createKubeClient({ access, clock, userAgent: 'batch-upload-bridge', onRequest: metrics.onRequest });
  cleanup.defer(() => client.close());
  const recorderEnd = new AbortController();
  const instance = config.podName;
  const events = createEventRecorder({
    ...{ client, log, clock, instance, signal: recorderEnd.signal },
    component: 'batch-upload-bridge',
  });
  cleanup.defer(() => recorderEnd.abort());
  cleanup.defer(() =>
    Promise.race([events.flush(), new Promise<void>((resolve) => setTimeout(resolve, FLUSH_MS).unref())]),
  );
  const { runners, listen } = createSourceRunners({ log, clock, signal: stop.signal });
  const bridge = createBridge({ client, events, allow: config, runners, clock, log, metrics });
  const server = await startHttpServer({
    port: config.metricsPort,
    health: createHealth(bridge),
    metrics: async () => {
      bridge.measure();
      return { contentType: metrics.registry.contentType, text: await metrics.registry.metrics() };
    },
  });
  cleanup.defer(() => server.close());
  const webhooks = await listen(config.webhookPort);
  cleanup.defer(() => webhooks.close());
  const { namespaces } = config;
  log.info({ port: server.port, webhookPort: webhooks.port, server: access.server, namespaces }, 'bridge is starting');
  await bridge.run(stop.signal);
  return 0;
}

async function findAccess({ apiServer }: BridgeConfig): Promise<KubeAccess> {
  if (apiServer !== null) return createPodAccess(apiServer);
  const { loadAccess } = await import('#kube/access.ts');
  return loadAccess();
}

function createHealth({ sources }: Bridge): Health {
  const delay = monitorEventLoopDelay({ resolution: 1000 });
  delay.enable();
  return {
    live() {
      const blockedMs = delay.max / 1e6;
      delay.reset();
      if (blockedMs > BLOCKED_MS) return `the event loop was blocked for ${Math.round(blockedMs)} ms`;
      const silentMs = systemClock.monotonic() - sources.lastActivity;
      return silentMs > SILENT_MS ? `the watch of ${sources.type.plural} is silent` : null;
    },
    ready: () => (sources.hasSynced ? null : 'the sources are being listed'),
  };
}
