/** Local copies of what the controller watches: uploads and schemas everywhere, Jobs and pods in the enabled namespaces. */

import { MANAGED_SELECTOR } from '#operator/api/labels.ts';
import { BATCH_UPLOADS, type BatchUpload, RECORD_SCHEMAS, type RecordSchema } from '#operator/api/resources.ts';
import { createReflector } from '#operator/kube/reflector.ts';
import { JOBS, type Job, PODS, type Pod } from '#operator/kube/resource-types.ts';
import type { KubeClient, Logger, Reflector } from '#operator/kube/types.ts';
import { trimJob, trimPod, uploadUidOf } from './job-view.ts';

export interface NamespaceCaches {
  jobs: Reflector<Job>;
  pods: Reflector<Pod>;
}

export interface Caches {
  uploads: Reflector<BatchUpload>;
  schemas: Reflector<RecordSchema>;
  namespaces: ReadonlyMap<string, NamespaceCaches>;
  /** The upload of a uid; undefined when there is none. */
  uploadByUid(uid: string): BatchUpload | undefined;
  podsOf(uid: string): Pod[];
  all(): Reflector<never>[];
  /** Until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export function createCaches(deps: { client: KubeClient; log: Logger; namespaces: readonly string[] }): Caches {
  const { client, log } = deps;
  const uploads = createReflector({ client, log, type: BATCH_UPLOADS });
  const schemas = createReflector({ client, log, type: RECORD_SCHEMAS });
  const namespaces = new Map<string, NamespaceCaches>();
  for (const namespace of deps.namespaces) {
    const common = { client, log, namespace, labelSelector: MANAGED_SELECTOR };
    namespaces.set(namespace, {
      jobs: createReflector({ ...common, type: JOBS, trim: trimJob }),
      pods: createReflector({ ...common, type: PODS, trim: trimPod }),
    });
  }
  const byUid = indexUploads(uploads);
  const pods = indexPods([...namespaces.values()].map((each) => each.pods));
  const all = [uploads, schemas, ...[...namespaces.values()].flatMap((each) => [each.jobs, each.pods])];
  return {
    uploads,
    schemas,
    namespaces,
    uploadByUid: (uid) => byUid.get(uid),
    podsOf: (uid) => [...(pods.get(uid)?.values() ?? [])],
    all: () => all as unknown as Reflector<never>[],
    async run(signal) {
      await Promise.all(all.map((reflector) => reflector.run(signal)));
    },
  };
}

function indexUploads(reflector: Reflector<BatchUpload>): Map<string, BatchUpload> {
  const index = new Map<string, BatchUpload>();
  const keep = (upload: BatchUpload) => void index.set(upload.metadata?.uid ?? '', upload);
  reflector.subscribe({
    onAdd: keep,
    onUpdate: keep,
    onDelete: (upload) => void index.delete(upload.metadata?.uid ?? ''),
  });
  return index;
}

function indexPods(reflectors: readonly Reflector<Pod>[]): Map<string, Map<string, Pod>> {
  const index = new Map<string, Map<string, Pod>>();
  const keep = (pod: Pod) => {
    const uid = uploadUidOf(pod);
    if (uid === undefined) return;
    const pods = index.get(uid) ?? new Map<string, Pod>();
    index.set(uid, pods.set(pod.metadata?.uid ?? '', pod));
  };
  const drop = (pod: Pod) => {
    const uid = uploadUidOf(pod) ?? '';
    const pods = index.get(uid);
    pods?.delete(pod.metadata?.uid ?? '');
    if (pods?.size === 0) index.delete(uid);
  };
  for (const reflector of reflectors) reflector.subscribe({ onAdd: keep, onUpdate: keep, onDelete: drop });
  return index;
}
