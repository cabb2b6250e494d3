/** Registers a file: makes the BatchUpload that loads it. */
import { findColumnFault } from '#api/file-schema.ts';
import { BATCH_UPLOADS, type BatchUpload, RECORD_SCHEMAS, type RecordSchema } from '#kube/custom-resources.ts';
import { isAlreadyExists, KubeError } from '#kube/errors.ts';
import { mayList } from '#operator/gateway/access/may-list.ts';
import type { FileUpload } from '#operator/gateway/files/pin-file.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { Identity } from '#operator/gateway/model/types.ts';
import { checkAllowed } from '#operator/tenancy/allow-list.ts';
import { askedSpec, buildUpload, isSameRequest, uploadNameOf } from './build-upload.ts';
import { creatorOf, fileIdOf } from './represent-upload.ts';
import { FILES, type UploadDeps } from './upload-deps.ts';
import type { NewUpload } from './upload-schemas.ts';

export interface Registration {
  namespace: string;
  identity: Identity;
  scope: 'All' | 'Own';
  request: NewUpload;
}

const CALL_MS = 15_000;
/** GET uploads/watch is the watch of all uploads. */
const RESERVED_NAME = 'watch';
const MOST_NAMES = 20;

/**
 * The file is marked before the upload is made, so that it is never removed as left over. When this process dies in
 * between, the same request makes the upload.
 * @returns whether this call has made the upload.
 * @throws Problem, Fault, KubeError
 */
export async function createUpload(
  deps: UploadDeps,
  registration: Registration,
): Promise<{ upload: BatchUpload; isNew: boolean }> {
  const { client, files = FILES } = deps;
  const { namespace, identity, scope, request } = registration;
  const name = uploadNameOf(request);
  if (name === RESERVED_NAME) throw unprocessable('/name', `${name} is not a name for an upload: choose another one.`);
  const stored = await client.find(BATCH_UPLOADS, { namespace, name }, { timeoutMs: CALL_MS });
  if (stored) return { upload: assertSame(stored, registration), isNew: false };

  await checkSchema(deps, registration);
  const refusal = checkAllowed(namespace, askedSpec(request), deps.config);
  if (refusal) throw unprocessable('/target/databaseSecretRef', refusal.message);
  const file = await files.pinFile(deps, { namespace, id: request.file, identity, scope, eTag: request.eTag });
  const upload = buildUpload(request, { namespace, creator: identity.user, file });
  const ref = { namespace, id: request.file, uploadName: name };
  const { until } = await files.markRegistered(deps, ref);
  let made: BatchUpload;
  try {
    made = await client.create(BATCH_UPLOADS, upload, { timeoutMs: CALL_MS });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const other = await find(deps, ref);
    if (other === 'unknown') throw error;
    if (other === null || fileIdOf(other) !== request.file)
      await settle(deps, ref, () => files.unmark(deps, { ...ref, until }));
    if (other === null || !isAlreadyExists(error)) throw error;
    return { upload: assertSame(other, registration), isNew: false };
  }
  await settle(deps, ref, () => files.confirmMade(deps, ref));
  return { upload: made, isNew: true };
}

/**
 * The API server has looked at the upload and will not have it: the name is taken, or a quota, a policy or a rule of the
 * CRD is against it. After every other error nobody knows yet whether the upload was made.
 */
function isRefusal(error: unknown): boolean {
  return error instanceof KubeError && error.status >= 400 && error.status < 500 && error.status !== 408;
}

/** The upload of this name, null when there is none. What has happened before is what the sender must hear. */
async function find(deps: UploadDeps, { namespace, uploadName }: FileUpload): Promise<BatchUpload | null | 'unknown'> {
  try {
    return (await deps.client.find(BATCH_UPLOADS, { namespace, name: uploadName }, { timeoutMs: CALL_MS })) ?? null;
  } catch {
    return 'unknown';
  }
}

/** What could not be recorded is found out some minutes later, by the round that removes left files. */
async function settle({ log }: UploadDeps, file: FileUpload, record: () => Promise<unknown>): Promise<void> {
  try {
    const isRecorded = await record();
    if (isRecorded === false) log.warn({ ...file }, 'a file was given up or removed while its upload was made');
  } catch (err) {
    log.warn({ err, ...file }, 'what became of a registered file could not be recorded yet');
  }
}

/** The upload exists: either this is the same request once more, or the name is taken. @throws Problem conflict */
function assertSame(upload: BatchUpload, { namespace, identity, request }: Registration): BatchUpload {
  const { name, deletionTimestamp } = upload.metadata;
  if (creatorOf(upload) !== identity.user || fileIdOf(upload) !== request.file) {
    throw conflict(`There is an upload ${name} in the namespace ${namespace} already. Choose another name.`);
  }
  if (deletionTimestamp !== undefined) {
    throw new Problem('conflict', {
      detail: `The upload ${name} is being deleted. Send the request again when it is gone.`,
      retryAfterSeconds: 5,
    });
  }
  if (isSameRequest(upload, request)) return upload;
  throw conflict(
    `The file is registered as the upload ${name} already, with other options or another ETag, which nobody can change. To load it in another way delete that upload, or put the file again.`,
  );
}

/** @throws Problem when there is no such schema, or when it cannot be used */
async function checkSchema(deps: UploadDeps, registration: Registration): Promise<void> {
  const { namespace, request } = registration;
  const { schema: name, format = {} } = request;
  // Another replica, or this one a moment later, may know a schema that was made just now.
  const schema =
    deps.schemas.get(`${namespace}/${name}`) ??
    (await deps.client.find(RECORD_SCHEMAS, { namespace, name }, { timeoutMs: CALL_MS }));
  if (schema === undefined) {
    const there = await describeSchemas(deps, registration);
    throw unprocessable('/schema', `There is no RecordSchema ${name} in the namespace ${namespace}. ${there}`);
  }
  const why = findFault(schema);
  if (why !== null)
    throw unprocessable('/schema', `The RecordSchema ${name} cannot be used until it is mended: ${why}`);
  const misfit = findColumnFault(schema.spec, format);
  if (misfit !== null)
    throw unprocessable('/format/columns', `The columns do not fit the RecordSchema ${name}: ${misfit}.`);
}

/** Names the schemas to those who may list them. */
async function describeSchemas(
  { schemas, authorizer }: UploadDeps,
  { namespace, identity }: Registration,
): Promise<string> {
  if (!(await mayList(authorizer, identity, { resource: 'recordschemas', namespace })))
    return "Ask the namespace's administrator for the name of yours.";
  const names = [...schemas.values()]
    .filter(({ metadata }) => metadata.namespace === namespace)
    .map(({ metadata }) => metadata.name)
    .sort();
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return `There are: ${names.slice(0, MOST_NAMES).join(', ') || 'none'}${more}.`;
}

/** What is wrong with the schema as it is now; null when nothing is known to be wrong. */
function findFault({ metadata, status }: RecordSchema): string | null {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'False' || (ready.observedGeneration ?? 0) < (metadata.generation ?? 0)) return null;
  return ready.message;
}

const conflict = (detail: string) => new Problem('conflict', { detail });
const unprocessable = (pointer: string, detail: string) =>
  new Problem('unprocessable', { detail, errors: [{ pointer, detail }] });
