import type { Reason } from './conditions.ts';

/** Why a resource waits or fails: the reason of a condition (CamelCase), and what a person can do about it. */
export interface Explanation<R extends string = string> {
  reason: R;
  message: string;
}

/** The explanation of a BatchUpload: only reasons of its own conditions. */
export type UploadExplanation = Explanation<Reason>;
