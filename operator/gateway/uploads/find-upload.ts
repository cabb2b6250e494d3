/** Finds an upload that the sender of a request may see. Every other upload is as if it did not exist. */
import { createSemaphore } from '#common/semaphore.ts';
import { BATCH_UPLOADS, type BatchUpload } from '#kube/custom-resources.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { Identity } from '#operator/gateway/model/types.ts';
import { creatorOf } from './represent-upload.ts';
import type { UploadDeps } from './upload-deps.ts';

export interface UploadQuestion {
  namespace: string;
  name: string;
  identity: Identity;
  scope: 'All' | 'Own';
}

const FIND_MS = 10_000;
/** Senders who ask for uploads that do not exist must not use up the gateway's requests to the API server. */
const lookUps = createSemaphore(4);

/**
 * Finds the upload among those that the gateway watches. Only an upload that the watch does not know costs a request to
 * the API server: another replica may have made the upload a moment ago.
 * @throws Problem not-found, KubeError
 */
export async function findUpload(deps: UploadDeps, question: UploadQuestion): Promise<BatchUpload> {
  const known = deps.uploads.get(`${question.namespace}/${question.name}`);
  return known === undefined ? lookUps.run(() => findStored(deps, question)) : assertVisible(known, question);
}

/** Finds the upload as the API server has it now, before the upload is changed. @throws Problem not-found, KubeError */
export async function findStored({ client }: UploadDeps, question: UploadQuestion): Promise<BatchUpload> {
  const { namespace, name } = question;
  return assertVisible(await client.find(BATCH_UPLOADS, { namespace, name }, { timeoutMs: FIND_MS }), question);
}

export function isVisible(
  upload: BatchUpload,
  { identity, scope }: Pick<UploadQuestion, 'identity' | 'scope'>,
): boolean {
  return scope === 'All' || creatorOf(upload) === identity.user;
}

/** The uploads of the namespace that the sender may see. */
export function* visibleUploads(
  { uploads }: Pick<UploadDeps, 'uploads'>,
  namespace: string,
  seer: Pick<UploadQuestion, 'identity' | 'scope'>,
): Generator<BatchUpload, void, void> {
  for (const upload of uploads.values()) {
    if (upload.metadata.namespace === namespace && isVisible(upload, seer)) yield upload;
  }
}

function assertVisible(upload: BatchUpload | undefined, question: UploadQuestion): BatchUpload {
  if (upload !== undefined && isVisible(upload, question)) return upload;
  const { namespace, name } = question;
  throw new Problem('not-found', {
    detail: `There is no upload ${name} in the namespace ${namespace}, or you may not see it. GET uploads lists those that you may see.`,
  });
}
