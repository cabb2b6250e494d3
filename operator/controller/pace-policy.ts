/**
 * Says why the pods of an upload are slower than they could be, from what they have noted in the ledger. Pure.
 *
 * | the pods                                             | said                                      |
 * |------------------------------------------------------|-------------------------------------------|
 * | wait for a replica, or for the average of the WAL    | status.pace, and a sentence of the message |
 * | wait, and somebody has to give them a right          | Degraded, and status.pace                 |
 * | load although a limit can have no effect             | status.pace                               |
 */
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import type { UploadExplanation } from '#api/explanation.ts';
import { dateTime } from '#common/iso-seconds.ts';
import { cutText } from '#common/text.ts';
import type { UploadProgress } from '#ledger/types.ts';

const PACE_BYTES = 1024;

/** @returns null while no pod waits for a right */
export function explainUnknownPace({ pace }: UploadProgress): UploadExplanation | null {
  switch (pace?.reason) {
    case 'ReplicaLagUnknown':
    case 'WalRateUnknown':
      return { reason: pace.reason, message: pace.message };
    default:
      return null;
  }
}

/** Do pods wait, for whatever reason they have noted? */
export function makesWait({ pace }: UploadProgress): boolean {
  return pace !== null && pace.reason !== 'NoReplicas';
}

/** @returns a sentence that begins with a space; empty while the pods do not wait */
export function sayPace({ pace }: UploadProgress): string {
  return pace?.reason === 'ReplicaLag' || pace?.reason === 'WalRate' ? ` ${pace.message}` : '';
}

export function showPace({ pace }: UploadProgress): Pick<BatchUploadStatus, 'pace'> {
  if (pace === null) return {};
  const { reason, message } = pace;
  const since = dateTime(pace.since);
  if (since === null) return {};
  return { pace: { reason: cutText(reason, 64), message: cutText(message, PACE_BYTES), since } };
}
