/**
 * The controller's caches: priority classes, namespaces, uploads and schemas of all of them, Jobs and pods of the enabled
 * ones.
 */
import { MANAGED_SELECTOR } from '#api/labels.ts';
import type { Logger } from '#common/log.ts';
import { BATCH_UPLOADS, type BatchUpload, RECORD_SCHEMAS, type RecordSchema } from '#kube/custom-resources.ts';
import { createReflector } from '#kube/reflector.ts';
import {
  JOBS,
  type Job,
  NAMESPACES,
  type Namespace,
  PODS,
  type Pod,
  PRIORITY_CLASSES,
  type PriorityClass,
} from '#kube/resource-types.ts';
import type { KubeClient, Reflector } from '#kube/types.ts';
import { trimJob, trimPod, uploadUidOf } from './job-view.ts';

export interface NamespaceCaches {
  jobs: Reflector<Job>;
  pods: Reflector<Pod>;
}

/** An upload, or a pool by its id, whose Jobs and pods lie in its own namespace. */
export interface Owner {
  namespace: string;
  uid: string;
}

export interface Caches {
  uploads: Reflector<BatchUpload>;
  schemas: Reflector<RecordSchema>;
  /** All namespaces of the cluster, with nothing but their names and whether they are being deleted. */
  allNamespaces: Reflector<Namespace>;
  isTerminating(namespace: string): boolean;
  /** The priority classes of the cluster; empty while the operator has no right to read them. */
  priorityClasses: Reflector<PriorityClass>;
  namespaces: ReadonlyMap<string, NamespaceCaches>;
  uploadByUid(uid: string): BatchUpload | undefined;
  /** The pods in the upload's namespace that name the upload in a label; the label may be wrong, see isPodOf. */
  podsOf(upload: Owner): Pod[];
  /** The Jobs of all attempts of the upload. Whoever may make Jobs in another namespace has no part in them. */
  jobsOf(upload: Owner): Job[];
  all(): Reflector<never>[];
  /** Keeps the caches up to date until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export function createCaches(deps: { client: KubeClient; log: Logger; namespaces: readonly string[] }): Caches {
  const { client, log } = deps;
  const uploads = createReflector({ client, log, type: BATCH_UPLOADS });
  const schemas = createReflector({ client, log, type: RECORD_SCHEMAS });
  const allNamespaces = createReflector({ client, log, type: NAMESPACES, trim: trimNamespace });
  const priorityClasses = createReflector({ client, log, type: PRIORITY_CLASSES });
  const namespaces = new Map<string, NamespaceCaches>();
  for (const namespace of deps.namespaces) {
    const common = { client, log, namespace, labelSelector: MANAGED_SELECTOR };
    namespaces.set(namespace, {
      jobs: createReflector({ ...common, type: JOBS, trim: trimJob }),
      pods: createReflector({ ...common, type: PODS, trim: trimPod }),
    });
  }
  const byUid = indexUploads(uploads);
  const pods = indexOwned([...namespaces.values()].map((each) => each.pods));
  const jobs = indexOwned([...namespaces.values()].map((each) => each.jobs));
  const all = [uploads, schemas, ...[...namespaces.values()].flatMap((each) => [each.jobs, each.pods])];
  return {
    uploads,
    schemas,
    allNamespaces,
    isTerminating: (namespace) => allNamespaces.get(namespace)?.metadata?.deletionTimestamp !== undefined,
    priorityClasses,
    namespaces,
    uploadByUid: (uid) => byUid.get(uid),
    podsOf: (upload) => ownedBy(pods, upload),
    jobsOf: (upload) => ownedBy(jobs, upload),
    all: () => all as unknown as Reflector<never>[],
    async run(signal) {
      await Promise.all([...all, allNamespaces, priorityClasses].map((reflector) => reflector.run(signal)));
    },
  };
}

function trimNamespace({ metadata }: Namespace): Namespace {
  const { name, uid, resourceVersion, deletionTimestamp } = metadata ?? {};
  return { metadata: { name, uid, resourceVersion, deletionTimestamp } } as Namespace;
}

function indexUploads(reflector: Reflector<BatchUpload>): Map<string, BatchUpload> {
  const index = new Map<string, BatchUpload>();
  const keep = (upload: BatchUpload) => void index.set(upload.metadata.uid, upload);
  reflector.subscribe({
    onAdd: keep,
    onUpdate: keep,
    onDelete: (upload) => void index.delete(upload.metadata.uid),
  });
  return index;
}

function ownedBy<T extends Job | Pod>(index: Map<string, Map<string, T>>, { namespace, uid }: Owner): T[] {
  return [...(index.get(uid)?.values() ?? [])].filter(({ metadata }) => metadata?.namespace === namespace);
}

/** Indexes Jobs or pods by the uid of the upload that they work for, then by their own uid. */
function indexOwned<T extends Job | Pod>(reflectors: readonly Reflector<T>[]): Map<string, Map<string, T>> {
  const index = new Map<string, Map<string, T>>();
  const keep = (object: T) => {
    const uid = uploadUidOf(object);
    if (uid === undefined) return;
    const owned = index.get(uid) ?? new Map<string, T>();
    index.set(uid, owned.set(object.metadata?.uid ?? '', object));
  };
  const drop = (object: T) => {
    const uid = uploadUidOf(object) ?? '';
    const owned = index.get(uid);
    owned?.delete(object.metadata?.uid ?? '');
    if (owned?.size === 0) index.delete(uid);
  };
  for (const reflector of reflectors) reflector.subscribe({ onAdd: keep, onUpdate: keep, onDelete: drop });
  return index;
}
