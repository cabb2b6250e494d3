/**
 * Decides whether the next waiting file of an UploadSource has its turn. Pure.
 *
 * | concurrencyPolicy | uploads that have not ended | the last upload in the order           | the next file                 |
 * |-------------------|-----------------------------|----------------------------------------|-------------------------------|
 * | Allow             | fewer than maxActiveUploads | is not asked                           | has its turn                  |
 * | Allow             | maxActiveUploads or more    | is not asked                           | waits                         |
 * | Serial            | one or more                 | is not asked                           | waits                         |
 * | Serial            | none                        | is Complete or was deleted             | has its turn                  |
 * | Serial            | none                        | has failed or was cancelled            | waits; with skipFailed: turn  |
 *
 * An upload counts as the last one while nothing newer was loaded, so that it can still be tried again in its order. A
 * suspended upload has not ended.
 */
import type { FeedRules } from '#operator/bridge/model/feed-rules.ts';

export interface TurnInput {
  rules: Pick<FeedRules, 'serial' | 'skipFailed' | 'maxActive'>;
  /** The names of the uploads that have not ended. */
  active: readonly string[];
  /** The failed uploads of which nothing newer was loaded, the first in the order first. */
  failedLast: readonly string[];
}

export type TurnDecision =
  /** So many files have their turn. */
  | { kind: 'Free'; room: number }
  /** The uploads that have not ended are as many as are allowed. */
  | { kind: 'Full' }
  /** The failed upload holds the files behind it. */
  | { kind: 'Held'; by: string };

export function decideTurn({ rules, active, failedLast }: TurnInput): TurnDecision {
  const { serial, skipFailed, maxActive } = rules;
  const room = (maxActive ?? Number.POSITIVE_INFINITY) - active.length;
  if (room <= 0) return { kind: 'Full' };
  const [by] = failedLast;
  if (serial && !skipFailed && by !== undefined) return { kind: 'Held', by };
  return { kind: 'Free', room };
}
