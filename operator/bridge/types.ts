/** What crosses the parts of the bridge. */

/** An object that an event, a list or a transfer told of. What is null is asked of the object's head. */
export interface ObjectNotice {
  bucket: string;
  /** As S3 knows it, not URL-encoded. */
  key: string;
  versionId: string | null;
  /** Without quotes. */
  eTag: string | null;
  /** Bytes. */
  size: number | null;
  /** Orders events of one key. */
  sequencer: string | null;
  /** Of the event that told of it; null where none did. Time as ISO 8601. */
  event: { id: string | null; time: string | null } | null;
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
