/** Builds what the controller needs, waits for the lease, leads, and closes everything in reverse order. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '#common/clock.ts';
import { type Health, startHttpServer } from '#common/http-server.ts';
import type { Logger } from '#common/log.ts';
import { createLogger } from '#common/log.ts';
import { type KubeAccess, loadAccess } from '#kube/access.ts';
import { createKubeClient } from '#kube/client.ts';
import { createEventRecorder } from '#kube/events.ts';
import { createLeaderElector, processIdentity } from '#kube/lease.ts';
import type { LeaderElector } from '#kube/types.ts';
import type { ControllerConfig } from './config/controller-config.ts';
import { type Controller, createController } from './controller/controller.ts';
import { createMetrics, type Metrics, measureUploads } from './controller/metrics.ts';

/** No sign of life of a watch for so long: bookmarks and reopened watches come far more often. */
const SILENT_MS = 10 * 60_000;
/** One look has time limits on everything it does. */
const STUCK_MS = 5 * 60_000;
/** A loop that is blocked for so long loses the lease anyway. */
const BLOCKED_MS = 30_000;

/** @returns the exit code: 0 after SIGTERM, 1 after a lost lease. */
export async function runController(config: ControllerConfig): Promise<number> {
  const log = createLogger(config.logLevel, { component: 'operator', pod: config.podName });
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      log.info({ signal: name }, 'shutting down');
      stop.abort(new Error(name));
    });
  }
  const clock = systemClock;
  const metrics = createMetrics();
  const access = loadAccess();
  await using cleanup = new AsyncDisposableStack();
  if (config.datadog) cleanup.defer(await startDatadog(metrics, config.runner.datadogEnv['DD_SERVICE']));
  const client = createKubeClient({ access, clock, userAgent: 'batch-upload-operator', onRequest: metrics.onRequest });
  cleanup.defer(() => client.close());
  const recorderEnd = new AbortController();
  const recorder = {
    client,
    log,
    clock,
    component: 'batch-upload',
    instance: config.podName,
    signal: recorderEnd.signal,
  };
  const events = createEventRecorder(recorder);
  cleanup.defer(() => recorderEnd.abort());
  cleanup.defer(() =>
    Promise.race([events.flush(), new Promise<void>((resolve) => setTimeout(resolve, 3_000).unref())]),
  );
  const controller = createController({ client, events, config, clock, log, metrics });
  const { elector, lost } = elect({ config, access, log, controller, metrics });
  const health = createHealth(controller, elector);
  const server = await startHttpServer({
    port: config.metricsPort,
    health,
    metrics: async () => {
      sample(metrics, { controller, elector, dropped: events.dropped });
      return { contentType: metrics.registry.contentType, text: await metrics.registry.metrics() };
    },
  });
  cleanup.defer(() => server.close());
  log.info({ port: server.port, server: access.server, namespaces: config.namespaces }, 'operator started');
  await Promise.race([elector.run(stop.signal), lost]);
  return 0;
}

function elect({
  config,
  access,
  log,
  controller,
  metrics,
}: {
  config: ControllerConfig;
  access: KubeAccess;
  log: Logger;
  controller: Controller;
  metrics: Metrics;
}): { elector: LeaderElector; lost: Promise<never> } {
  const lost = new Promise<never>(() => undefined);
  const elector = createLeaderElector({
    ...config.lease,
    // Connections of its own: work that fills the others must not delay a renewal.
    client: createKubeClient({ access, userAgent: 'batch-upload-operator-lease', onRequest: metrics.onRequest }),
    identity: processIdentity(config.podName),
    log,
    onStartedLeading: (signal) => controller.run(signal),
    onLost(reason) {
      // At once: from here on somebody else may lead.
      log.error({ reason }, 'the lease is lost, ending');
      process.exit(1);
    },
    onLeader: (leader) => log.info({ leader }, 'the leader has changed'),
  });
  return { elector, lost };
}

function createHealth(controller: Controller, elector: LeaderElector): Health {
  const delay = monitorEventLoopDelay({ resolution: 100 });
  delay.enable();
  return {
    live() {
      const blockedMs = delay.max / 1e6;
      delay.reset();
      if (blockedMs > BLOCKED_MS) return `the event loop was blocked for ${Math.round(blockedMs)} ms`;
      if (!elector.isLeader) return null;
      const now = systemClock.monotonic();
      for (const { type, lastActivity } of controller.caches.all()) {
        if (now - lastActivity > SILENT_MS) return `the watch of ${type.plural} is silent`;
      }
      const { longestRunningMs } = controller.queue;
      return longestRunningMs > STUCK_MS ? `a look at an upload takes ${Math.round(longestRunningMs)} ms` : null;
    },
    ready() {
      if (!elector.isLeader) return null;
      return controller.caches.uploads.hasSynced ? null : 'the uploads are being listed';
    },
  };
}

function sample(
  metrics: Metrics,
  { controller, elector, dropped }: { controller: Controller; elector: LeaderElector; dropped: number },
): void {
  const { queue, caches, databases } = controller;
  metrics.leader.set(elector.isLeader ? 1 : 0);
  metrics.workqueueDepth.set(queue.depth);
  metrics.workqueueActive.set(queue.active);
  metrics.workqueueDelayed.set(queue.delayed);
  metrics.workqueueLongest.set(queue.longestRunningMs / 1000);
  metrics.watchFailures.set(caches.all().reduce((sum, { counters }) => sum + counters.failures, 0));
  metrics.databases.set(databases.size);
  metrics.eventsDropped.set(dropped);
  // A follower's caches are empty, and it has nothing to say of them.
  if (elector.isLeader) measureUploads(metrics, caches.uploads.values(), Date.now());
}

/** dd-trace is loaded only here. @returns the way to end it. */
async function startDatadog(metrics: Metrics, service = 'batch-upload'): Promise<() => void> {
  const { default: ddTrace } = await import('dd-trace');
  const tracer = ddTrace.init({ service, logInjection: false });
  const timer = setInterval(() => {
    void metrics.queueDepth
      .get()
      .then(({ values }) => tracer.dogstatsd.gauge('batch_upload.queue.depth', values[0]?.value ?? 0));
  }, 10_000);
  timer.unref();
  return () => clearInterval(timer);
}
