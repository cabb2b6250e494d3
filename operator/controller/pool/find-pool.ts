/** Finds the pool of warm pods that can serve an upload. */
import { databaseSecretName, s3SecretName } from '#api/names.ts';
import type { Clock } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { KubeClient } from '#kube/types.ts';
import type { RunnerSettings } from '#operator/config/runner-settings.ts';
import { type PoolPlan, planPool } from '#operator/jobs/pool-job.ts';
import { findSecret, type SecretRef } from '#operator/tenancy/databases.ts';

export interface PoolFinderDeps {
  client: Pick<KubeClient, 'find'>;
  clock: Clock;
  settings: RunnerSettings;
  clusterId: string;
  findServiceAccount: (namespace: string) => Promise<string | null>;
}

/** @returns null where the upload needs a Job of its own */
export type FindPool = (upload: BatchUpload, signal: AbortSignal) => Promise<PoolPlan | null>;

/**
 * Time for which the version of a Secret is reused, in ms. A warm pod of the content before fails once the content is wrong, and
 * the uploads then get Jobs of their own.
 */
const REUSE_MS = 5_000;

export function createPoolFinder({ client, clock, settings, clusterId, findServiceAccount }: PoolFinderDeps): FindPool {
  const versions = new Map<string, { at: number; version: Promise<string> }>();

  async function readVersion(ref: SecretRef, signal: AbortSignal): Promise<string> {
    const secret = await findSecret({ client, program: 'operator' }, ref, signal);
    const { uid, resourceVersion } = secret?.metadata ?? {};
    return `${uid ?? 'none'}/${resourceVersion ?? ''}`;
  }

  function findVersion(ref: SecretRef, signal: AbortSignal): Promise<string> {
    const key = `${ref.namespace}/${ref.name}`;
    const now = clock.monotonic();
    const known = versions.get(key);
    if (known && now - known.at < REUSE_MS) return known.version;
    const version = readVersion(ref, signal);
    versions.set(key, { at: now, version });
    version.catch(() => versions.delete(key));
    return version;
  }

  return async (upload, signal) => {
    // A pool belongs to no upload, so that Kueue could not count its pods for the queue of one.
    if (settings.warmPods.max === 0 || upload.spec.queueName !== undefined) return null;
    const { namespace } = upload.metadata;
    const names = [databaseSecretName(upload.spec), s3SecretName(upload.spec)];
    try {
      const found = await Promise.all(names.map((name) => findVersion({ namespace, name }, signal)));
      const serviceAccount = await findServiceAccount(namespace);
      return planPool({ upload, settings, serviceAccount, sameness: [clusterId, ...found] });
    } catch (error) {
      // The Job of the upload says what is wrong with a Secret.
      if (error instanceof Fault) return null;
      throw error;
    }
  };
}
