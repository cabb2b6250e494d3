/** Senders of the API on the cluster who are not service accounts: a user of an identity provider, and a partner's machine. */
import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANNOTATIONS } from '#api/labels.ts';
import { isFinished } from '#support/cluster/cluster.ts';
import { createE2e, type E2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';
import { itemsSchema, schemaManifest } from '#support/cluster/manifests.ts';
import { startGatewayProcess } from '#support/gateway/gateway-process.ts';
import { AUDIENCE, startIdentityProvider } from '#support/gateway/identity-provider.ts';
import { createSenders } from '#support/gateway/senders.ts';
import { sign } from '#support/gateway/sign.ts';

const FILE = 'k,v\n1,a\n2,b,too many\n3,c\n';

let e2e: E2e;
beforeAll(async () => {
  e2e = await createE2e();
});
afterAll(() => e2e?.close());

/** One request of a sender, below the path of the namespace. */
type Call = (method: string, path: string, body?: object) => Promise<Response>;

/** A schema with a table, and bindings of roles to names that are no service accounts; all of it goes at the end. */
async function prepare(stack: AsyncDisposableStack) {
  const schema = e2e.unique('senders');
  const table = schema.replaceAll('-', '_');
  const kubectl = (...args: string[]) => e2e.cluster.kubectl('-n', NAMESPACE, ...args);
  stack.defer(async () => {
    await kubectl('delete', 'batchuploads', '-l', `schema=${schema}`, '--ignore-not-found');
    await kubectl('delete', 'rolebinding', '-l', `schema=${schema}`);
    await kubectl('delete', 'recordschema', schema, '--ignore-not-found');
    await e2e.db.query(`DROP TABLE IF EXISTS ${table}`);
  });
  await e2e.cluster.apply(schemaManifest(NAMESPACE, schema, itemsSchema(table)));
  return {
    schema,
    kubectl,
    async bind(role: string, kind: 'User' | 'Group', name: string) {
      await e2e.cluster.apply({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { namespace: NAMESPACE, name: e2e.unique(role), labels: { schema } },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind, name }],
      });
    },
    async rows() {
      const { rows } = await e2e.db.query(`SELECT k || '=' || v AS row FROM ${table} ORDER BY k`);
      return rows.map(({ row }) => row);
    },
  };
}

interface Place {
  id: string;
  bucket: string;
  key: string;
  put: { url: string; headers: Record<string, string> };
}

