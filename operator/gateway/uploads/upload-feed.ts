/**
 * The changes of uploads for all watches of this process, which share the gateway's one watch at the API server.
 *
 * A version is the number in an object's resourceVersion: the API server counts it up with every change of any upload.
 * Whoever has heard of every change up to a version can so go on from there, at any replica.
 */
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { Reflector } from '#kube/types.ts';

export interface Change {
  version: number;
  /** The upload as it is, or as it was last. */
  upload: BatchUpload;
  isDeleted: boolean;
}

export interface Catalogue {
  /** True: the changes are all uploads that there are. False: they are what has changed since. */
  isWhole: boolean;
  /** In the order of their versions. */
  changes: Change[];
}

export interface UploadFeed {
  /**
   * Calls `onChanges` with all later changes in the namespace, in the order of their versions.
   * @param since the version up to which the caller knows all changes; null: the caller knows none.
   * @returns what the caller has missed, and a function that ends the calls.
   */
  subscribe(
    namespace: string,
    since: number | null,
    onChanges: (changes: readonly Change[]) => void,
  ): { missed: Catalogue; end: () => void };
  /** The version up to which every change is known here. */
  newest(): number;
  close(): void;
}

/** Deletions that are remembered for watches that are opened again. */
const MOST_DELETIONS = 1000;

type Uploads = Pick<Reflector<BatchUpload>, 'subscribe' | 'values'> & { readonly version?: string | undefined };

export function createUploadFeed(uploads: Uploads): UploadFeed {
  const subscribers = new Map<string, Set<(changes: readonly Change[]) => void>>();
  const deletions: Change[] = [];
  let newest = 0;
  /** Who knows all changes up to this version or a later one has missed no deletion that was forgotten. */
  let horizon = 0;
  let batch: Change[] = [];

  const add = (upload: BatchUpload, isDeleted: boolean) => {
    const version = versionOf(upload);
    if (isDeleted && version <= newest) {
      // The upload is missing in a new list: nobody knows when it was deleted.
      horizon = newest + 1;
      batch.push({ version: newest, upload, isDeleted });
    } else {
      newest = Math.max(newest, version);
      batch.push({ version, upload, isDeleted });
      if (isDeleted) deletions.push(batch.at(-1)!);
    }
    if (deletions.length > MOST_DELETIONS) horizon = Math.max(horizon, deletions.shift()!.version);
    // The objects of a new list come in the order of their names, one after the other.
    if (batch.length === 1) setImmediate(dispatch);
  };
  const dispatch = () => {
    const changes = batch.sort(byVersion);
    batch = [];
    for (const [namespace, inside] of Map.groupBy(changes, ({ upload }) => upload.metadata.namespace)) {
      for (const onChanges of subscribers.get(namespace) ?? []) onChanges(inside);
    }
  };
  const stop = uploads.subscribe({
    onAdd: (upload) => add(upload, false),
    onUpdate: (upload) => add(upload, false),
    onDelete: (upload) => add(upload, true),
  });
  // What was deleted before this process began is not known here. A deletion has a version, too, which no upload shows.
  newest = Math.max(newest, Number(uploads.version ?? 0));
  horizon = newest;

  return {
    subscribe(namespace, since, onChanges) {
      dispatch();
      const isWhole = since === null || since < horizon || since > newest;
      const missed = findMissed({ uploads, deletions: isWhole ? [] : deletions }, namespace, isWhole ? -1 : since);
      const inside = subscribers.get(namespace) ?? new Set();
      subscribers.set(namespace, inside.add(onChanges));
      const end = () => {
        inside.delete(onChanges);
        if (inside.size === 0 && subscribers.get(namespace) === inside) subscribers.delete(namespace);
      };
      return { missed: { isWhole, changes: missed }, end };
    },
    newest: () => newest,
    close: stop,
  };
}

function findMissed(
  { uploads, deletions }: { uploads: Pick<Reflector<BatchUpload>, 'values'>; deletions: readonly Change[] },
  namespace: string,
  since: number,
): Change[] {
  const changes = deletions.filter(({ version, upload }) => version > since && upload.metadata.namespace === namespace);
  for (const upload of uploads.values()) {
    const version = versionOf(upload);
    if (upload.metadata.namespace === namespace && version > since) changes.push({ version, upload, isDeleted: false });
  }
  return changes.sort(byVersion);
}

const versionOf = ({ metadata }: BatchUpload) => Number(metadata.resourceVersion ?? 0);
const byVersion = (a: Change, b: Change) => a.version - b.version;
