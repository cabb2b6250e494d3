/** Builds what the controller needs, waits for the lease, leads, and closes everything in reverse order. */
import type { Clock } from '#common/clock.ts';
import type { Health } from '#common/http-server.ts';
import type { Logger } from '#common/log.ts';
import { type KubeAccess, loadAccess } from '#kube/access.ts';
import { createKubeClient } from '#kube/client.ts';
import { createLeaderElector, processIdentity } from '#kube/lease.ts';
import type { LeaderElector } from '#kube/types.ts';
import type { ControllerConfig } from './config/controller-config.ts';
import { type Controller, createController } from './controller/controller.ts';
import { createMetrics, type Metrics, measureUploads } from './controller/metrics.ts';
import { createBlockedCheck, findSilentWatch } from './liveness.ts';
import { connectToApiServer, serveMetrics, startProgram } from './start-program.ts';

/** A reconcile is stuck after this time: everything that it does has a shorter time limit. */
const STUCK_MS = 5 * 60_000;

/** @returns the exit code: 0 after SIGTERM, 1 after a lost lease. */
export async function runController(config: ControllerConfig): Promise<number> {
  await using program = startProgram('operator', config);
  const { log, clock, signal, cleanup } = program;
  const metrics = createMetrics();
  const access = loadAccess();
  if (config.datadog) cleanup.defer(await startDatadog(metrics, config.runner.datadogEnv['DD_SERVICE']));
  const { client, events } = connectToApiServer(program, {
    access,
    userAgent: 'batch-upload-operator',
    eventComponent: 'batch-upload',
    onRequest: metrics.onRequest,
  });
  const controller = createController({ client, events, config, clock, log, metrics });
  const { elector, lost } = elect({ config, access, log, controller, metrics });
  const server = await serveMetrics(program, {
    port: config.metricsPort,
    health: createHealth({ controller, elector, clock }),
    registry: metrics.registry,
    measure: () => measure(metrics, { controller, elector, dropped: events.dropped }),
  });
  log.info({ port: server.port, server: access.server, namespaces: config.namespaces }, 'operator started');
  await Promise.race([elector.run(signal), lost]);
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
    // The lease has connections of its own: work that fills the others must not delay a renewal.
    client: createKubeClient({ access, userAgent: 'batch-upload-operator-lease', onRequest: metrics.onRequest }),
    identity: processIdentity(config.podName),
    log,
    onStartedLeading: (signal) => controller.run(signal),
    onLost(reason) {
      // The process ends at once, because another one may lead from now on.
      log.error({ reason }, 'the lease is lost, ending');
      process.exit(1);
    },
    onLeader: (leader) => log.info({ leader }, 'the leader has changed'),
  });
  return { elector, lost };
}

function createHealth({
  controller,
  elector,
  clock,
}: {
  controller: Controller;
  elector: LeaderElector;
  clock: Clock;
}): Health {
  const findBlocked = createBlockedCheck(100);
  return {
    live() {
      const blocked = findBlocked();
      if (blocked !== null || !elector.isLeader) return blocked;
      const silent = findSilentWatch(controller.caches.all(), clock);
      if (silent !== null) return silent;
      const { startingMs } = controller;
      if (startingMs > STUCK_MS) return `the leader has not begun its work for ${Math.round(startingMs)} ms`;
      const { longestRunningMs } = controller.queue;
      return longestRunningMs > STUCK_MS
        ? `the reconcile of an upload has run for ${Math.round(longestRunningMs)} ms`
        : null;
    },
    ready() {
      if (!elector.isLeader) return null;
      if (!controller.caches.uploads.hasSynced) return 'the uploads are being listed';
      return controller.startingMs === 0 ? null : 'the work on uploads has not begun';
    },
  };
}

function measure(
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
  // A follower's caches are empty and say nothing of the uploads.
  if (elector.isLeader) measureUploads(metrics, caches.uploads.values(), Date.now());
}

/** Loads dd-trace, which nothing else does. @returns a function that ends its reports. */
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