async function json<T>(answer: Response): Promise<T> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${text}`);
  return JSON.parse(text) as T;
}

/** Asks for a place and puts the file there. */
async function putFile(call: Call): Promise<Place> {
  const place = await json<Place>(await call('POST', 'files', { name: 'people.csv', size: FILE.length }));
  const put = await fetch(place.put.url, { method: 'PUT', headers: place.put.headers, body: FILE });
  expect([put.status, await put.text()]).toEqual([200, '']);
  return place;
}

/** Registers the file. @returns the name of the upload, which gets the label by which it is deleted. */
async function register(call: Call, { id }: Place, schema: string): Promise<string> {
  const { name } = await json<{ name: string }>(await call('POST', 'uploads', { file: id, schema }));
  await e2e.cluster.kubectl('-n', NAMESPACE, 'label', 'batchupload', name, `schema=${schema}`);
  return name;
}

/** Waits for the end of the upload, whose file is {@link FILE}, and looks at what became of it. */
async function expectLoaded(name: string, creator: string) {
  const finished = await e2e.cluster.waitForUpload(NAMESPACE, name, isFinished);
  expect(finished.status).toMatchObject({ phase: 'Complete', records: { total: 3, succeeded: 2, failed: 1 } });
  expect(finished.metadata).toMatchObject({ annotations: { [ANNOTATIONS.createdBy]: creator } });
  return finished.spec.source.s3;
}

describe('a user of an identity provider, in a bucket with versions', () => {
  it('loads what he has put, sees what his groups may see, and is nobody of Kubernetes', async () => {
    await using stack = new AsyncDisposableStack();
    const { schema, bind, kubectl, rows } = await prepare(stack);
    const [alice, bob, mallory, staff] = ['alice', 'bob', 'mallory', 'staff'].map(e2e.unique) as [
      string,
      string,
      string,
      string,
    ];
    await bind('batch-upload-uploader', 'User', `oidc:${alice}`);
    await bind('view', 'Group', `oidc:${staff}`);
    const provider = stack.use(await startIdentityProvider({ clients: [alice, bob, mallory] }));
    const bucket = await createVersionedBucket(stack);
    const storage = { [NAMESPACE]: { bucket, publicEndpoint: e2e.cluster.env.AWS_ENDPOINT_URL_S3 } };
    const { origin } = stack.use(
      await startGatewayProcess(e2e.cluster, {
        BATCH_UPLOAD_GATEWAY_OIDC: JSON.stringify({ issuer: provider.issuer, audience: AUDIENCE }),
        BATCH_UPLOAD_GATEWAY_STORAGE: JSON.stringify(storage),
      }),
    );
    const callAs =
      (token: string): Call =>
      (method, path, body) =>
        send(`${origin}/v1/namespaces/${NAMESPACE}/${path}`, { method, body, authorization: `Bearer ${token}` });

    const asAlice = callAs(await provider.token({ client: alice }));
    const place = await putFile(asAlice);
    const name = await register(asAlice, place, schema);
    // Somebody with the keys of the bucket puts another file in its place: the upload loads the version that was registered.
    const { cluster } = e2e;
    await cluster.s3.send(new PutObjectCommand({ Bucket: bucket, Key: place.key, Body: 'k,v\n9,other\n' }));
    expect(await expectLoaded(name, `oidc:${alice}`)).toMatchObject({ bucket, versionId: expect.any(String) });
    expect(await rows()).toEqual(['1=a', '3=c']);

    const statuses = async (call: Call) =>
      Promise.all(['', '/errors'].map(async (path) => (await call('GET', `uploads/${name}${path}`)).status));
    expect(await statuses(asAlice)).toEqual([200, 200]);
    // The role view shows uploads, and no failed records.
    expect(await statuses(callAs(await provider.token({ client: bob, groups: [staff] })))).toEqual([200, 403]);
    const asMallory = callAs(await provider.token({ client: mallory, groups: ['system:masters'] }));
    expect(await statuses(asMallory)).toEqual([403, 403]);
    expect((await asMallory('POST', 'files', { name: 'a.csv', size: 1 })).status).toBe(403);

    // A token for another service, and one that the provider has not signed.
    const other = await provider.token({ client: alice, audience: 'https://other.example.com' });
    const changed = (await provider.token({ client: alice })).replace(/\.[^.]+$/, '.AAAA');
    for (const token of [other, changed]) expect(await statuses(callAs(token))).toEqual([401, 401]);
    // The gateways of the cluster do not know the provider.
    const { origin: clusterOrigin } = stack.use(await createSenders(e2e));
    const unknown = await send(`${clusterOrigin}/v1/namespaces/${NAMESPACE}/uploads`, {
      authorization: `Bearer ${await provider.token({ client: alice })}`,
    });
    expect(unknown.status).toBe(401);
    expect(await kubectl('get', 'batchuploads', '-l', `schema=${schema}`, '-o', 'name')).toBe(
      `batchupload.batchupload.dev/${name}\n`,
    );
  });
});

describe('a partner', () => {
  it('signs requests, each of which works once and as it was signed, in this namespace alone', async () => {
    await using stack = new AsyncDisposableStack();
    const { schema, bind, rows } = await prepare(stack);
    const { origin } = stack.use(await createSenders(e2e));
    const keyId = e2e.unique('acme');
    const key = randomBytes(48).toString('base64');
    await addPartner(stack, keyId, key);
    await bind('batch-upload-uploader', 'User', `batchupload:partner:${NAMESPACE}:${keyId}`);

    const signed = (method: string, path: string, body?: string, namespace = NAMESPACE) => {
      const url = new URL(`${origin}/v1/namespaces/${namespace}/${path}`);
      const headers = sign({ method, url, body, key, keyId });
      return (sent = body) => fetch(url, { method, headers, ...(sent === undefined ? {} : { body: sent }) });
    };
    const call: Call = (method, path, body) => signed(method, path, body && JSON.stringify(body))();
    // A gateway that has just looked for the Secret looks again within half a minute.
    await eventuallyTrue(async () => (await call('GET', 'schemas')).ok, 'the key of the partner is not known');

    const place = await putFile(call);
    const registration = JSON.stringify({ file: place.id, schema });
    // Another body than the signed one, and the same key in another namespace.
    const refused = [
      await signed('POST', 'uploads', registration)(registration.replace(schema, 'people')),
      await signed('POST', 'uploads', registration, 'default')(),
    ];
    expect(refused.map(({ status }) => status)).toEqual([401, 401]);
    const name = await register(call, place, schema);
    await expectLoaded(name, `batchupload:partner:${NAMESPACE}:${keyId}`);
    expect(await rows()).toEqual(['1=a', '3=c']);
    expect(await (await call('GET', `uploads/${name}/errors.csv`)).text()).toContain('VAL_010');

    // The Service sends the repetitions to both gateways.
    const once = signed('DELETE', `uploads/${name}`);
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await once()).status));
    expect(statuses.filter((status) => status !== 401)).toEqual([expect.toBeOneOf([200, 202, 204])]);
  });
});

function send(
  url: string,
  { method = 'GET', body, authorization }: { method?: string; body?: object | undefined; authorization: string },
): Promise<Response> {
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const headers = { authorization, ...type };
  return fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

async function createVersionedBucket(stack: AsyncDisposableStack): Promise<string> {
  const { s3 } = e2e.cluster;
  const Bucket = e2e.unique('versions');
  await s3.send(new CreateBucketCommand({ Bucket }));
  stack.defer(async () => {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    if (Objects.length > 0) await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    await s3.send(new DeleteBucketCommand({ Bucket }));
  });
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  return Bucket;
}

/** Only this file makes the Secret with the keys of partners, which has one name in every namespace. */
async function addPartner(stack: AsyncDisposableStack, keyId: string, key: string): Promise<void> {
  const metadata = { namespace: NAMESPACE, name: 'batch-upload-partners' };
  stack.defer(async () => {
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'secret', metadata.name, '--ignore-not-found');
  });
  await e2e.cluster.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { [keyId]: key } });
}
