/**
 * Releases every upload that is held for the copy of its file: the last work of an uninstall. Without the operator
 * nobody would remove the finalizer, and the deletion of the upload, of its namespace or of the CRD would never end.
 */
import { workBucket, workPrefix } from '#common/job-contract.ts';
import type { Logger } from '#common/log.ts';
import { BATCH_UPLOADS, type BatchUpload } from '#kube/custom-resources.ts';
import { isConflict, isNotFound } from '#kube/errors.ts';
import type { KubeClient } from '#kube/types.ts';
import { finalizerPatch, isHeld } from './cleanup-policy.ts';

/** An upload may change between the reading and the patch; its pods still run. */
const TRIES = 5;

/** @returns the number of uploads that were released. @throws KubeError when one of them could not be released */
export async function releaseUploads({
  client,
  log,
}: {
  client: Pick<KubeClient, 'listPages' | 'find' | 'patchMerge'>;
  log: Logger;
}): Promise<number> {
  let released = 0;
  try {
    for await (const { items } of client.listPages(BATCH_UPLOADS)) {
      for (const upload of items.filter(isHeld)) {
        await release(client, upload);
        released += 1;
        const { namespace, name, uid } = upload.metadata;
        const left = `s3://${workBucket(upload.spec.source.s3.bucket, upload.spec.work)}/${workPrefix(uid)}`;
        log.warn({ namespace, upload: name, left }, 'the upload is released; remove the copy of its file yourself');
      }
    }
  } catch (error) {
    // The uninstall has removed the CRD, and with the CRD the uploads.
    if (!isNotFound(error)) throw error;
  }
  log.info({ released }, 'no upload is held any more');
  return released;
}

async function release(client: Pick<KubeClient, 'find' | 'patchMerge'>, upload: BatchUpload): Promise<void> {
  const { namespace, name } = upload.metadata;
  let current: BatchUpload | undefined = upload;
  for (let tries = 1; current !== undefined && isHeld(current); tries += 1) {
    try {
      await client.patchMerge(BATCH_UPLOADS, { namespace, name }, finalizerPatch(current, false));
      return;
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isConflict(error) || tries === TRIES) throw error;
      current = await client.find(BATCH_UPLOADS, { namespace, name });
    }
  }
}
