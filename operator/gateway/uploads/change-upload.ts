/** Tries a failed upload again, suspends, resumes, cancels and deletes uploads. A change is made to the state that the sender has decided about. */
import { findCondition, isFinished } from '#api/conditions.ts';
import { BATCH_UPLOADS, type BatchUpload } from '#kube/custom-resources.ts';
import { isConflict } from '#kube/errors.ts';
import { assertMatch } from '#operator/gateway/http/entity-tags.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import { findStored, type UploadQuestion } from './find-upload.ts';
import type { UploadDeps } from './upload-deps.ts';

const CALL_MS = 15_000;
/** The operator may write the status between the reading and the change. */
const TRIES = 3;

/** Asks for one more attempt. @throws Problem not-found, conflict, precondition-failed; KubeError */
export function retryUpload(deps: UploadDeps, question: UploadQuestion, ifMatch?: string): Promise<BatchUpload> {
  return change(deps, { question, ifMatch }, (upload) => {
    assertFailed(upload);
    const { namespace, name, uid, resourceVersion } = upload.metadata;
    const retryGeneration = (upload.spec.retryGeneration ?? 0) + 1;
    // With a uid in the patch, an upload that was deleted and made again under the name is not changed.
    const patch = { metadata: { uid, resourceVersion }, spec: { retryGeneration } };
    return deps.client.patchMerge(BATCH_UPLOADS, { namespace, name }, patch, { timeoutMs: CALL_MS });
  });
}

/** What stops an upload or lets it go on, and what the verb sets in its spec. */
export const STEERING = {
  suspend: { suspend: true },
  resume: { suspend: false },
  cancel: { cancel: true },
} as const satisfies Record<string, Partial<BatchUpload['spec']>>;
export type SteeringVerb = keyof typeof STEERING;

/** A repetition changes nothing. @throws Problem not-found, conflict, precondition-failed; KubeError */
export function steerUpload(
  deps: UploadDeps,
  { question, verb, ifMatch }: { question: UploadQuestion; verb: SteeringVerb; ifMatch: string | undefined },
): Promise<BatchUpload> {
  return change(deps, { question, ifMatch }, (upload) => {
    assertNotEnded(upload, verb);
    const { namespace, name, uid, resourceVersion } = upload.metadata;
    const patch = { metadata: { uid, resourceVersion }, spec: STEERING[verb] };
    return deps.client.patchMerge(BATCH_UPLOADS, { namespace, name }, patch, { timeoutMs: CALL_MS });
  });
}

/** @throws Problem not-found, precondition-failed; KubeError */
export async function deleteUpload(deps: UploadDeps, question: UploadQuestion, ifMatch?: string): Promise<void> {
  await change(deps, { question, ifMatch }, ({ metadata: { namespace, name, uid, resourceVersion } }) =>
    deps.client.delete(
      BATCH_UPLOADS,
      { namespace, name },
      {
        preconditions: { uid, ...(ifMatch !== undefined && resourceVersion ? { resourceVersion } : {}) },
        timeoutMs: CALL_MS,
      },
    ),
  );
}

/** Makes the change again, from the new state, when somebody has changed the upload in between. */
async function change<T>(
  deps: UploadDeps,
  { question, ifMatch }: { question: UploadQuestion; ifMatch: string | undefined },
  work: (upload: BatchUpload) => Promise<T>,
): Promise<T> {
  let uid: string | undefined;
  for (let tries = 1; ; tries += 1) {
    const upload = await findStored(deps, question);
    assertMatch(upload, ifMatch);
    uid ??= upload.metadata.uid;
    if (upload.metadata.uid !== uid) throw replaced(upload);
    try {
      return await work(upload);
    } catch (error) {
      if (!isConflict(error) || tries === TRIES) throw error;
    }
  }
}

function assertNotDeleted({ metadata }: BatchUpload): void {
  if (metadata.deletionTimestamp === undefined) return;
  throw new Problem('conflict', {
    detail: `The upload ${metadata.name} is being deleted. Put the file again to load it.`,
  });
}

function assertNotEnded(upload: BatchUpload, verb: SteeringVerb): void {
  assertNotDeleted(upload);
  const { metadata, spec, status } = upload;
  // A cancelled upload that has not ended yet takes no other verb.
  if (!isFinished(status) && (verb === 'cancel' || !spec.cancel)) return;
  const state = isFinished(status) ? `has ended as ${status?.phase}` : 'is being cancelled';
  throw new Problem('conflict', {
    detail: `The upload ${metadata.name} ${state}, so that there is nothing to ${verb}.`,
  });
}

function assertFailed(upload: BatchUpload): void {
  assertNotDeleted(upload);
  const { metadata, spec, status } = upload;
  if (spec.cancel) {
    throw new Problem('conflict', {
      detail: `The upload ${metadata.name} is cancelled, and a cancelled upload cannot be tried again. Make another upload of its file.`,
    });
  }
  if (findCondition(status, 'Failed')?.status === 'True') return;
  const phase = status?.phase ?? 'Pending';
  const what =
    phase === 'Complete' ? 'It has nothing left to load.' : 'It goes on by itself; its conditions say how it is.';
  throw new Problem('conflict', {
    detail: `Only a failed upload can be tried again, and ${metadata.name} is ${phase}. ${what}`,
  });
}

function replaced({ metadata: { name } }: BatchUpload): Problem {
  return new Problem('conflict', {
    detail: `The upload ${name} was deleted and made again a moment ago, and the new one was left alone. Get it, and decide by what it is.`,
  });
}
