/** The bridge as a whole: it watches the UploadSources, runs them and writes their statuses. */
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { runTogether } from '#common/run-together.ts';
import { UPLOAD_SOURCES, type UploadSource } from '#kube/custom-resources.ts';
import { createReflector } from '#kube/reflector.ts';
import type { EventRecorder, KubeClient, Reflector } from '#kube/types.ts';
import { awaitClusterId } from '#operator/tenancy/cluster-facts.ts';
import { Databases } from '#operator/tenancy/databases.ts';
import { createSecretReader, createStorageClients } from '#operator/tenancy/storage-clients.ts';
import type { BridgeMetrics } from './model/metrics.ts';
import type { SourceAllowList } from './sources/accept-source.ts';
import type { Receivers } from './sources/run-source.ts';
import { createSourceManager, labelsOf, type SourceManager } from './sources/source-manager.ts';
import { lagSeconds } from './status/source-status.ts';
import { createStatusWriter } from './status/status-writer.ts';

export interface BridgeDeps {
  client: KubeClient;
  events: EventRecorder;
  allow: SourceAllowList;
  receivers: Receivers;
  clock: Clock;
  log: Logger;
  metrics: BridgeMetrics;
  /** Time between two writes of one status; 5 s when absent. */
  statusIntervalMs?: number;
  /** Time over which a process that has just started spreads the first lists of its sources; 5 s when absent. */
  spreadMs?: number;
  /** Time between two searches for objects that are due to be deleted or moved; 15 s when absent. */
  afterSuccessMs?: number;
  /** Time between two looks at the files that wait for their turn; 15 s when absent. */
  feedMs?: number;
}

export interface Bridge {
  readonly sources: Reflector<UploadSource>;
  run(signal: AbortSignal): Promise<void>;
  /** Sets the gauges to the present values. */
  measure(): void;
}

const FLUSH_MS = 3_000;
const CLOSE_UNUSED_MS = 60_000;

export function createBridge(deps: BridgeDeps): Bridge {
  const { client, events, clock, log, metrics } = deps;
  const sources = createReflector({ client, log, type: UPLOAD_SOURCES });
  const databases = new Databases({ client, program: 'bridge', clock, log, tickMs: 1000 });
  const secrets = createSecretReader({ client, program: 'bridge', clock });
  const storage = createStorageClients({ secrets, clock, allowedEndpoints: deps.allow.allowedEndpoints });
  const writer = createStatusWriter({
    client,
    events,
    clock,
    log,
    ...(deps.statusIntervalMs === undefined ? {} : { intervalMs: deps.statusIntervalMs }),
    onWritten: () => metrics.statusWrites.inc(),
  });
  let manager: SourceManager | null = null;

  return {
    sources,
    async run(stopped) {
      const work = async (signal: AbortSignal) => {
        const clusterId = await awaitClusterId(deps, signal);
        if (clusterId === null) return;
        await sources.synced;
        manager = createSourceManager({
          ...deps,
          sources,
          writer,
          databases,
          secrets,
          storage,
          clusterId,
          freed: new Map(),
        });
        log.info({ clusterId, sources: sources.size }, 'bridge started');
        const writing = new AbortController();
        const others = [writer.run(writing.signal), closeUnusedRegularly({ databases, storage, clock }, signal)];
        await manager.run(signal);
        writing.abort();
        await Promise.all(others);
        await writer.flush(AbortSignal.timeout(FLUSH_MS)).catch(() => undefined);
      };
      try {
        await runTogether(
          [
            { name: 'the watch of the sources', run: (end) => sources.run(end) },
            { name: 'the work on the sources', run: work },
          ],
          stopped,
        );
      } finally {
        storage.close();
        await databases.close();
      }
    },
    measure() {
      metrics.eventsDropped.set(events.dropped);
      if (manager === null) return;
      for (const [ready, count] of countByReadiness(sources.values())) metrics.sources.set({ ready }, count);
      for (const [key, state] of manager.states()) {
        metrics.lag.set(labelsOf(key), lagSeconds(state, clock.now()));
        if (state.feed === null) {
          for (const gauge of [metrics.waiting, metrics.held]) gauge.remove(labelsOf(key));
          continue;
        }
        metrics.waiting.set(labelsOf(key), state.feed.waiting);
        metrics.held.set(labelsOf(key), state.feed.held === null ? 0 : 1);
      }
    },
  };
}

/** Counts the sources by the status of their condition Ready; a status without sources counts zero. */
function countByReadiness(sources: Iterable<UploadSource>): Map<string, number> {
  const counts = new Map([
    ['True', 0],
    ['False', 0],
    ['Unknown', 0],
  ]);
  for (const { status } of sources) {
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown';
    counts.set(ready, (counts.get(ready) ?? 0) + 1);
  }
  return counts;
}

async function closeUnusedRegularly(
  { databases, storage, clock }: { databases: Databases; storage: { closeUnused(): void }; clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(clock, CLOSE_UNUSED_MS, signal);
    storage.closeUnused();
    await databases.closeUnused();
  }
}
