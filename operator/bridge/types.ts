/** What crosses the parts of the bridge. */
import type { S3Client } from '@aws-sdk/client-s3';
import type { Explanation } from '#api/explanation.ts';
import type { Clock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import type { UploadSource } from '#kube/custom-resources.ts';

/** An object that an event, a list or a transfer told of. What is null is asked of the object's head. */
export interface ObjectNotice {
  bucket: string;
  /** As S3 knows it, not URL-encoded. */
  key: string;
  /**
   * Where nothing tells whether the sender encodes keys: the key as it was written. To be asked for when there is no
   * object `key`, and only then.
   */
  alternativeKey?: string;
  versionId: string | null;
  /** Without quotes. */
  eTag: string | null;
  /** Bytes. */
  size: number | null;
  /** Orders events of one key. */
  sequencer: string | null;
  /** Of the event that told of it; null where none did. Time as ISO 8601. */
  event: { id: string | null; time: string | null } | null;
  /** Wall clock, ms, where a list said so. */
  lastModified?: number;
}

/** What became of a notice. Only `Later` is not to be acknowledged. */
export type Outcome =
  | { kind: 'Created' | 'Known'; name: string }
  /** On purpose: a filter, another bucket, an object that is gone. */
  | { kind: 'Ignored'; reason: string; message: string }
  /** Not now: it settles, or something does not answer. */
  | { kind: 'Later'; reason: string; message: string };

/** One outcome for each notice, in their order. Of one key the notices are taken by sequencer. */
export type AdmitNotices = (notices: readonly ObjectNotice[], signal: AbortSignal) => Promise<Outcome[]>;

/** What a source does all the time; each has a problem of its own, or none. */
export type Activity = 'list' | 'receive' | 'fetch' | 'ledger' | 'afterSuccess';

/** What a source's parts say of themselves; the status is made from it. Never throws, never waits. */
export interface SourceRecorder {
  /** An event came. */
  event(): void;
  /** The prefix or the folder was listed to its end. */
  listed(): void;
  /**
   * Something is not meant, or cannot be understood: it is not tried again. `what`: a key, a file name, a message's id.
   */
  ignored(what: string, why: Explanation): void;
  /** A try failed; it is most likely repeated. */
  failed(what: string, why: Explanation): void;
  /** Of an activity: null when it works. The first null of the source's main activity makes it Ready. */
  problem(activity: Activity, why: Explanation | null): void;
  /** A Kubernetes event on the source. */
  warn(why: Explanation): void;
  /**
   * Oldest thing that waits outside of `admit`, such as a file that is being fetched: wall clock, ms; null for none.
   */
  waitingSince(activity: Activity, since: number | null): void;
}

/** A message that could not be understood, for the ledger. */
export interface RejectedEvent {
  messageId: string;
  reason: string;
  /** Its first 8 KiB are kept. */
  body: string;
}

/** What the part that knows how files arrive is given. */
export interface ReceiverDeps {
  admit: AdmitNotices;
  recorder: SourceRecorder;
  clock: Clock;
  log: Logger;
  /** Keys of a Secret of the source's namespace; null when there is none. Believed for half a minute. @throws Fault */
  readSecret(name: string, signal: AbortSignal): Promise<Record<string, string> | null>;
  /** The client of the source's bucket. @throws Fault */
  openStorage(signal: AbortSignal): Promise<S3Client>;
  /** By key and size alone; null when such an object is meant. */
  judge(object: { key: string; size: number }): Explanation | null;
  /** Which of these keys became uploads before, whatever became of them. @throws Fault */
  knownKeys(keys: readonly string[]): Promise<Set<string>>;
  /** Puts a message aside. @throws Fault */
  rejectEvent(event: RejectedEvent): Promise<void>;
}

/**
 * Does one thing for a source until aborted. What it throws becomes the problem of its activity, and it is started
 * again after a backoff.
 */
export type Receiver = (source: UploadSource, deps: ReceiverDeps, signal: AbortSignal) => Promise<void>;
