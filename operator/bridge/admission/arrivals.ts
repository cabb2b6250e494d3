/** The ledger's arrivals of one source. The first use of a database brings its ledger schema up to date. */
import type pg from 'pg';
import { databaseSecretName } from '#api/names.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { Reflector } from '#kube/types.ts';
import { type DueObject, findDueObjects, markAfterSuccess } from '#ledger/arrivals/after-success.ts';
import {
  type ArrivalCount,
  countArrivals,
  findArrivedKeys,
  findArrivedNames,
  findArrivedObjects,
  findOutdatedObjects,
  recordArrival,
} from '#ledger/arrivals/arrivals.ts';
import { rejectEvent } from '#ledger/arrivals/reject-event.ts';
import {
  findWaitingFiles,
  findWaitingObjects,
  type KnownState,
  type SourceScope,
  type WaitingState,
} from '#ledger/arrivals/waiting-files.ts';
import type { AfterSuccess } from '#ledger/types.ts';
import { positionOf } from '#operator/bridge/model/file-position.ts';
import type { RejectedEvent } from '#operator/bridge/model/types.ts';
import type { ListedObject, ObjectVersion } from '#operator/bridge/storage/storage-calls.ts';
import type { Databases } from '#operator/tenancy/databases.ts';
import { openLedger } from '#operator/tenancy/open-ledger.ts';

export interface NewArrival {
  name: string;
  schemaName: string;
  bucket: string;
  key: string;
  version: ObjectVersion;
  event: { id: string | null; time: string | null } | null;
}

/** Every method throws a Fault when the database fails, and a KubeError when its Secret cannot be read. */
export interface Arrivals {
  /** The names that uploads of arrived objects have or had. */
  known(names: readonly string[]): Promise<Set<string>>;
  /** The names of those files that wait for their turn under a source that exists, have waited or were refused. */
  waiting(names: readonly string[]): Promise<Map<string, WaitingState>>;
  /** The keys of which any version became an upload. */
  knownKeys(keys: readonly string[]): Promise<Set<string>>;
  /** One state per object: did the object arrive before, for this schema, or does it wait, or was it refused? */
  listed(objects: readonly (ListedObject & { schemaName: string })[]): Promise<(KnownState | null)[]>;
  /** One flag per object: did a newer version of the object arrive before? */
  outdated(objects: readonly { key: string; version: ObjectVersion }[]): Promise<boolean[]>;
  /** False when the arrival was recorded before. */
  record(arrival: NewArrival): Promise<boolean>;
  /** Counts the arrivals since the source was created. */
  count(): Promise<ArrivalCount>;
  /** Puts an event aside that cannot be understood. */
  reject(event: RejectedEvent): Promise<void>;
  /** The objects of complete uploads that are still to be deleted or moved. */
  due(limit: number): Promise<DueObject[]>;
  markDone(name: string): Promise<void>;
}

export interface ArrivalsDeps {
  databases: Pick<Databases, 'open'>;
  clusterId: string;
  /** All UploadSources: a file that waits under one that does not exist any more is free for others. */
  sources: Pick<Reflector<UploadSource>, 'values'>;
}

/** The ledger in which the uploads of a source are noted. */
export interface SourceLedger {
  scope: SourceScope;
  /** The names of the UploadSources that exist in the namespace at the moment, the own one among them. */
  sources(): string[];
  run<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>;
}

export function createSourceLedger(
  { databases, clusterId, sources }: ArrivalsDeps,
  { metadata, spec }: UploadSource,
): SourceLedger {
  const { namespace, name } = metadata;
  const secret = {
    namespace,
    name: databaseSecretName(spec.template.spec),
  };
  return {
    scope: { clusterId, namespace, source: name },
    sources() {
      const others = [...sources.values()].filter(
        ({ metadata: other }) => other.namespace === namespace && other.deletionTimestamp === undefined,
      );
      return [name, ...others.map(({ metadata: other }) => other.name)];
    },
    async run(work) {
      const database = await openLedger(databases, secret);
      return database.run(work);
    },
  };
}

export function createArrivals({ scope, sources, run }: SourceLedger, uploadSource: UploadSource): Arrivals {
  const { metadata, spec } = uploadSource;
  const { source } = scope;
  const { bucket } = spec.s3;
  const afterSuccess = toAfterSuccess(spec.afterSuccess);
  return {
    known: (names) => run((client) => findArrivedNames(client, scope, names)),
    waiting: (names) => run((client) => findWaitingFiles(client, { ...scope, sources: sources() }, names)),
    knownKeys: (keys) => run((client) => findArrivedKeys(client, { ...scope, bucket }, keys)),
    async listed(objects) {
      const asked = objects.map((object) => ({ ...object, bucket, lastModified: new Date(object.lastModified) }));
      return run(async (client) => {
        const names = await findArrivedObjects(client, scope, asked);
        const waits = await findWaitingObjects(
          client,
          { ...scope, sources: sources() },
          asked.filter((_, at) => names[at] === null),
        );
        const next = waits.values();
        return names.map((name) => (name === null ? next.next().value! : 'Settled'));
      });
    },
    outdated(objects) {
      const asked = objects.map(({ key, version }) => ({ key, lastModified: new Date(version.lastModified) }));
      return run((client) => findOutdatedObjects(client, { ...scope, bucket }, asked));
    },
    record({ version, event, ...arrival }) {
      const { versionId, eTag, size, lastModified } = version;
      const object = { versionId, eTag, size, lastModified: new Date(lastModified) };
      const row = {
        ...arrival,
        ...object,
        source,
        event: event && { ...event, time: validTime(event.time) },
        afterSuccess,
        position: positionOf(uploadSource, { key: arrival.key, event }, lastModified),
      };
      return run((client) => recordArrival(client, scope, row));
    },
    count: () => run((client) => countArrivals(client, { ...scope, since: metadata.creationTimestamp ?? null })),
    reject: (event) => run((client) => rejectEvent(client, scope, { source, ...event })),
    due: (limit) => run((client) => findDueObjects(client, scope, limit)),
    markDone: (name) => run((client) => markAfterSuccess(client, { ...scope, name })),
  };
}

function toAfterSuccess({ action, prefix }: UploadSource['spec']['afterSuccess']): AfterSuccess | null {
  switch (action) {
    case 'Keep':
      return null;
    case 'Delete':
      return { action };
    case 'Move':
      return prefix ? { action, prefix } : null;
    default:
      throw new Error(action satisfies never);
  }
}

/** The time in an event may be any text. */
export function validTime(text: string | null): string | null {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}
