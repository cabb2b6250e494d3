/**
 * The staff page on the running cluster: a gateway that runs from the sources beside those of the cluster, with an identity
 * provider at which people sign in, and a bucket that the page may put files into.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  PutBucketCorsCommand,
} from '@aws-sdk/client-s3';
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { corsConfiguration } from '#operator/gateway/files/bucket-cors.ts';
import { type E2e, NAMESPACE } from '#support/cluster/e2e.ts';
import { startGatewayProcess } from '#support/gateway/gateway-process.ts';
import { AUDIENCE, PAGE_CLIENT, startIdentityProvider } from '#support/gateway/identity-provider.ts';
import { findFreePort } from '#support/process/server-process.ts';
import { startBrowser } from './chromium.ts';
import { buildPage } from './wizard.ts';

export interface ClusterPage extends AsyncDisposable {
  origin: string;
  /** Lets a person do with uploads what the roles say. @returns the name with which the person signs in */
  addPerson(...roles: string[]): Promise<string>;
  /** Opens a browser of the person's own, signed in, at the path. */
  open(person: string, path: string, options?: BrowserContextOptions): Promise<{ context: BrowserContext; tab: Page }>;
  /** Writes a file to the disk. @returns its path */
  write(name: string, content: string): Promise<string>;
}

export async function startClusterPage(e2e: E2e): Promise<ClusterPage> {
  await using made = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-page-'));
  made.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'session-key'), 'k'.repeat(48));
  await writeFile(join(folder, 'client-secret'), PAGE_CLIENT.secret);
  const port = await findFreePort();
  const origin = `http://localhost:${port}`;
  const provider = made.use(await startIdentityProvider({ pages: [origin] }));
  const bucket = await createBucket(e2e, made, origin);
  const storage = { [NAMESPACE]: { bucket, publicEndpoint: e2e.cluster.env.AWS_ENDPOINT_URL_S3 } };
  const settings = {
    BATCH_UPLOAD_GATEWAY_OIDC: JSON.stringify({ issuer: provider.issuer, audience: AUDIENCE }),
    BATCH_UPLOAD_GATEWAY_STORAGE: JSON.stringify(storage),
    BATCH_UPLOAD_GATEWAY_PAGE: JSON.stringify({ origin, clientId: PAGE_CLIENT.id }),
    BATCH_UPLOAD_GATEWAY_PAGE_SECRET_FOLDER: folder,
    BATCH_UPLOAD_GATEWAY_PAGE_FILES: await buildPage(),
  };
  made.use(await startGatewayProcess(e2e.cluster, settings, port));
  const chromium = made.use(await startBrowser());
  const label = e2e.unique('page');
  made.defer(async () => {
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'rolebinding', '-l', `page=${label}`);
  });
  const kept = made.move();
  return {
    origin,
    async addPerson(...roles) {
      const person = e2e.unique('person');
      const bindings = roles.map((role) => ({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { namespace: NAMESPACE, name: `${person}-${role}`, labels: { page: label } },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: `oidc:${person}` }],
      }));
      await e2e.cluster.apply(...bindings);
      return person;
    },
    async open(person, path, options) {
      const context = await chromium.open(options);
      const tab = await context.newPage();
      await tab.goto(`${origin}/page/login?${new URLSearchParams({ to: path })}`);
      await tab.getByRole('textbox').fill(person);
      await tab.getByRole('button').first().click();
      await tab.waitForURL(`${origin}${path}`);
      return { context, tab };
    },
    async write(name, content) {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** A bucket into which browsers may put files from the page. It goes at the end. */
async function createBucket(
  { cluster: { s3 }, unique }: E2e,
  made: AsyncDisposableStack,
  origin: string,
): Promise<string> {
  const Bucket = unique('page');
  await s3.send(new CreateBucketCommand({ Bucket }));
  made.defer(async () => {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    const Objects = Contents.map(({ Key }) => ({ Key }));
    if (Objects.length > 0) await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    await s3.send(new DeleteBucketCommand({ Bucket }));
  });
  await s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: corsConfiguration([origin]) }));
  return Bucket;
}
