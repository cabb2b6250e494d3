/** What the controller remembers of an upload between two looks. Nothing here is needed for the right result. */
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import type { Database } from '#ledger/client/database.ts';
import type { ErrorSummary } from '#ledger/types.ts';
import type { RateState } from './progress-policy.ts';

export interface UploadMemory {
  uid: string;
  /** The database in which it is watched. */
  database: Database | null;
  /** What we wrote last, until the cache has it. */
  written: { status: BatchUploadStatus; resourceVersion: string } | null;
  rate: RateState | null;
  topErrors: { list: ErrorSummary[]; count: number; at: number } | null;
  /** Wall clock, ms. */
  failedSince: number | null;
  recreated: number;
  /** Its deletion was seen and its ledger row is being closed, or is closed. */
  closing: boolean;
  /** What the Job controller said of pods that it could not make. */
  creationRefused: { message: string | null; at: number } | null;
}

export class Memories {
  readonly #byKey = new Map<string, UploadMemory>();

  /** The memory of an upload; a new one when another object has its name now. */
  of(key: string, uid: string): UploadMemory {
    const known = this.#byKey.get(key);
    if (known?.uid === uid) return known;
    if (known) this.forget(key);
    const memory: UploadMemory = {
      uid,
      database: null,
      written: null,
      rate: null,
      topErrors: null,
      failedSince: null,
      recreated: 0,
      closing: false,
      creationRefused: null,
    };
    this.#byKey.set(key, memory);
    return memory;
  }

  forget(key: string): void {
    const memory = this.#byKey.get(key);
    memory?.database?.unwatch(memory.uid);
    this.#byKey.delete(key);
  }
}

/** Is the resourceVersion `a` newer than `b`? Both are of one object; Kubernetes orders them as numbers. */
export function isNewer(a: string, b: string): boolean {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return a !== b;
  return a.length !== b.length ? a.length > b.length : a > b;
}
