/** Gives a sender a place for a file, and the requests that are signed for the place. */
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { countUnregistered, type FileRow, insertFile, KEPT_HOURS } from '#ledger/gateway/files.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { withLedger } from '#operator/gateway/http/with-ledger.ts';
import type { FileLimits, GatewayDeps, Identity } from '#operator/gateway/model/types.ts';
import { keyOf } from './check-storage.ts';
import { refuseChecksum } from './checksums.ts';
import { refuseFileName } from './file-name.ts';
import { DEFAULT_TYPE, type FileAnswer, MAX_PARTS_AT_ONCE } from './file-schemas.ts';
import { abortMultipart, createMultipart, isMultipart, type MultipartFile } from './multipart.ts';
import { choosePartSize, countParts } from './parts.ts';
import { type SignedFile, type Signing, signerFor, signForm, signPart, signPut } from './sign.ts';
import { fileStorageOf, type OpenStorage, withStorage } from './storage.ts';

const FILE_LIMITS: FileLimits = { onePutBytes: 100_000_000, partBytes: 16 * 1024 ** 2, unregistered: 10_000 };

export const limitsOf = ({ fileLimits }: Pick<GatewayDeps, 'fileLimits'>) => fileLimits ?? FILE_LIMITS;

/** Time in which a signed request must begin. It is over long before a file that nobody registered is removed. */
const URL_SECONDS = 3600;

export interface AskedFile {
  name: string;
  size: number;
  /** True: the sender does not know the size, which is `size` at most. The file is then put by a form. */
  sizeIsLimit?: boolean;
  contentType?: string;
  checksum?: { algorithm: string; value: string };
}

export async function makePlace(
  deps: GatewayDeps,
  { namespace, identity, asked }: { namespace: string; identity: Pick<Identity, 'user'>; asked: AskedFile },
): Promise<FileAnswer> {
  const limits = limitsOf(deps);
  const inParts = asked.size > limits.onePutBytes;
  const { bucket, prefix } = fileStorageOf(deps.config, namespace);
  const id = randomUUID();
  const file = {
    id,
    creator: identity.user,
    bucket,
    key: keyOf(prefix, id, asked.name),
    fileName: asked.name,
    contentType: asked.contentType ?? DEFAULT_TYPE,
    size: asked.size,
    sizeIsLimit: asked.sizeIsLimit ?? false,
    checksum: asked.checksum ?? null,
    multipart: null,
  };
  return withStorage(deps, { namespace, bucket }, async (storage) => {
    const insert = (multipart: FileRow['multipart']) =>
      withLedger(deps, namespace, (client, scope) => insertFile(client, scope, { ...file, multipart }));
    if (inParts) {
      const multipart = {
        id: await createMultipart(storage, file),
        partSize: choosePartSize(file.size, limits.partBytes),
      };
      try {
        return represent(await insert(multipart));
      } catch (error) {
        // Without a row nobody would ever abort the multipart upload.
        await abortMultipart(storage, { ...file, multipart } as MultipartFile).catch(() => undefined);
        throw error;
      }
    }
    // What cannot be signed leaves no row.
    const signed = await signWays(deps, namespace, storage, file);
    return { ...represent(await insert(null)), ...signed };
  });
}

/** @throws Problem unprocessable for a name that no file may have, invalid-request for a checksum that is none */
export function checkAsked(deps: Pick<GatewayDeps, 'fileLimits'>, { name, size, checksum }: AskedFile): void {
  const inParts = size > limitsOf(deps).onePutBytes;
  const wrong = [
    { pointer: '/name', detail: refuseFileName(name) },
    { pointer: '/checksum', detail: checksum ? refuseChecksum(checksum, { inParts }) : null },
  ].flatMap(({ pointer, detail }) => (detail === null ? [] : [{ pointer, detail }]));
  const [first] = wrong;
  if (first === undefined) return;
  const [type, what] =
    first.pointer === '/name'
      ? (['unprocessable', 'The name of the file'] as const)
      : (['invalid-request', 'The checksum of the file'] as const);
  throw new Problem(type, { detail: `${what} ${first.detail}.`, errors: wrong });
}

/** Each row costs the removal some requests to the storage. @throws Problem too-many-requests */
export async function checkUnregistered(deps: GatewayDeps, namespace: string, creator: string): Promise<void> {
  const limit = limitsOf(deps).unregistered;
  const count = await withLedger(deps, namespace, (client, scope) =>
    countUnregistered(client, { ...scope, creator, limit }),
  );
  if (count < limit) return;
  throw new Problem('too-many-requests', {
    detail: `${creator} has asked for ${limit} files in the namespace ${namespace} within a day that no upload loads. Register the files that were put, and ask for a place only when a file is to be put: what is not registered counts for ${KEPT_HOURS} hours.`,
    retryAfterSeconds: 3600,
  });
}

