/** Gateways on a real PostgreSQL and an API server in memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '#common/clock.ts';
import { createKubeClient } from '#kube/client.ts';
import { type GatewayConfig, readGatewayConfig } from '#operator/config/gateway-config.ts';
import { createGateway } from '#operator/gateway/gateway.ts';
import type { ServerLimits } from '#operator/gateway/http/server-limits.ts';
import { createGatewayMetrics } from '#operator/gateway/model/metrics.ts';
import type { FileLimits, GatewayApp } from '#operator/gateway/model/types.ts';
import { type KubeApiServer, startKubeApiServer } from '#support/cluster/kube-api-server.ts';
import { putSecret } from '#support/cluster/secret.ts';
import { createLedgerDatabase } from '#support/database/database.ts';
import { startPostgres } from '#support/database/postgres.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

/** The namespace of the bench; `other` is another one in which uploads are enabled. */
export const NAMESPACE = 'n';
export const OTHER_NAMESPACE = 'other';
export const TOKEN_AUDIENCE = 'batch-upload';

export interface GatewayBench extends AsyncDisposable {
  api: KubeApiServer;
  databaseUrl: string;
  /** Puts a Secret whose entries are these texts or bytes. */
  secret(namespace: string, name: string, data: Record<string, string | Buffer>): void;
  /** What SubjectAccessReviews allow; everything when absent. */
  allow(decide: (spec: AccessSpec) => boolean): void;
  /** Starts another gateway on the same API server. */
  start(options?: GatewayOptions): Promise<TestGateway>;
}

export interface AccessSpec {
  user: string;
  groups: string[];
  resourceAttributes: { namespace: string; verb: string; resource: string; subresource?: string; name?: string };
}

export interface GatewayOptions {
  config?: Partial<GatewayConfig>;
  limits?: ServerLimits;
  /** The time in ms that answers get at the end. */
  drainMs?: number;
  /** Above which size a file is put in parts, and how large the parts are. */
  fileLimits?: FileLimits;
  /** Adds endpoints. */
  extend?: (app: GatewayApp) => void;
}

export interface TestGateway {
  url: string;
  port: number;
  log: ReturnType<typeof createRecordingLog>;
  metrics: ReturnType<typeof createGatewayMetrics>;
  stop(): Promise<void>;
}

/** @param databaseUrl of the default database of both namespaces; one with a ledger, of an own server, when absent. */
export async function startGatewayBench(given: { databaseUrl?: string } = {}): Promise<GatewayBench> {
  const postgres = given.databaseUrl === undefined ? await startPostgres() : null;
  const databaseUrl = given.databaseUrl ?? (await createLedgerDatabase(postgres!));
  const api = await startKubeApiServer();
  const running = new Set<TestGateway>();
  let isAllowed: (spec: AccessSpec) => boolean = () => true;
  api.review('subjectaccessreviews', (spec: AccessSpec) => ({ allowed: isAllowed(spec) }));
  const secret: GatewayBench['secret'] = (namespace, name, data) => putSecret(api, { namespace, name }, data);
  for (const namespace of [NAMESPACE, OTHER_NAMESPACE])
    secret(namespace, 'batch-upload-database', { uri: databaseUrl });

  return {
    api,
    databaseUrl,
    secret,
    allow(decide) {
      isAllowed = decide;
    },
    async start({ config = {}, ...options } = {}) {
      const log = createRecordingLog();
      const metrics = createGatewayMetrics();
      const client = createKubeClient({ access: api.access, userAgent: 'test' });
      const environment = {
        BATCH_UPLOAD_NAMESPACES: `${NAMESPACE},${OTHER_NAMESPACE}`,
        BATCH_UPLOAD_GATEWAY_PORT: '0',
      };
      const gateway = createGateway({
        client,
        config: { ...readGatewayConfig(environment), tokenAudience: TOKEN_AUDIENCE, ...config },
        clock: systemClock,
        log,
        metrics,
        ...options,
      });
      const end = new AbortController();
      const done = gateway.run(end.signal);
      while (gateway.port === null) await Promise.race([sleep(5), done]);
      const started: TestGateway = {
        url: `http://127.0.0.1:${gateway.port}`,
        port: gateway.port,
        log,
        metrics,
        async stop() {
          running.delete(started);
          end.abort(new Error('the test is over'));
          await done;
          await client.close();
        },
      };
      running.add(started);
      return started;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((gateway) => gateway.stop()));
      await api[Symbol.asyncDispose]();
      await postgres?.stop();
    },
  };
}

/** The key of the partner `acme` in the namespace of the bench; in the other one `acme` is somebody else. */
export const PARTNER_KEY = 'a key of acme, which is long enough';

/** @param more further entries of the Secret in the namespace of the bench */
export function putPartners({ secret }: GatewayBench, more: Record<string, string | Buffer> = {}): void {
  secret(NAMESPACE, 'batch-upload-partners', { acme: PARTNER_KEY, ...more });
  secret(OTHER_NAMESPACE, 'batch-upload-partners', { acme: 'a key of another acme, also long enough' });
}

/** Endpoints that answer with the identity of their sender, and with what he has sent. */
export function addProbe(app: GatewayApp): void {
  const url = '/v1/namespaces/:namespace/probe';
  const config = (verb: 'list' | 'create') => ({ access: { verb, resource: 'batchuploads' as const } });
  app.get(url, { config: config('list') }, async ({ identity }) => identity);
  app.post(url, { config: config('create') }, async ({ identity, body }) => ({ ...identity, body }));
}
