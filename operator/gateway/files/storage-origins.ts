/** The origins of the storage as browsers reach it: a page may send files there, and nowhere else. */
import { sleep } from '#common/clock.ts';
import type { GatewayDeps } from '#operator/gateway/model/types.ts';
import { signerFor, signForm, signPut } from './sign.ts';
import { fileStorageOf, withStorage } from './storage.ts';

/** An endpoint that changes in a Secret is known after this time. */
const KEPT_MS = 60_000;
/** A page does not wait longer for a storage that cannot be asked. */
const WAIT_MS = 3_000;
/** A file that is never put: its signed addresses say where files go. */
const NOTHING = { key: 'nothing', size: 1, sizeIsLimit: false, contentType: 'text/csv', checksum: null };

type Deps = Pick<GatewayDeps, 'config' | 'storage' | 'clock' | 'signal' | 'log'>;

/** @returns the origins, sorted; those of the last time while a Secret cannot be read. */
export function createStorageOrigins(deps: Deps): () => Promise<readonly string[]> {
  const { config, clock, signal } = deps;
  const known = new Map<string, readonly string[]>();
  let asked: { all: Promise<unknown>; until: number } | null = null;
  const ask = () =>
    Promise.all(
      config.namespaces.map(async (namespace) => {
        const found = await findOrigins(deps, namespace).catch((err) => {
          deps.log.info(
            { err, namespace },
            'the address of the storage is not known: its page cannot send files there',
          );
          return null;
        });
        if (found !== null) known.set(namespace, found);
      }),
    );
  return async () => {
    if (asked === null || clock.monotonic() >= asked.until) {
      asked = { all: ask(), until: clock.monotonic() + KEPT_MS };
    }
    await Promise.race([asked.all, sleep(clock, WAIT_MS, signal)]);
    return [...new Set([...known.values()].flat())].sort();
  };
}

async function findOrigins(deps: Deps, namespace: string): Promise<string[]> {
  const { bucket, publicEndpoint } = fileStorageOf(deps.config, namespace);
  return withStorage(deps, { namespace, bucket }, async ({ s3 }) => {
    const signing = { signer: signerFor(s3, publicEndpoint), at: deps.clock.now(), seconds: 60 };
    const file = { ...NOTHING, bucket };
    const [put, form] = await Promise.all([signPut(signing, file), signForm(signing, file)]);
    return [new URL(put.url).origin, new URL(form.url).origin];
  });
}
