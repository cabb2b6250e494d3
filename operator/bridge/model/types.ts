/** The types that the rooms of the bridge share. */
import type { S3Client } from '@aws-sdk/client-s3';
import type { Explanation } from '#api/explanation.ts';
import type { Clock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { FilePosition } from '#ledger/types.ts';

/** News of an object, from an event, a list or a transfer. Admission asks the storage for what is null. */
export interface ObjectNotice {
  bucket: string;
  /** The key that S3 uses, not URL-encoded. */
  key: string;
  /**
   * The key exactly as the sender wrote it, where it is unknown whether the sender encodes keys. Admission tries this
   * key only when the rules refuse `key`, or no object has it.
   */
  alternativeKey?: string;
  versionId: string | null;
  /** Without quotes. */
  eTag: string | null;
  /** Bytes. */
  size: number | null;
  /** Orders the events of one key. */
  sequencer: string | null;
  /** The event that brought the notice, with its time as ISO 8601; null when no event did. */
  event: { id: string | null; time: string | null } | null;
  /** Wall clock, ms; only a list provides this time. */
  lastModified?: number;
}

/** The result of admitting a notice. Only a notice with the outcome `Later` is not acknowledged to its sender. */
export type Outcome =
  | { kind: 'Created' | 'Known'; name: string }
  /** The ledger has the file; the upload of that name is created when it is the file's turn. */
  | { kind: 'Waiting'; name: string }
  /** The notice makes no upload on purpose: because of a filter, another bucket, or an object that does not exist. */
  | { kind: 'Ignored'; reason: string; message: string }
  /** The object is in its quiet period, or a server does not answer. */
  | { kind: 'Later'; reason: string; message: string };

/**
 * Returns one outcome per notice, in the same order. Notices of one key are admitted in the order of their sequencers.
 */
export type AdmitNotices = (notices: readonly ObjectNotice[], signal: AbortSignal) => Promise<Outcome[]>;

/** The continuous activities of a source. Each activity has one current problem, or none. */
export type Activity = 'list' | 'receive' | 'fetch' | 'ledger' | 'feed' | 'afterSuccess';

/** The parts of a source report here, and the status is built from their reports. No method throws or waits. */
export interface SourceRecorder {
  /** Reports that an event came. */
  event(): void;
  /** Reports that the prefix or the folder was listed to its end. */
  listed(): void;
  /** Reports something that is ignored for good. `what` is a key, a file name or a message id. */
  ignored(what: string, why: Explanation): void;
  /** Reports a failed attempt, which is most likely repeated. */
  failed(what: string, why: Explanation): void;
  /** Sets or clears (null) the problem of an activity. The first null of the main activity makes the source Ready. */
  problem(activity: Activity, why: Explanation | null): void;
  /** Records a Kubernetes event on the UploadSource. */
  warn(why: Explanation): void;
  /**
   * Sets since when the oldest item waits outside of `admit`, such as a file being fetched: wall clock, ms, or null.
   */
  waitingSince(activity: Activity, since: number | null): void;
}

/** What the status says of the files that wait for their turn. */
export interface FeedReport {
  /** Uploads that have not ended. */
  active: number;
  /** Files that wait for their turn. */
  waiting: number;
  /** The upload that holds the files behind it, and what to do; null when none does. */
  held: (Explanation & { by: string }) | null;
  /** What is loaded now, and what the waiting files wait for. */
  why: Explanation;
}

/** A message that could not be understood, for the ledger. */
export interface RejectedEvent {
  messageId: string;
  reason: string;
  /** The ledger keeps the first 8 KiB of the body. */
  body: string;
}

/** What a receiver is given. */
export interface ReceiverDeps {
  admit: AdmitNotices;
  recorder: SourceRecorder;
  clock: Clock;
  log: Logger;
  /** Reads a Secret of the source's namespace, as it was at most half a minute ago; null without it. @throws Fault */
  readSecret(name: string, signal: AbortSignal): Promise<Record<string, string> | null>;
  /** Returns the client for the source's bucket. @throws Fault */
  openStorage(signal: AbortSignal): Promise<S3Client>;
  /** Applies the source's rules to a key and a size; null when the rules accept the object. */
  judge(object: { key: string; size: number }): Explanation | null;
  /** The keys that became uploads before, even if the uploads were deleted since. @throws Fault */
  knownKeys(keys: readonly string[]): Promise<Set<string>>;
  /** Puts a message aside. @throws Fault */
  rejectEvent(event: RejectedEvent): Promise<void>;
  /**
   * Tells, after each look into a folder, how to find the first of its files that is not in the ledger yet; null while the
   * folder is not known. A source that lists a prefix has no need of this.
   */
  onUnhandled(find: (() => FilePosition | null) | null): void;
}

/**
 * Brings the notices of one source to `admit` until the signal aborts. An error that a receiver throws becomes the
 * problem of its activity, and the receiver is started again after a backoff.
 */
export type Receiver = (source: UploadSource, deps: ReceiverDeps, signal: AbortSignal) => Promise<void>;
