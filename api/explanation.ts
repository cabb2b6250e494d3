import type { Reason } from './conditions.ts';

/** Why a resource waits or fails: the reason of a condition, and a message that says what happened and what to do. */
export interface Explanation<R extends string = string> {
  reason: R;
  message: string;
}

/** The explanation of a BatchUpload, whose reason is one of {@link Reason}. */
export type UploadExplanation = Explanation<Reason>;
