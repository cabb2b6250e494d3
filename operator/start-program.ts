/** The start that the controller, the bridge and the gateway have in common: log, signals, API server, events, HTTP server. */
import type { Registry } from 'prom-client';
import { type Clock, systemClock } from '#common/clock.ts';
import { type Health, type HttpServer, startHttpServer } from '#common/http-server.ts';
import { createLogger } from '#common/log.ts';
import type { KubeAccess } from '#kube/access.ts';
import { createKubeClient } from '#kube/client.ts';
import { createEventRecorder } from '#kube/events.ts';
import { createPodAccess, type PodAddress } from '#kube/pod-access.ts';
import type { EventRecorder, KubeClient, OnRequest } from '#kube/types.ts';
import type { ProgramConfig } from './config/program-config.ts';

const FLUSH_MS = 3_000;
/** The API server has other clients, too. */
const REQUEST_LIMIT = { perSecond: 50, burst: 100 };

export interface Program extends AsyncDisposable {
  readonly log: ReturnType<typeof createLogger>;
  readonly clock: Clock;
  /** Aborts at SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
  /** What the program has opened; disposing of the program closes it in reverse order. */
  readonly cleanup: AsyncDisposableStack;
  readonly podName: string;
}

export function startProgram(
  component: 'operator' | 'bridge' | 'gateway',
  { logLevel, podName }: ProgramConfig,
): Program {
  const log = createLogger(logLevel, { component, pod: podName });
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      log.info({ signal: name }, 'shutting down');
      stop.abort(new Error(name));
    });
  }
  const cleanup = new AsyncDisposableStack();
  return {
    log,
    clock: systemClock,
    signal: stop.signal,
    cleanup,
    podName,
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}

/** A pod needs no kubeconfig, so that the library which reads one is loaded only outside of a cluster. */
export async function findAccess({ apiServer }: { apiServer: PodAddress | null }): Promise<KubeAccess> {
  if (apiServer !== null) return createPodAccess(apiServer);
  const { loadAccess } = await import('#kube/access.ts');
  return loadAccess();
}

/** The client and the event recorder. At the end events that wait are written, for {@link FLUSH_MS} at most. */
export function connectToApiServer(
  { log, clock, cleanup, podName: instance }: Program,
  options: {
    access: KubeAccess;
    userAgent: string;
    /** The name under which events are recorded. */
    eventComponent: string;
    onRequest: OnRequest;
  },
): { client: KubeClient; events: EventRecorder } {
  const { access, userAgent, eventComponent: component, onRequest } = options;
  const client = createKubeClient({ access, clock, userAgent, onRequest, limit: REQUEST_LIMIT });
  cleanup.defer(() => client.close());
  const recorderEnd = new AbortController();
  const events = createEventRecorder({ client, log, clock, component, instance, signal: recorderEnd.signal });
  cleanup.defer(() => recorderEnd.abort());
  cleanup.defer(() =>
    Promise.race([events.flush(), new Promise<void>((resolve) => setTimeout(resolve, FLUSH_MS).unref())]),
  );
  return { client, events };
}

/** Serves /metrics, /healthz and /readyz until the program's end. */
export async function serveMetrics(
  { cleanup }: Program,
  options: {
    port: number;
    health: Health;
    registry: Registry;
    /** Sets the gauges; called before every answer of /metrics. */
    measure: () => void;
  },
): Promise<HttpServer> {
  const { port, health, registry, measure } = options;
  const server = await startHttpServer({
    port,
    health,
    metrics: async () => {
      measure();
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  });
  cleanup.defer(() => server.close());
  return server;
}
