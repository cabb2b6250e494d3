/** The file that is loaded: on this machine's disk, in S3, or from the standard input. */
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { InputError } from '#cli/input-error.ts';
import { isPipe, openInput } from '#cli/io/open-input.ts';
import { removeOrphanedCopies } from '#cli/io/orphans.ts';
import type { Terminal } from '#cli/io/terminal.ts';
import { createLocalStore, LOCAL_BUCKET, type LocalStore } from '#runner/node/local-store.ts';
import type { FileStore } from '#runner/storage/file-store.ts';
import type { S3Location } from '#s3/s3-location.ts';

export interface LoadSource extends AsyncDisposable {
  /** The name for messages. */
  name: string;
  location: S3Location;
  store: FileStore;
  /** The bytes that were read so far. */
  bytesRead(): number;
  /** Where canonical copies go. */
  workBucket: string;
}

export interface SourceOptions {
  /** The folder of canonical copies; absent: below the user's cache folder. */
  spool: string | undefined;
  terminal: Terminal;
}

/** @throws InputError, Fault */
export async function openSource(path: string, { spool, terminal }: SourceOptions): Promise<LoadSource> {
  const folder = resolve(
    spool ?? join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'batch-upload', 'spool'),
  );
  await mkdir(folder, { recursive: true }).catch((error) => {
    throw new InputError(`The folder ${folder} could not be made (${error.code}). Name another one with --spool.`);
  });
  await removeOrphanedCopies(folder);
  const local = createLocalStore(folder);
  if (path.startsWith('s3://')) return openS3(path, local);
  if (path !== '-' && !(await isPipe(path))) return fromDisk(resolve(path), path, local);
  const input = await openInput(path, terminal);
  return {
    ...fromDisk(input.path, input.name, local),
    [Symbol.asyncDispose]: async () => {
      await local[Symbol.asyncDispose]();
      await input[Symbol.asyncDispose]();
    },
  };
}

function fromDisk(path: string, name: string, local: LocalStore): LoadSource {
  return {
    name,
    location: { bucket: LOCAL_BUCKET, key: path },
    store: local,
    bytesRead: () => local.bytesRead,
    workBucket: LOCAL_BUCKET,
    [Symbol.asyncDispose]: () => local[Symbol.asyncDispose](),
  };
}

/** Reads the object from S3, with the credentials of the environment; canonical copies stay on this machine. */
async function openS3(uri: string, local: LocalStore): Promise<LoadSource> {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  if (!bucket || !key) throw new InputError(`${uri} names no object. Write s3://bucket/key.`);
  const [{ createS3Client }, { createS3Store }] = await Promise.all([
    import('#s3/client.ts'),
    import('#runner/storage/s3-store.ts'),
  ]);
  const location = { bucket, key };
  const client = createS3Client(location, process.env);
  const remote = createS3Store(client);
  const storeOf = (place: { bucket: string }) => (place.bucket === LOCAL_BUCKET ? local : remote);
  let read = 0;
  return {
    name: basename(key),
    location,
    store: {
      head: (place, retry) => storeOf(place).head(place, retry),
      readInto: (identity, range, retry) => {
        read += range.into.length;
        return storeOf(identity).readInto(identity, range, retry);
      },
      createCopy: (place, retry) => local.createCopy(place, retry),
      removeCopies: (copies, retry) => local.removeCopies(copies, retry),
    },
    bytesRead: () => read,
    workBucket: LOCAL_BUCKET,
    async [Symbol.asyncDispose]() {
      client.destroy();
      await local[Symbol.asyncDispose]();
    },
  };
}
