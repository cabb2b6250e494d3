/**
 * The staff page on a real gateway, with an identity provider, a real PostgreSQL, a real S3 server and an API server in
 * memory. Browsers reach it at `origin`; `signIn` does without a browser what a person does with one.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutBucketCorsCommand, S3Client } from '@aws-sdk/client-s3';
import type { GatewayConfig, OidcSettings } from '#operator/config/gateway-config.ts';
import type { PageSettings } from '#operator/config/page-config.ts';
import { corsConfiguration } from '#operator/gateway/files/bucket-cors.ts';
import type { SessionAnswer } from '#operator/gateway/session/session-routes.ts';
import type { KubeApiServer } from '#support/cluster/kube-api-server.ts';
import { createLedgerDatabase } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import {
  type GatewayBench,
  type GatewayOptions,
  NAMESPACE,
  OTHER_NAMESPACE,
  startGatewayBench,
  type TestGateway,
} from '#support/gateway/gateway.ts';
import {
  AUDIENCE,
  type IdentityProvider,
  PAGE_CLIENT,
  startIdentityProvider,
} from '#support/gateway/identity-provider.ts';
import { findFreePort } from '#support/process/server-process.ts';
import { type S3Server, startS3Server } from '#support/storage/s3-server.ts';
import { cookieHeader, createJar, type Jar } from './cookie-jar.ts';

export { NAMESPACE, OTHER_NAMESPACE } from '#support/gateway/gateway.ts';
export const BUCKET = 'files';
const ENDED_SESSIONS = { namespace: 'system', name: 'ended-sessions' };

export interface SignedIn extends SessionAnswer {
  jar: Jar;
  /** The header Cookie of the page's host. */
  cookie: string;
  /** Sends a request to the page's origin as the page itself does: with cookie, token and the browser's own headers. */
  call(method: string, path: string, options?: { body?: unknown; headers?: Record<string, string> }): Promise<Response>;
}

export interface TestPage extends AsyncDisposable {
  /** http://localhost:port. */
  origin: string;
  gateway: TestGateway;
  bench: GatewayBench;
  api: KubeApiServer;
  provider: IdentityProvider;
  settings: PageSettings;
  oidc: OidcSettings;
  /** Makes the folder of another Secret. */
  makeSecret(sessionKey: string): Promise<string>;
  databaseUrl: string;
  storage: S3Server | null;
  /** Signs a person in by the form of the provider. */
  signIn(user: string, options?: { to?: string; jar?: Jar; origin?: string }): Promise<SignedIn>;
  /** Starts another replica, at an origin of its own. Its pages are at `origin` all the same. */
  startReplica(options?: GatewayOptions): Promise<TestGateway>;
}

export interface PageOptions {
  /** Null: no database. A PostgreSQL of its own when absent. */
  postgres?: Postgres | null;
  /** Null: no storage. An S3 server of its own when absent. */
  storage?: S3Server | null;
  /** The folder of the built page; page/dist when absent. */
  filesFolder?: string;
  settings?: Partial<PageSettings>;
  config?: Partial<GatewayConfig>;
  gateway?: Omit<GatewayOptions, 'config'>;
  /** Whether the provider says everything in the ID token. */
  inToken?: boolean;
}