async function signWays(
  deps: GatewayDeps,
  namespace: string,
  storage: OpenStorage,
  file: SignedFile,
): Promise<Pick<FileAnswer, 'put' | 'form'>> {
  const { signing, expiresAt } = startSigning(deps, namespace, storage);
  return storage.send(file.key, async () => ({
    // The length of a PUT is signed.
    ...(file.sizeIsLimit ? {} : { put: { ...(await signPut(signing, file)), expiresAt } }),
    form: { ...(await signForm(signing, file)), expiresAt },
  }));
}

/**
 * Signs the form of a file that was asked for before.
 * @param redirect where the storage sends the browser when the file has arrived
 * @throws Problem conflict when the place has expired, unavailable
 */
export async function signFormOf(
  deps: GatewayDeps,
  { namespace, file, redirect }: { namespace: string; file: FileRow; redirect: string },
): Promise<NonNullable<FileAnswer['form']>> {
  return withStorage(deps, { namespace, bucket: file.bucket }, async (storage) => {
    const { signing, expiresAt } = startSigning(deps, namespace, storage, expiryOf(file).getTime());
    if (signing.seconds < 1) throw placeExpired(file);
    return storage.send(file.key, async () => ({ ...(await signForm(signing, file, redirect)), expiresAt }));
  });
}

const placeExpired = ({ id }: Pick<FileRow, 'id'>) =>
  new Problem('conflict', { detail: `The place of the file ${id} has expired. Ask for a new place.` });

function startSigning(
  { config, clock }: GatewayDeps,
  namespace: string,
  { s3 }: OpenStorage,
  until = Number.POSITIVE_INFINITY,
) {
  const { publicEndpoint } = fileStorageOf(config, namespace);
  const at = clock.now();
  const seconds = Math.min(URL_SECONDS, Math.floor((until - at) / 1000));
  const signing: Signing = { signer: signerFor(s3, publicEndpoint), at, seconds };
  return { signing, expiresAt: new Date(at + seconds * 1000).toISOString() };
}

export interface AskedParts {
  numbers: readonly number[];
  checksums?: readonly string[];
}

/** @throws Problem invalid-request, conflict when the place has expired */
export async function signParts(deps: GatewayDeps, namespace: string, file: MultipartFile, asked: AskedParts) {
  const { bucket, key } = file;
  const parts = checkAskedParts(file, asked);
  const until = expiryOf(file).getTime();
  return withStorage(deps, { namespace, bucket }, async (storage) => {
    const { signing, expiresAt } = startSigning(deps, namespace, storage, until);
    if (signing.seconds < 1) throw placeExpired(file);
    const signed = await storage.send(key, async () => {
      const done: Awaited<ReturnType<typeof signPart>>[] = [];
      for (const part of parts) {
        done.push(await signPart(signing, file, part));
        // A signature takes a millisecond or two of the processor, and waits for nothing: other requests come in between.
        await setImmediate();
      }
      return done;
    });
    return { parts: signed, expiresAt };
  });
}

function checkAskedParts({ id, size, multipart, checksum }: MultipartFile, { numbers, checksums }: AskedParts) {
  const count = countParts({ size, partSize: multipart.partSize });
  const refuse = (pointer: string, detail: string): never => {
    throw new Problem('invalid-request', {
      detail: `The parts of the file ${id} ${detail}.`,
      errors: [{ pointer, detail }],
    });
  };
  const wrong = numbers.filter((number) => number > count);
  if (wrong.length > 0) refuse('/numbers', `are 1 to ${count}: there is no part ${wrong.join(', ')}`);
  if (checksums === undefined) return numbers.map((number) => ({ number, checksum: null }));
  if (checksum === null) return refuse('/checksums', 'have checksums only where the file has one');
  if (checksums.length !== numbers.length) refuse('/checksums', 'need as many checksums as numbers');
  return numbers.map((number, i) => {
    const own = { algorithm: checksum.algorithm, value: checksums[i]! };
    const fault = refuseChecksum(own, { inParts: true });
    return fault === null ? { number, checksum: own } : refuse(`/checksums/${i}`, `have a wrong checksum: it ${fault}`);
  });
}

export const expiryOf = ({ createdAt }: Pick<FileRow, 'createdAt'>) =>
  new Date(createdAt.getTime() + KEPT_HOURS * 3_600_000);

export function represent(file: FileRow): FileAnswer {
  const { id, bucket, key, size, contentType, checksum, state, uploadName, createdAt } = file;
  return {
    id,
    name: file.fileName,
    key,
    bucket,
    size,
    contentType,
    ...(checksum === null ? {} : { checksum: checksum as NonNullable<FileAnswer['checksum']> }),
    state,
    ...(uploadName === null ? {} : { uploadName }),
    createdAt: createdAt.toISOString(),
    expiresAt: expiryOf(file).toISOString(),
    ...(isMultipart(file)
      ? {
          multipart: {
            partSize: file.multipart.partSize,
            parts: countParts({ size, partSize: file.multipart.partSize }),
            partsAtOnce: MAX_PARTS_AT_ONCE,
          },
        }
      : {}),
  };
}
