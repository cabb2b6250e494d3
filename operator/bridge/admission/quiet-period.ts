/** The quiet period (`spec.settleSeconds`) in which an object must not change before it becomes an upload. Pure. */
import type { UploadSource } from '#kube/custom-resources.ts';
import { isSerial } from '#operator/bridge/model/feed-rules.ts';

/** A sender's files of one moment have time to arrive, so that none of them comes too late for its place in the order. */
const QUIET_SECONDS = 10;

/** The length of a source's quiet period. */
export function quietPeriodMs({ spec }: UploadSource): number {
  return (spec.settleSeconds ?? (spec.sftp || isSerial(spec) ? QUIET_SECONDS : 0)) * 1000;
}

/**
 * Milliseconds until the quiet period of an object ends. A storage whose clock is ahead does not make the wait longer.
 */
export function quietPeriodLeftMs(source: UploadSource, lastModified: number, now: number): number {
  // A fetched file already had its quiet period on the SFTP server.
  if (source.spec.sftp) return 0;
  const ms = quietPeriodMs(source);
  return Math.max(0, Math.min(ms, lastModified + ms - now));
}
