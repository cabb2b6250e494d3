/** Looks whether the storage of a namespace takes files, and whether web pages may put them there. */
import { GetBucketCorsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { type Clock, sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import { originsOfPages } from '#operator/config/gateway-config.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { GatewayDeps } from '#operator/gateway/model/types.ts';
import { httpStatus } from '#s3/call-storage.ts';
import { findMissingCors } from './bucket-cors.ts';
import { fileStorageOf, type OpenStorage, withStorage } from './storage.ts';

export type CheckDeps = Pick<GatewayDeps, 'config' | 'storage' | 'signal'>;

export interface CorsState {
  /** `NotNeeded`: no pages are configured. `Unknown`: the storage does not tell its rules. */
  status: 'NotNeeded' | 'Allowed' | 'Refused' | 'Unknown';
  message: string;
}

const CHECK_MS = 600_000;
/** A storage that was found good counts as good for this time; a storage that was not is asked again soon. */
const GOOD_MS = 60_000;
const BAD_MS = 5_000;
/** No file has this id, so that the listing is empty and cheap; unlike HEAD, its answer says what is wrong. */
const NO_FILE = '00000000-0000-0000-0000-000000000000';

/** @throws Problem that says why the storage takes no files */
export async function checkStorage(deps: CheckDeps, namespace: string): Promise<CorsState> {
  const { bucket, prefix } = fileStorageOf(deps.config, namespace);
  return withStorage(deps, { namespace, bucket }, async (storage) => {
    const { s3, send } = storage;
    const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: keyOf(prefix, NO_FILE), MaxKeys: 1 });
    await send('', (abortSignal) => s3.send(command, { abortSignal }));
    return readCors(storage, originsOfPages(deps.config));
  });
}

/** The beginning of the keys of a file. */
export function keyOf(prefix: string, id: string, name = ''): string {
  return [...(prefix === '' ? [] : [prefix]), id, name].join('/');
}

async function readCors({ s3, bucket, send }: OpenStorage, origins: readonly string[]): Promise<CorsState> {
  if (origins.length === 0) {
    return { status: 'NotNeeded', message: 'No origins of web pages are configured: only programs put files.' };
  }
  const toDo = `Run: operator print-cors > cors.json && aws s3api put-bucket-cors --bucket ${bucket} --cors-configuration file://cors.json`;
  try {
    const command = new GetBucketCorsCommand({ Bucket: bucket });
    const { CORSRules = [] } = await send('', (abortSignal) => s3.send(command, { abortSignal }));
    const missing = findMissingCors(origins, CORSRules);
    if (missing === null) return { status: 'Allowed', message: 'Web pages may put files.' };
    const message = `Web pages cannot put files into the bucket ${bucket}: ${missing}. ${toDo}`;
    return { status: 'Refused', message };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const status = httpStatus(error);
    if (status === 404 && error.reason !== 'BucketNotFound') {
      return {
        status: 'Refused',
        message: `Web pages cannot put files into the bucket ${bucket}: it has no CORS rules. ${toDo}`,
      };
    }
    // Without the right to read the rules, or where a server has one rule for all buckets, pages may still put files.
    if (status === 403 || status === 501 || status === 405) {
      return {
        status: 'Unknown',
        message: `The CORS rules of the bucket ${bucket} cannot be read (HTTP ${status}), so that nobody knows whether web pages may put files. Allow s3:GetBucketCORS to the access keys, or check the rules yourself. ${toDo}`,
      };
    }
    throw error;
  }
}

/** Keeps the last answer of each namespace for a while. */
export function createStorageCheck(deps: CheckDeps & { clock: Clock }): (namespace: string) => Promise<CorsState> {
  const answers = new Map<string, { state: Promise<CorsState>; until: number }>();
  return (namespace) => {
    const known = answers.get(namespace);
    if (known && deps.clock.monotonic() < known.until) return known.state;
    const entry = { state: checkStorage(deps, namespace), until: deps.clock.monotonic() + GOOD_MS };
    answers.set(namespace, entry);
    entry.state.catch(() => {
      entry.until = deps.clock.monotonic() + BAD_MS;
    });
    return entry.state;
  };
}

/** Logs what is wrong at the start and when it changes, until the signal aborts; never throws. */
export async function watchStorages(
  deps: CheckDeps & Pick<GatewayDeps, 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  const { config, clock, log } = deps;
  const told = new Map<string, string>();
  while (!signal.aborted) {
    for (const namespace of config.namespaces) {
      if (signal.aborted) return;
      if (!config.fileStorage.has(namespace) && !config.fileStorage.has('*')) continue;
      const wrong = await checkStorage(deps, namespace).then(
        ({ status, message }) => (status === 'Refused' || status === 'Unknown' ? message : null),
        (error: unknown) => (error instanceof Problem ? error.message : String(error)),
      );
      if (wrong !== null && told.get(namespace) !== wrong) {
        log.warn({ namespace, detail: wrong }, 'the storage of a namespace is not ready for files');
      }
      if (wrong === null && told.has(namespace))
        log.info({ namespace }, 'the storage of a namespace is ready for files');
      if (wrong === null) told.delete(namespace);
      else told.set(namespace, wrong);
    }
    await sleep(clock, CHECK_MS, signal);
  }
}
