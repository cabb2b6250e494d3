/** The ledger's files of one source that wait for their turn, and the order in which they have it. */
import type { IgnoredReason } from '#api/upload-source-conditions.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import {
  addWaitingFiles,
  type Drop,
  dropFile,
  endTurns,
  findLastRefused,
  findNewestLoaded,
  findUploadsAtTheEnd,
  findUploadsOfSource,
  findWaiting,
  type RefusedFile,
  readWaitingLine,
  refuseOlderFiles,
  type TakeOptions,
  takeTurns,
  type WaitingLine,
} from '#ledger/arrivals/waiting-files.ts';
import type { FilePosition, WaitingFile } from '#ledger/types.ts';
import { type NewArrival, type SourceLedger, validTime } from '#operator/bridge/admission/arrivals.ts';
import { positionOf } from '#operator/bridge/model/file-position.ts';

export type { Turn, WaitingLine } from '#ledger/arrivals/waiting-files.ts';

/** Every method throws a Fault when the database fails, and a KubeError when its Secret cannot be read. */
export interface WaitingFiles {
  add(files: readonly NewArrival[]): Promise<void>;
  read(): Promise<WaitingLine>;
  /** Some of the files that wait, in the order of their names, from behind `after` on; none behind the last one. */
  waiting(after: string): Promise<WaitingFile[]>;
  /** The last file in the order of which anything was loaded; null when nothing was. */
  newestLoaded(): Promise<FilePosition | null>;
  /** Refuses the waiting files that are older than `loaded`. @returns the refused files with the message for people. */
  refuseOlder(loaded: FilePosition): Promise<(WaitingFile & { message: string })[]>;
  /** The names of those uploads of which nothing newer was loaded, in their order. */
  atTheEnd(names: readonly string[], loaded: FilePosition | null): Promise<string[]>;
  take(options: TakeOptions): Promise<WaitingFile[]>;
  end(names: readonly string[]): Promise<void>;
  drop(file: Drop & { reason: IgnoredReason }): Promise<void>;
  /** The files that were refused last since the source was made, the last one first. */
  lastRefused(limit: number): Promise<RefusedFile[]>;
  /** Those of the uploads that the ledger knows as uploads of this source. */
  ownUploads(names: readonly string[]): Promise<Set<string>>;
}

export const OUT_OF_ORDER = 'OutOfOrder' satisfies IgnoredReason;

/** Waiting files that are read together. */
const PAGE = 1_000;

export function createWaitingFiles({ scope, sources, run }: SourceLedger, source: UploadSource): WaitingFiles {
  return {
    add: (files) =>
      run((client) =>
        addWaitingFiles(
          client,
          { ...scope, sources: sources() },
          files.map((file) => toWaitingFile(source, file)),
        ),
      ),
    read: () => run((client) => readWaitingLine(client, scope)),
    waiting: (after) => run((client) => findWaiting(client, scope, { after, limit: PAGE })),
    newestLoaded: () => run((client) => findNewestLoaded(client, scope)),
    async refuseOlder(loaded) {
      const message = describeOutOfOrder(loaded);
      const refused = await run((client) => refuseOlderFiles(client, scope, { loaded, reason: OUT_OF_ORDER, message }));
      return refused.map((file) => ({ ...file, message }));
    },
    atTheEnd: (names, loaded) => run((client) => findUploadsAtTheEnd(client, scope, { names, loaded })),
    take: (options) => run((client) => takeTurns(client, scope, options)),
    end: (names) => run((client) => endTurns(client, scope, names)),
    drop: (file) => run((client) => dropFile(client, scope, file)),
    lastRefused(limit) {
      const since = source.metadata.creationTimestamp ?? null;
      return run((client) => findLastRefused(client, scope, { since, limit }));
    },
    ownUploads: (names) => run((client) => findUploadsOfSource(client, scope, names)),
  };
}

/**
 * Calls `onFreed` after each drop, and where the ledger may have lost waiting files: the last one that began to wait is
 * missing then, as where a standby that lagged was promoted. It is missing as well when it has its turn.
 */
export function watchFreed(files: WaitingFiles, onFreed: () => void): WaitingFiles {
  let latest = 0;
  return {
    ...files,
    async read() {
      const line = await files.read();
      const now = line.latest?.getTime() ?? 0;
      if (now < latest) onFreed();
      latest = now;
      return line;
    },
    async drop(file) {
      await files.drop(file);
      onFreed();
    },
  };
}

function toWaitingFile(source: UploadSource, { version, event, ...arrival }: NewArrival): WaitingFile {
  const { versionId, eTag, size, lastModified } = version;
  return {
    ...arrival,
    versionId,
    eTag,
    size,
    lastModified: new Date(lastModified),
    event: event && { ...event, time: validTime(event.time) },
    position: positionOf(source, { key: arrival.key, event }, lastModified),
  };
}

/** The file of a turn, as admission names a new arrival. */
export function toNewArrival({ versionId, eTag, size, lastModified, ...turn }: WaitingFile): NewArrival {
  const { name, schemaName, bucket, key, event } = turn;
  const version = { versionId, eTag, size, lastModified: lastModified.getTime() };
  return { name, schemaName, bucket, key, version, event };
}

function describeOutOfOrder({ time, key }: FilePosition): string {
  return `The file is older than ${key} of ${time.toISOString()}, of which records were loaded before, and is never loaded, since its rows would replace newer ones. To load it all the same, put it there again or apply a BatchUpload for it.`;
}
