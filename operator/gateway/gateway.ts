/** The gateway as a whole: it watches uploads and schemas, and answers the requests of the API. */
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { runTogether } from '#common/run-together.ts';
import { BATCH_UPLOADS, type BatchUpload, RECORD_SCHEMAS, type RecordSchema } from '#kube/custom-resources.ts';
import { createReflector } from '#kube/reflector.ts';
import type { KubeClient, KubeObject, Reflector } from '#kube/types.ts';
import type { GatewayConfig } from '#operator/config/gateway-config.ts';
import { awaitClusterId } from '#operator/tenancy/cluster-facts.ts';
import { Databases } from '#operator/tenancy/databases.ts';
import { createSecretReader, createStorageClients } from '#operator/tenancy/storage-clients.ts';
import { createAuthorizer } from './access/authorize.ts';
import { createApp } from './app.ts';
import { watchStorages } from './files/check-storage.ts';
import { removeLeftFiles } from './files/remove-left-files.ts';
import { openCertificate } from './http/certificate.ts';
import { DRAIN_MS, prepareDrain } from './http/drain.ts';
import type { ServerLimits } from './http/server-limits.ts';
import { createAuthenticator } from './identity/authenticate.ts';
import type { GatewayMetrics } from './model/metrics.ts';
import type { FileLimits, GatewayApp } from './model/types.ts';
import { openSessions } from './session/open-sessions.ts';

export interface Gateway {
  readonly uploads: Reflector<BatchUpload>;
  readonly schemas: Reflector<RecordSchema>;
  /** Everything that the gateway watches. */
  readonly watched: readonly Reflector<KubeObject>[];
  /** The port on which the API listens; null before it does. */
  readonly port: number | null;
  /** Answers requests until the signal aborts. @throws when a part of the gateway ends before */
  run(signal: AbortSignal): Promise<void>;
}

const CLOSE_UNUSED_MS = 60_000;
const WAIT_FOR_SESSIONS_MS = 10_000;

export function createGateway(deps: {
  client: KubeClient;
  config: GatewayConfig;
  clock: Clock;
  log: Logger;
  metrics: GatewayMetrics;
  limits?: ServerLimits;
  /** Shorter in tests. */
  drainMs?: number;
  /** Smaller in tests. */
  fileLimits?: FileLimits;
  /** Adds endpoints, for tests. */
  extend?: (app: GatewayApp) => void;
}): Gateway {
  const { client, config, clock, log, drainMs = DRAIN_MS } = deps;
  const uploads = createReflector({ client, log, type: BATCH_UPLOADS });
  const schemas = createReflector({ client, log, type: RECORD_SCHEMAS });
  const databases = new Databases({ client, program: 'gateway', clock, log, tickMs: 1000 });
  const secrets = createSecretReader({ client, program: 'gateway', clock });
  const storage = createStorageClients({ secrets, clock, allowedEndpoints: config.allowedEndpoints });
  const signIn = openSessions(deps);
  let port: number | null = null;

  const serve = async (signal: AbortSignal) => {
    const clusterId = await awaitClusterId({ client, clock, log }, signal);
    if (clusterId === null) return;
    await Promise.all([uploads.synced, schemas.synced]);
    // Programs need no sessions: they do not wait for ever for a list that cannot be read.
    if (signIn !== null) await Promise.race([signIn.ended.synced, sleep(clock, WAIT_FOR_SESSIONS_MS, signal)]);
    const requests = new AbortController();
    const sessions = signIn?.sessions;
    const shared = {
      ...deps,
      clusterId,
      uploads,
      schemas,
      databases,
      secrets,
      storage,
      sessions,
      ending: signal,
      signal,
    };
    const authenticate = createAuthenticator({ ...shared, signal: requests.signal });
    const certificate = config.tlsFolder === null ? undefined : await openCertificate(config.tlsFolder, { log });
    if (!certificate) log.warn({ port: config.port }, 'tokens come in clear: TLS must end in front of the gateway');
    const app = await createApp({
      ...shared,
      signal: requests.signal,
      authenticate,
      authorizer: createAuthorizer(deps),
      certificate,
      signIn: signIn ?? undefined,
    });
    const drain = prepareDrain(app);
    deps.extend?.(app);
    await app.listen({ port: config.port, host: '::' });
    const address = app.server.address();
    port = typeof address === 'object' && address !== null ? address.port : null;
    log.info({ port, clusterId, namespaces: config.namespaces }, 'gateway started');
    const closeUnused = async () => {
      while (!signal.aborted) {
        await sleep(clock, CLOSE_UNUSED_MS, signal);
        storage.closeUnused();
        await databases.closeUnused();
      }
    };
    try {
      await runTogether(
        [
          { name: 'the closing of unused connections', run: closeUnused },
          { name: 'the removal of left files', run: (end) => removeLeftFiles(shared, end) },
          { name: 'the check of the storages', run: (end) => watchStorages(shared, end) },
        ],
        signal,
      );
    } finally {
      await drain({
        clock,
        limitMs: drainMs,
        cut: () => requests.abort(new Error('the gateway ends')),
      });
    }
  };

  return {
    uploads,
    schemas,
    watched: [uploads, schemas, ...(signIn === null ? [] : [signIn.ended])],
    get port() {
      return port;
    },
    async run(stopped) {
      try {
        await runTogether(
          [
            { name: 'the watch of the uploads', run: (end) => uploads.run(end) },
            { name: 'the watch of the schemas', run: (end) => schemas.run(end) },
            ...(signIn === null
              ? []
              : [{ name: 'the watch of ended sessions', run: (end: AbortSignal) => signIn.run(end) }]),
            { name: 'the API', run: serve },
          ],
          stopped,
        );
      } finally {
        storage.close();
        await databases.close();
      }
    },
  };
}