export async function startPage(options: PageOptions = {}): Promise<TestPage> {
  await using made = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-page-'));
  made.defer(() => rm(folder, { recursive: true, force: true }));
  const makeSecret = async (sessionKey: string) => {
    const path = await mkdtemp(join(folder, 'secret-'));
    await writeFile(join(path, 'session-key'), sessionKey);
    await writeFile(join(path, 'client-secret'), `${PAGE_CLIENT.secret}\n`);
    return path;
  };
  const port = await findFreePort();
  const origin = `http://localhost:${port}`;
  const { inToken = false } = options;
  const provider = made.use(await startIdentityProvider({ pages: [origin], inToken }));
  const postgres =
    options.postgres === undefined ? made.adopt(await startPostgres(), (server) => server.stop()) : options.postgres;
  const databaseUrl =
    postgres === null ? 'postgres://nobody@127.0.0.1:1/nothing' : await createLedgerDatabase(postgres);
  const bench = made.use(await startGatewayBench({ databaseUrl }));
  const storage = options.storage === undefined ? made.use(await startS3Server()) : options.storage;
  if (storage !== null) await prepareStorage(bench, storage, origin);
  bench.api.put('configmaps', { metadata: ENDED_SESSIONS });

  const settings: PageSettings = {
    origin,
    clientId: PAGE_CLIENT.id,
    scopes: 'openid profile email',
    sessionHours: 8,
    secretFolder: await makeSecret('k'.repeat(48)),
    filesFolder: options.filesFolder ?? null,
    endedSessions: ENDED_SESSIONS,
    ...options.settings,
  };
  const oidc = {
    issuer: provider.issuer,
    audience: AUDIENCE,
    userClaim: 'sub',
    groupsClaim: 'groups',
    prefix: 'oidc:',
  };
  const config: Partial<GatewayConfig> = {
    oidc,
    page: settings,
    fileStorage: new Map([['*', { bucket: BUCKET, prefix: 'raw-uploads', publicEndpoint: null }]]),
    ...options.config,
  };
  const gateway = await bench.start({ ...options.gateway, config: { ...config, port } });
  const kept = made.move();
  return {
    origin,
    gateway,
    bench,
    api: bench.api,
    provider,
    settings,
    oidc,
    makeSecret,
    databaseUrl,
    storage,
    signIn: (user, { to, jar = createJar(), origin: at = origin } = {}) =>
      signIn({ origin: at, page: origin, user, to, jar }),
    startReplica: ({ config: more, ...rest } = {}) => bench.start({ ...rest, config: { ...config, port: 0, ...more } }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Each namespace has its keys, and the bucket is there, with the rules by which the page may put files. */
async function prepareStorage({ secret }: GatewayBench, server: S3Server, origin: string): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  for (const namespace of [NAMESPACE, OTHER_NAMESPACE]) {
    secret(namespace, 'batch-upload-s3', {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: region,
      AWS_ENDPOINT_URL_S3: endpoint,
    });
  }
  const s3 = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const CORSConfiguration = corsConfiguration([origin]);
  await s3.send(new PutBucketCorsCommand({ Bucket: BUCKET, CORSConfiguration }));
  s3.destroy();
}

interface SignIn {
  /** Where the gateway is asked. */
  origin: string;
  /** The origin of the page, to which the provider leads back. */
  page: string;
  user: string;
  to?: string | undefined;
  jar: Jar;
}

async function signIn({ origin, page, user, to, jar }: SignIn): Promise<SignedIn> {
  const callback = await beginSignIn({ origin, page, user, to, jar });
  const done = await jar.fetch(callback.href.replace(page, origin));
  if (done.status !== 303) throw new Error(`${user} cannot sign in: ${done.status} ${await done.text()}`);
  const { host, hostname } = new URL(page);
  const cookie = cookieHeader(jar.of(hostname));
  const answer = await jar.fetch(`${origin}/page/session`, { headers: { 'sec-fetch-site': 'same-origin' } });
  const session = (await answer.json()) as SessionAnswer;
  return {
    ...session,
    jar,
    cookie,
    call: (method, path, { body, headers } = {}) =>
      fetch(`${origin}${path}`, {
        method,
        redirect: 'manual',
        headers: {
          host,
          cookie,
          'sec-fetch-site': 'same-origin',
          ...(method === 'GET' ? {} : { 'x-csrf-token': session.csrf, origin: page }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
  };
}

/** Signs in at the provider. @returns the address to which the provider sends the browser back, which is not asked for */
export async function beginSignIn({ origin, page, user, to, jar }: SignIn): Promise<URL> {
  const isCallback = (url: URL) => url.href.startsWith(`${page}/page/callback`);
  const query = to === undefined ? '' : `?${new URLSearchParams({ to })}`;
  const form = await jar.follow(`${origin}/page/login${query}`, isCallback);
  // Who is signed in at the provider is not asked again.
  if (isCallback(form.url)) return form.url;
  const sent = await jar.fetch(form.url, { method: 'POST', body: new URLSearchParams({ user }) });
  const next = sent.headers.get('location');
  if (next === null) throw new Error(`the provider answers ${sent.status}: ${await sent.text()}`);
  const back = await jar.follow(new URL(next, form.url), isCallback);
  return back.url;
}
