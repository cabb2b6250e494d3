/** What the controller remembers of an upload between two reconciles. Losing the memory changes no result. */
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import type { Database } from '#ledger/client/database.ts';
import type { Lineage } from '#ledger/connection/lineage.ts';
import type { ErrorSummary } from '#ledger/types.ts';
import type { SessionWait } from '#ledger/uploads/find-waits.ts';
import type { ShownColumns } from './columns-policy.ts';
import type { RateState } from './progress-policy.ts';
import type { StatusRefusal } from './status-fit.ts';
import type { Disruptions } from './types.ts';

export interface UploadMemory {
  uid: string;
  /** The database that watches the upload's ledger row. */
  database: Database | null;
  /** The last status that the controller wrote, because the cache receives it later. */
  written: { status: BatchUploadStatus; resourceVersion: string; at: number } | null;
  /** What the CRD has refused of the upload's statuses lately; null while it takes them whole. */
  refusal: StatusRefusal | null;
  /** For what the upload waits since when (monotonic, ms); null while it does not wait. */
  waiting: { reason: string; since: number } | null;
  rate: RateState | null;
  /** The history of the database in which the upload's ledger row was seen last; null before that. */
  lineage: Lineage | null;
  /** The ledger says that the upload runs, although its status says that it has ended. */
  wentBack: boolean;
  /** `count` is the number of errors at that time; `at` is monotonic, in ms. */
  topErrors: { list: ErrorSummary[]; count: number; at: number } | null;
  /** What became of the columns of the file, as a status shows it; null before it was read. */
  columns: ShownColumns | null;
  /** When the failure was first read from the ledger (wall clock, ms); null while the upload has not failed. */
  failedSince: number | null;
  /** Since when the upload is known to have ended while Jobs of it go on (monotonic, ms). */
  tidyingSince: number | null;
  /** The API server has refused the time to live of a finished Job of the upload. */
  expiryRefused: boolean;
  /**
   * Since when (monotonic, ms) a held upload has been seen, its cleanup Job at work, and this Job suspended for the first time; null
   * while the upload has not ended. `said`: an event says that the Job is suspended.
   */
  cleanup: { endedAt: number; jobAt: number | null; queuedAt: number | null; said: boolean } | null;
  /** The Job that the controller made last, how often the controller made a Job of this name, and when (monotonic, ms). */
  created: { name: string; times: number; at: number } | null;
  /** Since when (monotonic, ms) each Job and pod has been seen in its present state. */
  seen: ReadonlyMap<string, { state: string; at: number }>;
  /** `pods` holds the names that were counted; `at` is monotonic, in ms. */
  disruptions: (Omit<Disruptions, 'agoMs'> & { pods: ReadonlySet<string>; at: number }) | null;
  /** The progress that was read last, and since when it has stayed the same (monotonic, ms). */
  still: { mark: string; since: number } | null;
  /** What the sessions of the pods wait for, while the progress stays the same; `at` is monotonic, in ms. */
  waits: { list: readonly SessionWait[]; at: number } | null;
  /** Why the upload had its turn last and got no Job; null where it got one, or has not had a turn. */
  jobRefused: UploadExplanation | null;
  /** How often the Job that is missing now was deleted to be made again. */
  recreated: number;
  /** The controller has seen the upload's deletion, and the ledger row is being closed or is closed. */
  closing: boolean;
  /** Why the Job controller could not make pods, if it said so; `at` is monotonic, in ms. */
  creationRefused: { message: string | null; at: number } | null;
}

export class UploadMemories {
  readonly #byKey = new Map<string, UploadMemory>();

  /** The memory of an upload. An object that was deleted and created again has another uid and gets a new memory. */
  of(key: string, uid: string): UploadMemory {
    const known = this.#byKey.get(key);
    if (known?.uid === uid) return known;
    if (known) this.forget(key);
    const memory: UploadMemory = {
      uid,
      database: null,
      written: null,
      refusal: null,
      waiting: null,
      rate: null,
      lineage: null,
      wentBack: false,
      topErrors: null,
      columns: null,
      failedSince: null,
      tidyingSince: null,
      expiryRefused: false,
      cleanup: null,
      created: null,
      seen: new Map(),
      disruptions: null,
      still: null,
      waits: null,
      jobRefused: null,
      recreated: 0,
      closing: false,
      creationRefused: null,
    };
    this.#byKey.set(key, memory);
    return memory;
  }

  /** The number of uploads that have a ledger row and have not ended. */
  get moving(): number {
    let moving = 0;
    for (const { rate } of this.#byKey.values()) if (rate !== null) moving += 1;
    return moving;
  }

  forget(key: string): void {
    const memory = this.#byKey.get(key);
    memory?.database?.unwatch(memory.uid);
    this.#byKey.delete(key);
  }
}

/** Lets `database`, and no other database, watch the upload's row. */
export function watchDatabase(memory: UploadMemory, database: Database, notify: () => void): void {
  if (memory.database !== database) memory.database?.unwatch(memory.uid);
  memory.database = database;
  database.watch(memory.uid, notify);
}

/** Is the resourceVersion `a` newer than `b`? Both are of one object; Kubernetes orders them as numbers. */
export function isNewer(a: string, b: string): boolean {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return a !== b;
  return a.length !== b.length ? a.length > b.length : a > b;
}
