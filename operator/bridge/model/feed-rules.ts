/** What the spec of an UploadSource says of the number and the order of its uploads. Pure. */
import type { UploadSource } from '#kube/custom-resources.ts';

export interface FeedRules {
  /** Are the files loaded one after the other, in their order? */
  serial: boolean;
  /** Does a failed upload not hold the files behind it? */
  skipFailed: boolean;
  /** The most uploads that have not ended; null: any number. */
  maxActive: number | null;
  /** The ended uploads that are kept; null: all. */
  keep: HistoryLimits;
}

export interface HistoryLimits {
  successful: number | null;
  failed: number | null;
}

export function feedRules({ spec }: UploadSource): FeedRules {
  const serial = isSerial(spec);
  return {
    serial,
    skipFailed: spec.skipFailed === true,
    maxActive: serial ? 1 : (spec.maxActiveUploads ?? null),
    keep: {
      successful: spec.successfulUploadsHistoryLimit ?? null,
      failed: spec.failedUploadsHistoryLimit ?? null,
    },
  };
}

export function isSerial(spec: UploadSource['spec']): boolean {
  return spec.concurrencyPolicy === 'Serial';
}

/** Do new files wait in the ledger for their turn, instead of becoming uploads at once? */
export function hasWaitingLine({ maxActive }: FeedRules): boolean {
  return maxActive !== null;
}

/** Does the bridge have to know the source's uploads? */
export function needsUploads(rules: FeedRules): boolean {
  return hasWaitingLine(rules) || rules.keep.successful !== null || rules.keep.failed !== null;
}
